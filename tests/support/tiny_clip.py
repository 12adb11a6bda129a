"""A small random CLIP with a tokenizer of its own, in a folder as a hub would hand it out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def write_tiny_clip(
    folder: Path,
    sentences: Iterable[str],
    *,
    width: int = 32,
    layers: int = 3,
    size: int = 32,
    seed: int = 0,
) -> Path:
    """Write tokenizer, configuration and weights; returns the folder.

    Args:
        folder: to create.
        sentences: the tokenizer knows their characters.
        width: size of a token in both towers.
        layers: blocks of both towers.
        size: side of a picture; patches are half of it.
        seed: of the weights.
    """
    from sign_etl.models.vision import guard_torchvision

    guard_torchvision()
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

    characters = sorted({character for text in sentences for character in text})
    vocabulary = {token: n for n, token in enumerate(["<start>", *characters, "<end>"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<start>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>",
        special_tokens=[("<start>", 0), ("<end>", len(vocabulary) - 1)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<start>",
        eos_token="<end>",
        pad_token="<end>",
        unk_token="<start>",
        model_max_length=40,
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    both = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
    }
    text = {
        "vocab_size": len(vocabulary),
        "max_position_embeddings": 40,
        "bos_token_id": 0,
        "eos_token_id": len(vocabulary) - 1,
        "pad_token_id": len(vocabulary) - 1,
    }
    config = CLIPConfig(
        text_config={**both, **text},
        vision_config={**both, "image_size": size, "patch_size": size // 2},
        projection_dim=16,
    )
    CLIPModel(config).save_pretrained(folder)
    return folder

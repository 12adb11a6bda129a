"""A small random mT5 with a tokenizer of its own, in a folder as a hub would hand it out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

SPECIAL = ("<pad>", "</s>", "<unk>")


def write_tiny_mt5(folder: Path, sentences: Iterable[str], *, width: int = 64) -> Path:
    """Write tokenizer, configuration and weights; returns the folder."""
    from sign_etl.models.vision import guard_torchvision

    guard_torchvision()
    import torch
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from tokenizers.trainers import UnigramTrainer
    from transformers import MT5Config, MT5ForConditionalGeneration, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        list(sentences),
        UnigramTrainer(
            vocab_size=300, special_tokens=list(SPECIAL), unk_token="<unk>", show_progress=False
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = MT5Config(
        vocab_size=len(fast),
        d_model=width,
        d_kv=16,
        d_ff=2 * width,
        num_layers=2,
        num_decoder_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=1,
    )
    MT5ForConditionalGeneration(config).save_pretrained(folder)
    return folder

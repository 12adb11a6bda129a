"""Zero-shot by CLIP's text tower: what CLIP says itself, words for labels, what it cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_clip import write_tiny_clip  # noqa: E402

from sign_etl.core.errors import ConfigError, UsageError  # noqa: E402
from sign_etl.models import clip_zero_shot  # noqa: E402
from sign_etl.models.base import Frames  # noqa: E402
from sign_etl.models.clip_loading import text_vectors, whole_clip  # noqa: E402

LABELS = ["water", "train", "rain"]
FRAMES = Frames(6, 32, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("clip"), ["a sign of", *LABELS])


def test_zero_shot_is_what_clip_says_itself(folder: Path) -> None:
    prompts = ("a sign of {label}",)
    options = clip_zero_shot.MODEL.options({"clip": str(folder), "prompts": prompts})
    model = clip_zero_shot.MODEL.build(options, inputs=FRAMES, outputs=3).eval()
    model.name_classes(LABELS)
    clip = whole_clip(str(folder))
    torch.manual_seed(0)
    frames = torch.randn(2, 1, 3, 32, 32)
    from transformers import AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(str(folder))(
        [f"a sign of {label}" for label in LABELS], padding=True, return_tensors="pt"
    )
    wanted = clip(
        input_ids=tokens["input_ids"],
        attention_mask=tokens["attention_mask"],
        pixel_values=frames[:, 0],
    ).logits_per_image
    found = model(frames, torch.ones(2, 1, dtype=torch.bool))
    assert torch.allclose(found, wanted, atol=1e-4)
    longer = torch.cat([frames, torch.full((2, 2, 3, 32, 32), 7.0)], 1)
    mask = torch.tensor([[True, False, False]] * 2)
    assert torch.allclose(model(longer, mask), found, atol=1e-4)
    assert {n for n in model.state_dict() if "frozen" in n} == set()
    assert text_vectors(clip, str(folder), LABELS).norm(dim=-1).allclose(torch.ones(3))
    with pytest.raises(ValueError, match="no place for the class"):
        clip_zero_shot.MODEL.options({"prompts": ("a sign",)})


def test_zero_shot_calls_classes_by_a_table(folder: Path, tmp_path: Path) -> None:
    """Where labels are numbers, a table has the words; both ways the same vectors."""
    table = tmp_path / "words.csv"
    rows = ["label,word", *(f"{number:04d},{word}" for number, word in enumerate(LABELS))]
    table.write_text("\n".join(rows), encoding="utf-8-sig")
    common = {"clip": str(folder), "prompts": ("a sign of {label}",)}

    def named(labels: list[str], **more: Any) -> Any:
        options = clip_zero_shot.MODEL.options({**common, **more})
        model = clip_zero_shot.MODEL.build(options, inputs=FRAMES, outputs=len(labels))
        model.name_classes(labels)
        return model.class_vectors

    numbers = [f"{number:04d}" for number in range(3)]
    assert torch.equal(named(numbers, words=str(table)), named(LABELS))
    with pytest.raises(ConfigError, match="no word for 1 of 4 classes, for one `9999`"):
        named([*numbers, "9999"], words=str(table))
    with pytest.raises(UsageError, match="no table"):
        named(numbers, words=str(tmp_path / "nothing.csv"))


def test_classes_that_clip_cannot_tell_apart_are_refused(folder: Path) -> None:
    """A tokenizer that lacks a script, or cuts a sentence off before the names."""
    clip = whole_clip(str(folder))
    with pytest.raises(ConfigError, match="are the same"):
        text_vectors(clip, str(folder), ["ماء", "قطر"])
    with pytest.raises(ConfigError, match="are the same"):
        text_vectors(clip, str(folder), ["a sign of " * 5 + label for label in LABELS])


def test_names_in_every_script_are_told_apart(folder: Path, tmp_path: Path) -> None:
    """By CLIP's own kind of tokenizer: bytes, which begin and end words, here without merges."""
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|startoftext|>", "<|endoftext|>"]
    tokens = [*signs, *(f"{sign}</w>" for sign in signs), *special]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77).save_pretrained(tmp_path)
    clip = whole_clip(str(folder))
    clip.text_model.embeddings.token_embedding = torch.nn.Embedding(len(tokens), 32)
    clip.text_model.embeddings.position_embedding = torch.nn.Embedding(77, 32)
    clip.text_model.embeddings.position_ids = torch.arange(77)[None]
    clip.text_model.eos_token_id = vocabulary["<|endoftext|>"]
    labels = ["ماء", "قطر", "вода", "поезд", "水", "γάλα", "water"]
    vectors = text_vectors(clip, str(tmp_path), [f"the sign {label}" for label in labels])
    assert vectors.shape == (7, 16)
    alike = vectors @ vectors.T - torch.eye(7)
    assert float(alike.max()) < 1 - 1e-4
    alone = text_vectors(clip, str(tmp_path), ["the sign вода"])  # without the padding of others
    assert torch.allclose(alone[0], vectors[2], atol=1e-5)
    with pytest.raises(ConfigError, match="are the same"):  # letters are written small
        text_vectors(clip, str(tmp_path), ["the sign Вода", "the sign вода"])

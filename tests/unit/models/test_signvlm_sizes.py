"""SignVLM at full size, counted by hand, and its published names in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_clip import write_tiny_clip  # noqa: E402

from sign_etl.core.errors import ConfigError  # noqa: E402
from sign_etl.models.base import Frames  # noqa: E402
from sign_etl.models.clip_tower import TowerShape  # noqa: E402
from sign_etl.models.published import from_published  # noqa: E402
from sign_etl.models.signvlm import MODEL, SignVlm, published_name  # noqa: E402

FRAMES = Frames(6, 32, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("clip"), ["a sign"])


def made(folder: Path) -> SignVlm:
    torch.manual_seed(0)
    chosen = MODEL.options({"clip": str(folder), "layers": 2, "frames": 6})
    model = MODEL.build(chosen, inputs=FRAMES, outputs=3)
    assert isinstance(model, SignVlm)
    return model


@pytest.mark.parametrize(
    ("width", "heads", "grid", "one"),
    [(768, 12, 14, 8_230_656), (1024, 16, 16, 14_595_072)],
    ids=["b-16", "l-14"],
)
def test_the_decoder_at_full_size(width: int, heads: int, grid: int, one: int) -> None:
    """Counted by hand, four blocks, 24 frames, 502 classes; and published names, both ways."""
    options = MODEL.options({"frames": 24})
    with torch.device("meta"):
        model = SignVlm(options, TowerShape(width, heads, 224, grid), None, outputs=502)
        theirs = {
            name: torch.empty(shape) for name, shape in published(4, 24, width, grid, classes=502)
        }
    inner = 4 * width
    attention = 4 * (width * width + width)
    mlp = 2 * width * inner + inner + width
    norms, convolution, position = 3 * 2 * width, 3 * width + width, 24 * width
    neighbours = 2 * (2 * grid - 1) ** 2 * width
    block = attention + mlp + norms + convolution + position + neighbours
    head = 2 * width + 502 * width + 502
    assert block == one
    assert sum(parameter.numel() for parameter in model.parameters()) == 4 * block + width + head
    ours = model.state_dict()
    renamed = {published_name(name): tensor.shape for name, tensor in theirs.items()}
    assert len(renamed) == len(theirs)
    assert renamed == {name: tensor.shape for name, tensor in ours.items()}
    assert from_published(theirs, ours).keys() == ours.keys()


@pytest.mark.parametrize(
    ("name", "million"),
    [("vit-b-16", (768, 12, 12, 3072, 16, 85.8)), ("vit-l-14", (1024, 24, 16, 4096, 14, 303.2))],
)
def test_the_towers_at_full_size(name: str, million: tuple[Any, ...]) -> None:
    """86 M and 303 M, as CLIP's picture towers have them."""
    from transformers import CLIPVisionConfig, CLIPVisionModel

    width, layers, heads, inner, patch, expected = million
    config = CLIPVisionConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=inner, patch_size=patch, image_size=224,
    )  # fmt: skip
    with torch.device("meta"):
        tower = CLIPVisionModel(config)
    assert round(sum(p.numel() for p in tower.parameters()) / 1e6, 1) == expected


def published(layers: int, frames: int, width: int, grid: int, classes: int) -> Iterator[Any]:
    """Names and shapes as a published decoder has them, written down from its architecture."""
    yield "decoder.cls_token", (width,)
    for layer in range(layers):
        at = f"decoder.decoder_layers.{layer}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield f"{at}.attn.{part}.weight", (width, width)
            yield f"{at}.attn.{part}.bias", (width,)
        yield f"{at}.mlp.fc1.weight", (4 * width, width)
        yield f"{at}.mlp.fc1.bias", (4 * width,)
        yield f"{at}.mlp.fc2.weight", (width, 4 * width)
        yield f"{at}.mlp.fc2.bias", (width,)
        for norm in ("norm1", "norm2", "norm3"):
            yield f"{at}.{norm}.weight", (width,)
            yield f"{at}.{norm}.bias", (width,)
        yield f"decoder.temporal_conv.{layer}.weight", (width, 1, 3)
        yield f"decoder.temporal_conv.{layer}.bias", (width,)
        yield f"decoder.temporal_pos_embed.{layer}", (frames, width)
        yield f"decoder.cross_attention.{layer}.w1", ((2 * grid - 1) ** 2, width)
        yield f"decoder.cross_attention.{layer}.w2", ((2 * grid - 1) ** 2, width)
    yield "proj.0.weight", (width,)
    yield "proj.0.bias", (width,)
    yield "proj.2.weight", (classes, width)
    yield "proj.2.bias", (classes,)


def test_published_names_are_complete_in_both_directions(folder: Path) -> None:
    model = made(folder)
    ours = model.state_dict()
    torch.manual_seed(2)
    state = {f"module.{name}": torch.randn(shape) for name, shape in published(2, 6, 32, 2, 3)}
    assert {published_name(name.removeprefix("module.")) for name in state} == {
        name for name in ours if name != "tower.digest"
    }
    found = from_published(state, ours)
    assert found.keys() == ours.keys()
    model.load_state_dict(found)
    assert torch.equal(model.query, state["module.decoder.cls_token"])
    assert published_name("decoder.unknown") is None
    del state["module.proj.0.bias"]
    with pytest.raises(ConfigError, match="lack 1"):
        from_published(state, ours)

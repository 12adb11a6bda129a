"""SignVLM: sizes, padding, the frozen tower, cached features, published names, zero-shot."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_clip import write_tiny_clip  # noqa: E402

from sign_etl.core.errors import AccessError, ConfigError  # noqa: E402
from sign_etl.models import clip_zero_shot  # noqa: E402
from sign_etl.models.base import Features, Frames, Inputs  # noqa: E402
from sign_etl.models.clip_decoder import NeighbourAttention  # noqa: E402
from sign_etl.models.clip_loading import text_vectors, whole_clip  # noqa: E402
from sign_etl.models.published import from_published  # noqa: E402
from sign_etl.models.signvlm import MODEL, SignVlm, published_name  # noqa: E402

FRAMES = Frames(6, 32, 32)
LABELS = ["water", "train", "rain"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("clip"), [*LABELS, "a sign of"])


def made(folder: Path, inputs: Inputs = FRAMES, **options: Any) -> SignVlm:
    torch.manual_seed(0)
    chosen = MODEL.options({"clip": str(folder), "layers": 2, "frames": 6, **options})
    model = MODEL.build(chosen, inputs=inputs, outputs=3)
    assert isinstance(model, SignVlm)
    return model


def awake(model: SignVlm) -> SignVlm:
    """With numbers where training begins with zeros, so that every part says something."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "position" in name or "neighbours" in name:
                parameter.normal_()
    return model


def test_the_decoder_over_clip_l_14_at_full_size() -> None:
    """Counted by hand: four blocks over width 1024, 24 frames, 16 x 16 patches, 502 classes."""
    from sign_etl.models.clip_tower import TowerShape

    options = MODEL.options({"frames": 24})
    with torch.device("meta"):
        model = SignVlm(options, TowerShape(1024, 16, 224, 16), None, outputs=502)
    width, inner = 1024, 4096
    attention = 4 * (width * width + width)
    mlp = 2 * width * inner + inner + width
    norms, convolution, position = 3 * 2 * width, 3 * width + width, 24 * width
    neighbours = 2 * 31 * 31 * width
    block = attention + mlp + norms + convolution + position + neighbours
    head = 2 * width + 502 * width + 502
    assert block == 14_595_072
    assert sum(parameter.numel() for parameter in model.parameters()) == 4 * block + width + head


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


def test_padding_changes_nothing(folder: Path) -> None:
    model = awake(made(folder)).eval()
    frames = torch.randn(2, 5, 3, 32, 32)
    mask = torch.ones(2, 5, dtype=torch.bool)
    mask[1, 3:] = False
    found = model(frames, mask)
    assert torch.allclose(model(frames[1:, :3], mask[1:, :3]), found[1:], atol=1e-5)
    other = frames.clone()
    other[1, 3:] = 9.0
    assert torch.allclose(model(other, mask), found, atol=1e-5)


def test_the_order_of_the_frames_counts(folder: Path) -> None:
    model = awake(made(folder)).eval()
    frames, mask = torch.randn(1, 6, 3, 32, 32), torch.ones(1, 6, dtype=torch.bool)
    assert not torch.allclose(model(frames.flip(1), mask), model(frames, mask), atol=1e-3)


def test_neighbours_by_hand() -> None:
    """Patch 0 of the second frame looks at patch 3 of the first one: one down, one across."""
    neighbours = NeighbourAttention(2, 1)
    with torch.no_grad():
        neighbours.before.copy_(torch.arange(9.0)[:, None])
    queries, keys = torch.zeros(1, 2, 5, 1, 2), torch.zeros(1, 2, 5, 1, 2)
    queries[0, 1, 1] = torch.tensor([100.0, 0.0])
    keys[0, 0, 4] = torch.tensor([100.0, 0.0])
    found = neighbours(queries, keys, torch.ones(1, 2, dtype=torch.bool)).detach()
    assert found.shape == (1, 2, 5, 1)
    # Offset (-1, -1) is the first of the 3 x 3 offsets.
    assert float(found[0, 1, 1, 0]) == pytest.approx(0.0, abs=1e-4)
    # Patch 3 looks at all four alike: offsets (1, 1), (1, 0), (0, 1), (0, 0).
    assert float(found[0, 1, 4, 0]) == pytest.approx((8 + 7 + 5 + 4) / 4, abs=1e-4)
    assert not found[0, 0].any()  # nothing was learned about later frames
    assert not found[:, :, 0].any()  # class tokens do not move


def test_the_tower_is_frozen_and_out_of_the_weights(folder: Path, tmp_path: Path) -> None:
    model = made(folder).train()
    before = {name: tensor.clone() for name, tensor in model.tower.frozen.state_dict().items()}
    assert not model.tower.frozen.training
    assert not any(p.requires_grad for p in model.tower.parameters())
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    model(torch.randn(2, 6, 3, 32, 32), torch.ones(2, 6, dtype=torch.bool)).sum().backward()
    optimizer.step()
    after = model.tower.frozen.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    state = model.state_dict()
    assert [name for name in state if name.startswith("tower")] == ["tower.digest"]
    made(folder).load_state_dict(state)
    assert deepcopy(model).tower is model.tower
    other = write_tiny_clip(tmp_path / "other", LABELS, seed=1)
    with pytest.raises(ConfigError, match="another CLIP"):
        made(other).load_state_dict(state)


def test_cached_features_say_what_frames_say(folder: Path) -> None:
    model = awake(made(folder)).eval()
    frames, mask = torch.randn(2, 4, 3, 32, 32), torch.ones(2, 4, dtype=torch.bool)
    stem = model.tower.stem(frames.flatten(0, 1)).reshape(2, 4, -1)
    cached = made(folder, Features(stem.shape[-1]), input="stem").eval()
    cached.load_state_dict(model.state_dict())
    assert torch.allclose(cached(stem, mask), model(frames, mask), atol=1e-6)
    tokens = [block.tokens[:, 0] for block in model.tower(frames.flatten(0, 1))]
    features = torch.stack(tokens, 1).reshape(2, 4, -1)
    small = made(folder, Features(2 * 32), input="cls")
    assert small.tower is None
    assert small(features, mask).shape == (2, 3)


def test_eight_clips_are_learned_by_heart(folder: Path) -> None:
    """Through the frozen tower, decoder alone."""
    model = made(folder, mlp_dropout=0.0, dropout=0.0)
    torch.manual_seed(1)
    frames, mask = torch.randn(8, 4, 3, 32, 32), torch.ones(8, 4, dtype=torch.bool)
    target = torch.arange(8) % 3
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(model(frames, mask), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert torch.equal(model.eval()(frames, mask).argmax(1), target)


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        (Frames(6, 48, 32), {}, "32 x 32"),
        (Frames(9, 32, 32), {}, "places for 6"),
        (Frames(0, 32, 32), {}, "places for 6"),
        (Features(7), {"input": "cls"}, "2 x 32"),
        (Features(32), {"input": "frames"}, "takes Frames"),
        (FRAMES, {"heads": 5}, "is no multiple of `model.heads` 5"),
        (FRAMES, {"layers": 4}, "3 blocks"),
    ],
    ids=["size", "frames", "all-frames", "features", "view", "heads", "blocks"],
)
def test_what_does_not_fit_is_refused(
    folder: Path, inputs: Inputs, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        made(folder, inputs, **options)


def test_a_clip_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="cannot be loaded") as caught:
        made(tmp_path / "nothing")
    assert "model.clip" in (caught.value.hint or "")


def test_the_query_begins_as_meant_or_as_published(folder: Path) -> None:
    assert made(folder).query.any()
    assert not made(folder, compat="published").query.any()


def test_random_towers_are_the_same_one_again(folder: Path) -> None:
    random = {"width": 16, "layers": 2, "heads": 2, "patch": 16, "size": 32}
    first = made(folder, random_clip=random)
    torch.manual_seed(5)
    assert torch.equal(first.tower.digest, made(folder, random_clip=random).tower.digest)
    assert first.tower.digest.any()


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


def test_an_exporter_sees_any_number_of_clips(folder: Path) -> None:
    model = awake(made(folder)).eval()
    example = (torch.randn(2, 4, 3, 32, 32), torch.ones(2, 4, dtype=torch.bool))
    batch = torch.export.Dim("batch", max=64)
    graph = torch.export.export(model, example, dynamic_shapes=({0: batch}, {0: batch})).module()
    frames, mask = torch.randn(20, 4, 3, 32, 32), torch.ones(20, 4, dtype=torch.bool)
    mask[3, 2:] = False
    assert torch.allclose(graph(frames, mask), model(frames, mask), atol=1e-5)

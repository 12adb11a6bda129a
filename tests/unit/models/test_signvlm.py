"""SignVLM: sizes, padding, the frozen tower, cached features, published names, zero-shot."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_clip import write_tiny_clip  # noqa: E402

from sign_etl.core.canonical import sha256_file  # noqa: E402
from sign_etl.core.errors import AccessError, ConfigError  # noqa: E402
from sign_etl.models.base import Features, Frames, Inputs  # noqa: E402
from sign_etl.models.signvlm import MODEL, SignVlm  # noqa: E402

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


def test_in_bf16_the_tower_has_no_gradient(folder: Path) -> None:
    model = awake(made(folder)).train()
    mask = torch.ones(2, 6, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        seen = model.tower(torch.randn(12, 3, 32, 32))
        assert seen[0].queries.dtype == torch.bfloat16
        assert not any(part.requires_grad for b in seen for part in (b.tokens, b.queries, b.keys))
        scores = model(torch.randn(2, 6, 3, 32, 32), mask)
        torch.nn.functional.cross_entropy(scores.float(), torch.tensor([0, 1])).backward()
    learned = {name for name, each in model.named_parameters() if each.grad is not None}
    assert learned == {n for n, _ in model.named_parameters() if not n.startswith("tower.")}


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


MADE = {"backend": "clip", "options": {"tokens": "cls", "layers": 2}, "weights": {}}


@pytest.mark.parametrize(
    ("options", "told", "words"),
    [
        ({"layers": 1}, {"tokens": "pooled", "layers": 4}, "`cls` of 1 .* `pooled` of 4"),
        ({"layers": 3}, {"tokens": "cls", "layers": 2}, "reads 3 x 32"),
        ({"input": "stem"}, {"tokens": "stem", "layers": 1}, "`stem` of 2 .* `stem` of 1"),
    ],
    ids=["pooled", "fewer", "another-stem"],
)
def test_features_of_other_tokens_are_refused(
    folder: Path, options: dict[str, Any], told: dict[str, Any], words: str
) -> None:
    size = 5 * 32 if told["tokens"] == "stem" else 32 * (1 if told["tokens"] == "pooled" else 2)
    with pytest.raises(ConfigError, match=words):
        made(folder, Features(size, {**MADE, "options": told}), **{"input": "cls", **options})


def test_features_of_another_clip_are_refused(folder: Path, tmp_path: Path) -> None:
    """By its last blocks they would be read on."""
    other = write_tiny_clip(tmp_path / "other", LABELS, seed=1)
    digest = sha256_file(other / "model.safetensors")
    told = {"tokens": "stem", "layers": 2}
    features = Features(5 * 32, {**MADE, "options": told, "weights": {"model.safetensors": digest}})
    assert made(other, features, input="stem").tower is not None
    with pytest.raises(ConfigError, match="features are of another CLIP"):
        made(folder, features, input="stem")


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


def test_an_exporter_sees_any_number_of_clips(folder: Path) -> None:
    model = awake(made(folder)).eval()
    example = (torch.randn(2, 4, 3, 32, 32), torch.ones(2, 4, dtype=torch.bool))
    batch = torch.export.Dim("batch", max=64)
    graph = torch.export.export(model, example, dynamic_shapes=({0: batch}, {0: batch})).module()
    frames, mask = torch.randn(20, 4, 3, 32, 32), torch.ones(20, 4, dtype=torch.bool)
    mask[3, 2:] = False
    assert torch.allclose(graph(frames, mask), model(frames, mask), atol=1e-5)

"""Uni-Sign's pictures of hands: the gate, padding, sizes, names of published weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_mt5 import write_tiny_mt5  # noqa: E402

from sign_etl.core.errors import AccessError, ConfigError  # noqa: E402
from sign_etl.models.base import Crops, Keypoints  # noqa: E402
from sign_etl.models.hand_pictures import (  # noqa: E402
    DeformableFusion,
    HandCrops,
    HandPictures,
    backbone,
    torchvision_name,
)
from sign_etl.models.published import from_published  # noqa: E402
from sign_etl.models.unisign import MODEL, UniSign, published_name  # noqa: E402

CROPS = Crops(Keypoints(69, 2), 32)
SENTENCES = ["il treno parte alle otto", "domani piove a Roma"]
TOGETHER = torch.tensor([[True, True, True, True], [True, True, False, False]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_mt5(tmp_path_factory.mktemp("mt5"), SENTENCES, width=32)


@pytest.fixture
def hands() -> HandPictures:
    torch.manual_seed(0)
    return HandPictures(16).eval()


def crops(clips: int = 2, frames: int = 2) -> HandCrops:
    """Both hands of the first frames, except the right one of the first crop."""
    torch.manual_seed(3)
    joints = torch.rand(clips, frames, 2, 21, 3)
    joints[0, 0, 1] = 0
    return HandCrops(
        torch.randn(clips, frames, 2, 3, 32, 32),
        joints,
        torch.arange(frames).expand(clips, -1).float(),
        torch.ones(clips, frames, dtype=torch.bool),
    )


def opened(hands: HandPictures) -> HandPictures:
    """With the gate open by half."""
    with torch.no_grad():
        hands.fusion.gate_out.bias.fill_(0.5)
    return hands


def test_the_gate_begins_closed_and_can_open() -> None:
    """As published it cannot: no gradient reaches it, nor anything behind it."""
    torch.manual_seed(0)
    pose, picture, joints = torch.randn(3, 16, 21), torch.randn(3, 16, 4, 4), torch.rand(3, 21, 2)
    for published in (False, True):
        fusion = DeformableFusion(16, published=published)
        found = fusion(pose, picture, joints)
        assert torch.equal(found, pose)
        found.square().sum().backward()
        slopes = [float(p.grad.abs().sum()) for p in fusion.parameters() if p.grad is not None]
        assert (sum(slopes) > 0) is not published


def test_a_closed_gate_opens_again() -> None:
    """Noise of the first pictures closes it; what is of use later must get through.

    The loss falls where joints see something else than their pose, or, turned round, rises.
    """
    torch.manual_seed(0)
    pose, picture, joints = torch.randn(3, 16, 21), torch.randn(3, 16, 4, 4), torch.rand(3, 21, 2)
    for published, sign, opens in ((False, 1, True), (False, -1, False), (True, 1, False)):
        fusion = DeformableFusion(16, published=published)
        with torch.no_grad():
            fusion.gate_out.bias.fill_(-0.2)
        found = fusion(pose, picture, joints)
        assert torch.equal(found, pose)
        (sign * found.square().sum()).backward()
        slope = float(fusion.gate_out.bias.grad)
        assert (slope < 0) is opens
        assert (slope == 0) is not opens


def softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def fused_by_hand(
    w: dict[str, np.ndarray], pose: np.ndarray, picture: np.ndarray, joints: np.ndarray
) -> np.ndarray:
    """Features (C, V) of joints that look at a picture (C, G, G), all sums written out."""
    width, points = pose.shape
    heads, each, grid = 8, width // 8, picture.shape[-1]
    gelu = np.vectorize(lambda value: value * (1 + math.erf(value / math.sqrt(2))) / 2)

    places = np.zeros((grid * grid, width))
    for n, c in product(range(grid * grid), range(width)):
        angle = n / 10000 ** ((c - c % 2) / width)
        places[n, c] = math.cos(angle) if c % 2 else math.sin(angle)
    tokens = picture.reshape(width, -1).T + places
    angles = 2 * math.pi * (2 * joints - 1) @ w["frequencies"]
    asked = pose.T + np.concatenate([np.sin(angles), np.cos(angles)], -1)
    parts = zip(
        np.split(w["look.in_proj_weight"], 3), np.split(w["look.in_proj_bias"], 3), strict=True
    )
    q, k, v = (x @ m.T + b for x, (m, b) in zip((asked, tokens, tokens), parts, strict=True))
    looked = np.zeros_like(asked)
    for head in range(heads):
        own = slice(head * each, (head + 1) * each)
        looked[:, own] = softmax(q[:, own] @ k[:, own].T / math.sqrt(each)) @ v[:, own]
    looked = looked @ w["look.out_proj.weight"].T + w["look.out_proj.bias"]

    def look_up(g: int, x: float, y: float) -> np.ndarray:
        """Bilinear, zero beyond the edges; -1 and 1 are the edges of the outer cells."""
        column, row = ((x + 1) * grid - 1) / 2, ((y + 1) * grid - 1) / 2
        found = np.zeros(each)
        for r, c in product(range(grid), range(grid)):
            share = max(0.0, 1 - abs(row - r)) * max(0.0, 1 - abs(column - c))
            found += share * picture[g * each : (g + 1) * each, r, c]
        return found

    fused = np.zeros((width, points))
    for g in range(heads):
        own = slice(g * each, (g + 1) * each)
        query = w["query.weight"][own, :, 0] @ (pose + looked.T)[own]
        scale, shift = w["scale_offset.weight"][:, 0, 0], w["scale_offset.bias"]
        offset = w["offset.weight"][..., 0] @ gelu(query * scale[:, None] + shift[:, None])
        here = 2 * joints - 1
        there = here + 4 / 6 * np.tanh(offset).T
        seen = np.stack([look_up(g, *place) for place in there], 1)
        key, value = (w[f"{name}.weight"][own, :, 0] @ seen for name in ("key", "value"))
        scores = query.T @ key / math.sqrt(each)
        for i, j in product(range(points), range(points)):
            apart = here[i] - there[j]
            near = np.sign(apart) * np.log(np.abs(apart) + 1)
            for layer in (0, 2, 4):
                near = w[f"near.{layer}.weight"] @ near + w[f"near.{layer}.bias"]
                near = near if layer == 4 else np.maximum(near, 0)
            scores[i, j] += near[0]
        fused[own] = (softmax(scores) @ value.T).T
    fused = w["out.weight"][..., 0] @ fused + w["out.bias"][:, None]
    inner = w["gate_in.weight"][..., 0] @ np.concatenate([fused, pose]) + w["gate_in.bias"][:, None]
    gate = w["gate_out.weight"][..., 0] @ gelu(inner) + w["gate_out.bias"][:, None]
    gate = np.maximum(np.tanh(gate), 0)
    return gate * fused + (1 - gate) * pose


def test_the_fusion_by_hand() -> None:
    """Offsets up to 4/6 of half a crop, relative places, 8 heads: computed a second time."""
    torch.manual_seed(0)
    fusion = DeformableFusion(16, published=True)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.7)
    pose, picture, joints = torch.randn(1, 16, 5), torch.randn(1, 16, 3, 3), torch.rand(1, 5, 2)
    joints[0, 0] = torch.tensor([0.0, 1.0])
    found = fusion(pose, picture, joints)[0].detach().numpy()
    assert (np.abs(found - pose[0].numpy()).max(0) > 1e-3).any()
    weights = {name: tensor.numpy() for name, tensor in fusion.state_dict().items()}
    wanted = fused_by_hand(weights, pose[0].numpy(), picture[0].numpy(), joints[0].numpy())
    np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-3)


def test_only_frames_with_a_seen_hand_change(hands: HandPictures) -> None:
    features = torch.randn(12, 16, 21)  # six real frames, left hands first
    found = opened(hands)(features, TOGETHER, crops())
    changed = (found != features).flatten(1).any(1)
    # Frames 0 and 1 of both clips: rows 0, 1, 4, 5; right hands six further on, one is not seen.
    assert changed.nonzero().flatten().tolist() == [0, 1, 4, 5, 7, 10, 11]
    given = crops()._replace(mask=torch.zeros(2, 2, dtype=torch.bool))
    assert torch.equal(hands(features, TOGETHER, given), features)


def test_padding_changes_nothing(hands: HandPictures) -> None:
    features, given = torch.randn(12, 16, 21), crops()
    found = opened(hands)(features, TOGETHER, given)
    mask = torch.nn.functional.pad(TOGETHER, (0, 3))
    more = HandCrops(
        torch.cat([given.pictures, torch.full((2, 1, 2, 3, 32, 32), 5.0)], 1),
        torch.cat([given.joints, torch.ones(2, 1, 2, 21, 3)], 1),
        torch.cat([given.places, torch.zeros(2, 1)], 1),
        torch.nn.functional.pad(given.mask, (0, 1)),
    )
    assert torch.allclose(hands(features, mask, more), found, atol=1e-6)


def test_the_backbone_is_torchvisions() -> None:
    """Its weights under other names: as many, of the same shapes, and the same features."""
    models = pytest.importorskip("torchvision.models")
    torch.manual_seed(0)
    theirs = models.efficientnet_b0(weights=None).features.eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    ours = backbone("random").eval()
    renamed = {torchvision_name(name): tensor for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(renamed)
    pictures = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.allclose(ours.forward_features(pictures), theirs(pictures), atol=1e-4)


def made(folder: Path, inputs: Any = CROPS, **options: Any) -> UniSign:
    chosen = {"language_model": str(folder), "graph_width": 16, "hand_weights": "random"}
    model = MODEL.build(MODEL.options({**chosen, **options}), inputs=inputs, outputs=0)
    assert isinstance(model, UniSign)
    return model


def test_the_second_stage_begins_as_the_first_one_ended(folder: Path) -> None:
    torch.manual_seed(0)
    first = made(folder, Keypoints(69, 2)).eval()
    second = made(folder).eval()
    lacking, strange = second.load_state_dict(first.state_dict(), strict=False)
    assert not strange
    assert all(name.startswith("hands.") for name in lacking)
    points, prompt = torch.randn(2, 4, 69, 3), torch.tensor([3, 4])
    labels = torch.tensor([[5, 6, 1], [7, 1, -100]])
    alone = first(points, TOGETHER, prompt, labels)
    assert torch.allclose(second(points, TOGETHER, prompt, labels, crops()), alone, atol=1e-5)
    opened(second.hands)
    assert not torch.allclose(second(points, TOGETHER, prompt, labels, crops()), alone, atol=1e-4)


def test_the_size_of_all_of_it() -> None:
    """Poses and mT5-base some 588 M, as the published logs say; the pictures add 4.8 M."""
    with torch.device("meta"):
        hands = HandPictures(256)
    count = sum(parameter.numel() for parameter in hands.parameters())
    fusion = 3 * 256 * 256 + 3 * 256 + 2 * (256 * 256 + 256)  # attention to all, output
    fusion += 3 * 256 * 32  # queries, keys and values in groups
    fusion += 2 * 32 + 2 * 32  # offsets
    fusion += (2 * 64 + 64) + (64 * 64 + 64) + (64 + 1)  # nearness
    fusion += (512 * 256 + 256) + (256 + 1)  # gate
    assert count == 4_007_548 + (1280 * 256 + 256) + fusion


def published(model: UniSign) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of the part for pictures, written down from the published architecture."""
    models = pytest.importorskip("torchvision.models")
    with torch.device("meta"):
        features = models.efficientnet_b0(weights=None).features
    for name, tensor in features.state_dict().items():
        yield f"rgb_support_backbone.0.{name}", tuple(tensor.shape)
    width = model.hands.fusion.query.in_channels
    yield "rgb_proj.weight", (width, 1280, 1, 1)
    yield "rgb_proj.bias", (width,)
    at = "fusion_pose_rgb_DA"
    each, near = width // 8, width // 4
    yield f"{at}.to_offsets.0.weight", (each, 1, 1)
    yield f"{at}.to_offsets.0.bias", (each,)
    yield f"{at}.to_offsets.2.weight", (2, each, 1)
    for layer, (inputs, outputs) in (("0.0", (2, near)), ("1.0", (near, near)), ("2", (near, 1))):
        yield f"{at}.rel_pos_bias.mlp.{layer}.weight", (outputs, inputs)
        yield f"{at}.rel_pos_bias.mlp.{layer}.bias", (outputs,)
    yield f"{at}.to_q.weight", (width, each, 1)
    yield f"{at}.to_k.weight", (width, each, 1, 1)
    yield f"{at}.to_v.weight", (width, each, 1, 1)
    yield f"{at}.to_out.weight", (width, width, 1)
    yield f"{at}.to_out.bias", (width,)
    yield f"{at}.cross_attn.in_proj_weight", (3 * width, width)
    yield f"{at}.cross_attn.in_proj_bias", (3 * width,)
    yield f"{at}.cross_attn.out_proj.weight", (width, width)
    yield f"{at}.cross_attn.out_proj.bias", (width,)
    yield f"{at}.pe_layer.positional_encoding_gaussian_matrix", (2, width // 2)
    yield "fusion_gate.0.weight", (width, 2 * width, 1)
    yield "fusion_gate.0.bias", (width,)
    yield "fusion_gate.2.weight", (1, width, 1)
    yield "fusion_gate.2.bias", (1,)


def test_published_names_are_complete_in_both_directions(folder: Path) -> None:
    model = made(folder)
    ours = {n: t for n, t in model.state_dict().items() if n.startswith("hands.")}
    torch.manual_seed(1)
    state = {name: torch.randn(shape) for name, shape in published(model)}
    assert {published_name(name) for name in state} == set(ours)
    marker = {"fusion_gcn_modules.body.layer0_0.gcn.A": torch.randn(2, 9, 9)}
    unused = {"fusion_pose_rgb_linear.weight": torch.zeros(16, 16)}
    place = published_name(next(iter(marker)))
    found = from_published(state | marker | unused, {**ours, place: marker[next(iter(marker))]})
    assert found.keys() == {*ours, place}
    assert published_name("rgb_support_backbone.0.9.0.weight") is None


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"graph_width": 12}, ConfigError, "multiple of 8"),
        ({"hand_weights": "/nowhere/b0.pth"}, AccessError, "cannot be loaded"),
    ],
    ids=["width", "weights"],
)
def test_what_does_not_fit_is_refused(
    folder: Path, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        made(folder, **options)


def test_weights_that_are_not_there_are_missed_before_they_are_wanted() -> None:
    with torch.device("meta"), pytest.raises(AccessError, match="cannot be loaded"):
        HandPictures(16, weights="nowhere.pth")


def test_weights_of_a_file_are_taken_or_refused(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    state = backbone("random").state_dict()
    save_file(state, tmp_path / "b0.safetensors")
    model = made(folder, hand_weights=str(tmp_path / "b0.safetensors"))
    assert torch.equal(model.hands.backbone.conv_stem.weight, state["conv_stem.weight"])
    save_file({"other": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ConfigError, match="no weights of EfficientNet-B0"):
        made(folder, hand_weights=str(tmp_path / "other.safetensors"))

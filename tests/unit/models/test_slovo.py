"""The networks of Slovo: sizes, padding, published weights, and that a small one learns."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sign_etl.core.errors import ConfigError  # noqa: E402
from sign_etl.models.base import MODELS, Frames  # noqa: E402
from sign_etl.models.published import from_published  # noqa: E402
from sign_etl.models.slovo import SlovoOptions, VideoNet  # noqa: E402
from sign_etl.models.vision import video_networks  # noqa: E402

pytest.importorskip("torchvision")  # after ours, which makes it import beside any torch

PUBLISHED = {
    "mvitv2-s": 34_537_744,
    "swin3d-t": 28_158_070,
    "swin3d-s": 49_816_678,
    "swin3d-b": 88_048_984,
    "s3d": 8_320_048,
    "r3d-18": 33_371_472,
    # ResNet-50 I3D on Kinetics-400 as others count it: 28.04 M.
    "i3d": 28_043_472,
}


def full(network: Any, frames: int = 16, outputs: int = 400) -> VideoNet:
    with torch.device("meta"):
        return VideoNet(SlovoOptions(network=network, frames=frames), outputs)


@pytest.mark.parametrize("network", list(PUBLISHED))
def test_sizes_at_full_scale(network: str) -> None:
    model = full(network)
    assert sum(each.numel() for each in model.parameters()) == PUBLISHED[network]
    plugin = MODELS.get("slovo")
    options = plugin.options({"network": network})
    depths = {plugin.depth(name, options) for name, _ in model.named_parameters()}
    assert plugin.depth("head.weight", options) == max(depths) > 3
    assert plugin.depth("head.bias", options) == max(depths)


@pytest.mark.parametrize("network", ["mvitv2-s", "swin3d-t", "s3d", "r3d-18"])
def test_weights_of_torchvision_fit(network: str) -> None:
    """Every name, in both directions; other classes and lengths of clips are no obstacle."""
    with torch.device("meta"):
        name = "mvit_v2_s" if network == "mvitv2-s" else network.replace("-", "_")
        theirs = getattr(video_networks(), name)(weights=None).state_dict()
        for model in (full(network), full(network, 32, 1001)):
            wanted = model.state_dict()
            taken = from_published(theirs, wanted)
            assert {n: each.shape for n, each in taken.items()} == {
                n: each.shape for n, each in wanted.items()
            }
        assert len(theirs) == len(wanted)
        with pytest.raises(ConfigError, match="no place for it"):
            from_published({**theirs, "extra.weight": torch.empty(1)}, wanted)
        first = next(iter(theirs))
        lacking = {n: each for n, each in theirs.items() if n != first}
        with pytest.raises(ConfigError, match="lack 1 parts"):
            from_published(lacking, wanted)


def test_relative_positions_are_stretched() -> None:
    """A table for 8 slots serves 16: its ends stay, what lies between is in between."""
    short = SlovoOptions(network="mvitv2-tiny", frames=4, picture=32)
    torch.manual_seed(0)
    first = VideoNet(short, 3)
    second = VideoNet(short.model_copy(update={"frames": 8}), 3)
    table = "backbone.blocks.0.attn.rel_pos_t"
    with torch.no_grad():
        count = len(first.state_dict()[table])
        first.state_dict()[table].copy_(torch.arange(float(count))[:, None])
    theirs = {
        name.removeprefix("backbone.").replace("head.", "head.1."): each
        for name, each in first.state_dict().items()
    }
    found = from_published(theirs, second.state_dict())[table][:, 0]
    assert len(found) > count
    assert (found.diff() >= 0).all()
    assert (float(found[0]), float(found[-1])) == (0.0, count - 1.0)


def tiny(frames: int = 8) -> tuple[Any, Any, Any]:
    torch.manual_seed(0)
    plugin = MODELS.get("slovo")
    options = {"network": "mvitv2-tiny", "frames": frames, "picture": 32, "dropout": 0.0}
    model = plugin.build(
        plugin.options({**options, "drop_path": 0.0}), inputs=Frames(frames, 32, 32), outputs=8
    )
    return model, torch.rand(8, frames, 3, 32, 32), torch.ones(8, frames, dtype=torch.bool)


def test_padding_changes_nothing() -> None:
    model, frames, mask = tiny()
    model.eval()
    mask[:, 6:] = False
    other = frames.clone()
    other[:, 6:] = 9.0
    with torch.no_grad():
        found = model(frames, mask)
        torch.testing.assert_close(model(other, mask), found, rtol=0, atol=0)
        torch.testing.assert_close(model(frames[:, :6], mask[:, :6]), found, rtol=0, atol=0)


def test_gradients_reach_every_layer() -> None:
    model, frames, mask = tiny(4)
    loss = torch.nn.functional.cross_entropy(model(frames, mask), torch.arange(8))
    loss.backward()
    assert [n for n, each in model.named_parameters() if each.grad is None] == []


def test_clips_that_do_not_fit_are_refused() -> None:
    plugin = MODELS.get("slovo")
    with pytest.raises(ConfigError, match="takes 32 frames of 224 x 224"):
        plugin.build(plugin.options({}), inputs=Frames(16, 224, 224), outputs=3)
    with pytest.raises(ConfigError, match="14 frames"):
        options = plugin.options({"network": "s3d", "frames": 8, "picture": 224})
        plugin.build(options, inputs=Frames(8, 224, 224), outputs=3)
    with pytest.raises(ConfigError, match="even number"):
        options = plugin.options({"frames": 15})
        plugin.build(options, inputs=Frames(15, 224, 224), outputs=3)

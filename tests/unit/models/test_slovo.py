"""The networks of Slovo: sizes, padding, published weights, and that a small one learns."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sign_etl.core.errors import ConfigError  # noqa: E402
from sign_etl.models.base import MODELS, Frames  # noqa: E402
from sign_etl.models.published import from_published  # noqa: E402
from sign_etl.models.slovo import SlovoOptions, VideoNet  # noqa: E402
from sign_etl.models.slovo_i3d import NonLocal  # noqa: E402
from sign_etl.models.vision import video_networks  # noqa: E402

pytest.importorskip("torchvision")  # after ours, which makes it import beside any torch

PUBLISHED = {
    "mvitv2-s": 34_537_744,
    "swin3d-t": 28_158_070,
    "swin3d-s": 49_816_678,
    "swin3d-b": 88_048_984,
    "s3d": 8_320_048,
    "r3d-18": 33_371_472,
    # ResNet-50 I3D on Kinetics-400 as mmaction2 counts it, without and with non-local blocks.
    "i3d": 28_043_472,
    "i3d-nl": 35_397_840,
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


@pytest.mark.parametrize(
    ("network", "frames", "published_mb"),
    [
        ("mvitv2-s", 16, 140.51),
        ("mvitv2-s", 32, 140.79),
        ("mvitv2-s", 48, 141.05),
        ("swin3d-l", 16, 821.65),
        ("swin3d-l", 48, 821.78),
        ("i3d-nl", 16, 146.43),
        ("i3d-nl", 48, 146.43),
    ],
)
def test_sizes_of_the_files_of_slovo(network: str, frames: int, published_mb: float) -> None:
    """What an exporter writes, 1,001 classes: numbers of 4 bytes, norms folded, tables of places.

    The rest of a published file is its graph: less than 1 MB.
    """
    model = full(network, frames, 1001)
    numbers = sum(each.numel() for each in model.parameters())
    norms = [each for each in model.modules() if isinstance(each, torch.nn.BatchNorm3d)]
    tables = [each for name, each in model.named_buffers() if name.endswith("position_index")]
    # Weight and bias of a norm become one bias of the convolution before it.
    size = 4 * (numbers - sum(each.num_features for each in norms))
    size += 8 * sum(each.numel() for each in tables)
    assert 0 < published_mb - size / 1e6 < 1


@pytest.mark.parametrize("network", ["i3d", "i3d-nl"])
def test_blocks_of_i3d_see_an_eighth_of_the_frames(network: str) -> None:
    """As in mmaction2: 32 frames are 4 slots from the second stage on, and 7 x 7 at the end."""
    model: Any = full(network, 32)
    shapes = []
    for stage in (model.backbone.layer1, model.backbone.layer2, model.backbone.layer4):
        stage.register_forward_hook(lambda _module, _given, out: shapes.append(tuple(out.shape)))
    with torch.device("meta"):
        model(torch.zeros(1, 32, 3, 224, 224), torch.ones(1, 32, dtype=torch.bool))
    assert shapes == [(1, 256, 4, 56, 56), (1, 512, 4, 28, 28), (1, 2048, 4, 7, 7)]


def test_a_non_local_block_is_its_formula() -> None:
    """Every place asks every place of the smaller picture, by hand; nothing is changed at first."""
    torch.manual_seed(0)
    block, x = NonLocal(4).eval(), torch.randn(1, 4, 2, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(block(x), x)
        for each in block.parameters():
            torch.nn.init.normal_(each)
        found = block(x)[0].flatten(1)
        lines = {name: getattr(block, name) for name in ("theta", "phi", "g")}
        theta, phi, g = (
            torch.einsum("oi,ithw->othw", line.weight.flatten(1), x[0])
            + line.bias[:, None, None, None]
            for line in lines.values()
        )
        phi, g = (
            each.unflatten(3, (2, 2)).unflatten(2, (2, 2)).amax((3, 5)).flatten(1)
            for each in (phi, g)
        )
        theta, wanted = theta.flatten(1), x[0].flatten(1).clone()
        for place in range(theta.shape[1]):
            said = sum(theta[:, place] @ phi[:, n] * g[:, n] for n in range(8)) / 8
            norm = block.norm
            wanted[:, place] += (
                norm.weight / (1 + norm.eps) ** 0.5 * (block.out.weight.flatten(1) @ said)
                + norm.bias
            )
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


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
    with pytest.raises(ConfigError, match="takes 5 or more, not 4"):
        options = plugin.options({"network": "i3d", "frames": 4, "picture": 32})
        plugin.build(options, inputs=Frames(4, 32, 32), outputs=3)
    with pytest.raises(ConfigError, match="even number"):
        options = plugin.options({"frames": 15})
        plugin.build(options, inputs=Frames(15, 224, 224), outputs=3)


def moving(clips: int = 8, frames: int = 4) -> tuple[Any, Any]:
    """A square that goes to the right, or, in every other clip, the same film backwards."""
    films = torch.zeros(clips, frames, 3, 32, 32)
    for clip in range(clips):
        top = 2 + clip // 2 * 6
        for at in range(frames):
            left = 8 * (at if clip % 2 == 0 else frames - 1 - at)
            films[clip, at, :, top : top + 8, left : left + 8] = 1
    return films * 4 - 2, torch.arange(clips) % 2


def test_a_small_one_learns_in_which_order_frames_come() -> None:
    """No single frame tells the classes apart. By 6 seeds, 1 and 2 threads: 0.0065 to 0.0091."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small that threads only wait for each other
    try:
        torch.manual_seed(0)
        plugin = MODELS.get("slovo")
        size = {"network": "mvitv2-tiny", "frames": 4, "picture": 32}
        options = plugin.options({**size, "dropout": 0.0, "drop_path": 0.0})
        model = plugin.build(options, inputs=Frames(4, 32, 32), outputs=2)
        films, label = moving()
        mask = torch.ones(films.shape[:2], dtype=torch.bool)
        rule = torch.optim.AdamW(model.parameters(), lr=7e-4, weight_decay=0.05)
        for _ in range(40):
            rule.zero_grad()
            torch.nn.functional.cross_entropy(model(films, mask), label).backward()
            rule.step()
        with torch.no_grad():
            found = model.eval()(films, mask)
            backwards = model(films.flip(1), mask)
    finally:
        torch.set_num_threads(threads)
    assert float(torch.nn.functional.cross_entropy(found, label)) < 0.1
    assert found.argmax(1).tolist() == label.tolist()
    assert backwards.argmax(1).tolist() == (1 - label).tolist()

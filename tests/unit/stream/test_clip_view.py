"""The view of clips: pictures of a size, several views, batches."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from short_clip import LONG, TALL, WIDE, every, facts, rng
from tiny_build import FRAMES, write_tiny_build

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import VIEWS
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.index import open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.pictures import (
    GREY,
    NORMS,
    TOGETHER,
    Frame,
    Resize,
    Scaler,
    resized,
    resized_by_torch,
)
from sign_etl.stream.plan import Batching
from sign_etl.stream.samplers import sampler


def test_resize_policies() -> None:
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[:, :60, 0], picture[:, 60:, 1] = 200, 200
    middle = Frame((30, 30), "short-side", 30)
    assert middle.boxes(120, 60) == [(30.0, 0.0, 90.0, 60.0)]
    assert middle.boxes(120, 60, 3) == [(0, 0, 60, 60), (30, 0, 90, 60), (60, 0, 120, 60)]
    assert middle.boxes(60, 120, 3) == [(0, 0, 60, 60), (0, 30, 60, 90), (0, 60, 60, 120)]
    assert Frame((28, 28), "short-side", 30).boxes(60, 60) == [(2, 2, 58, 58)]
    left, _, right = (middle.picture(picture, box) for box in middle.boxes(120, 60, 3))
    # At its edge a filtered pixel takes part of its neighbour, as in a resize before the cut.
    assert (left[:, :-1, 0] == 200).all()
    assert (right[:, 1:, 1] == 200).all()
    stretched = Frame((30, 30), "stretch").picture(picture, (0, 0, 120, 60))
    assert stretched[15, 2].tolist() == [200, 0, 0]
    assert stretched[15, 27].tolist() == [0, 200, 0]
    boxed = Frame((40, 40), "letterbox").picture(picture, (0, 0, 120, 60))
    assert (boxed[:10] == GREY).all()
    assert (boxed[30:] == GREY).all()
    assert not (boxed[10:30] == GREY).any()
    with pytest.raises(ConfigError, match="resize policy"):
        Frame((4, 4), "shortside")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="short side of 20"):
        Frame((30, 30), "short-side", 20)


@pytest.mark.parametrize("box", [(0, 0, 96, 64), (16, 0, 80, 64), (30, 20, 40, 28)])
@pytest.mark.parametrize("size", [(32, 32), (24, 40), (90, 70)])
def test_both_scalers_agree_on_whole_pixels(
    box: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    """Within a level of 255, where Pillow sees nothing beyond the box; and in any memory order."""
    left, top, right, bottom = box
    source = np.random.default_rng(0).integers(0, 256, (TALL, WIDE, 3), np.uint8)
    ours = resized_by_torch(source, box, *size)
    inside = source[top:bottom, left:right]
    theirs = resized(inside, (0, 0, right - left, bottom - top), *size)
    assert ours.shape == theirs.shape == (size[1], size[0], 3)
    assert ours.dtype == np.uint8
    assert np.abs(ours.astype(int) - theirs).max() <= 1
    wide = np.zeros((TALL, WIDE + 8, 3), np.uint8)
    wide[:, :WIDE] = source
    assert np.array_equal(resized_by_torch(wide[:, :WIDE], box, *size), ours)


def test_torch_takes_the_nearest_whole_pixels() -> None:
    source = np.random.default_rng(0).integers(0, 256, (TALL, WIDE, 3), np.uint8)
    for box, whole in (
        ((10.4, 0.0, 42.4, 64.0), (10, 0, 42, 64)),
        ((-0.3, 3.6, 20.0, 30.6), (0, 4, 20, 31)),
        ((90.0, 0.0, 99.0, 64.0), (87, 0, 96, 64)),
        ((5.0, 5.0, 5.2, 5.2), (5, 5, 6, 6)),
    ):
        found = resized_by_torch(source, box, 16, 16)
        assert np.array_equal(found, resized_by_torch(source, whole, 16, 16)), box


@pytest.mark.parametrize("scaler", ["torch", "pillow"])
@pytest.mark.parametrize("policy", ["short-side", "stretch", "letterbox"])
def test_many_pictures_are_resized_as_each_of_them(policy: Resize, scaler: Scaler) -> None:
    sources = np.random.default_rng(0).integers(0, 256, (2 * TOGETHER + 3, TALL, WIDE, 3), np.uint8)
    frame = Frame((24, 24), policy, 24, scaler)
    [box] = frame.boxes(WIDE, TALL)
    found = frame.pictures(list(sources), box)
    assert found.shape == (len(sources), 24, 24, 3)
    assert np.array_equal(found, np.stack([frame.picture(source, box) for source in sources]))


def test_the_scaler_stands_in_the_policy(clip: bytes) -> None:
    rule = {"name": "circle", "frames": 3, "stride": 4}
    found = {}
    for options in ({}, {"scaler": "torch"}, {"scaler": "pillow"}):
        view = ClipView.for_recipe(
            {"sampler": rule, "size": 32, **options}, augment=[], noise=0, use="evaluate"
        )
        name = view.policy()["scaler"]
        assert name == options.get("scaler", "torch")
        found[name] = view.read(clip, facts(LONG), rng())
    whole = every(clip)
    [windows] = sampler(rule).views(LONG, 1)
    expected = {
        "torch": [resized_by_torch(whole[n], (16, 0, 80, 64), 32, 32) for n in windows],
        "pillow": [resized(whole[n], (16, 0, 80, 64), 32, 32) for n in windows],
    }
    for name, pictures in expected.items():
        assert np.array_equal(found[name], np.stack(pictures)), name
    with pytest.raises(ConfigError, match="scaler"):
        ClipView(sampler(rule), scaler="opencv")  # type: ignore[arg-type]


def test_an_evaluation_sees_all_views_one_after_the_other(clip: bytes) -> None:
    whole = every(clip)
    rule = {"name": "circle", "frames": 3, "stride": 4}
    options = {"sampler": rule, "size": 32, "views": 2, "crops": 3, "scaler": "pillow"}
    view = ClipView.for_recipe(options, augment=[], noise=0, use="evaluate")
    assert (view.frames, view.clips) == (3, 6)
    found = view.read(clip, facts(LONG), rng())
    assert found.shape == (18, 32, 32, 3)
    windows = [[0, 4, 8], [31, 35, 39]]
    boxes = [(0, 0, 64, 64), (16, 0, 80, 64), (32, 0, 96, 64)]
    wanted = [resized(whole[n], box, 32, 32) for w in windows for box in boxes for n in w]
    assert np.array_equal(found, np.stack(wanted))
    single = ClipView.for_recipe(options, augment=[], noise=0, use="select")
    assert single.clips == 1
    assert np.array_equal(
        single.read(clip, facts(LONG), rng()),
        np.stack([resized(whole[n], boxes[1], 32, 32) for n in (15, 19, 23)]),
    )


def test_wrong_options_are_told() -> None:
    rule = {"name": "circle", "frames": 3}
    for options, words in (
        ({"normalise": "image-net"}, "normalisation"),
        ({"normalise": {"mean": [1]}}, "three numbers"),
        ({"normalise": {"mean": [114.75] * 3, "std": [57.375] * 3}}, "0 to 1, and 114.75"),
        ({"decoder": "opencv"}, "unknown decoder `opencv`"),
        ({"size": [1, 2, 3]}, "height and width"),
        ({"crops": 2}, "1 or 3"),
        ({"resize": "letter"}, "resize policy"),
        ({"sampler": {"name": "stride"}, "views": 2}, "fixed number"),
    ):
        with pytest.raises(ConfigError, match=words):
            ClipView.for_recipe({"sampler": rule, **options}, augment=[], noise=0, use="evaluate")
    with pytest.raises(ConfigError, match="keypoints"):
        ClipView.for_recipe({"sampler": rule}, augment=[], noise=0.1, use="train")


def test_decord_is_asked_for_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = sampler({"name": "circle", "frames": 3})
    monkeypatch.setattr(sys, "path", [])
    for name in [*sys.modules]:
        if name.partition(".")[0] == "decord":
            monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match="decord is not installed") as caught:
        ClipView(rule, decoder="decord")
    assert "leave `decoder` out" in (caught.value.hint or "")
    assert ClipView(rule).decoder == "pyav"


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("b") / "build", clips=5)


def test_batches_are_bytes_and_the_same_for_any_workers(build: Path) -> None:
    index = open_index([build])
    maker: Any = VIEWS.get("clip")
    view = maker.for_recipe(
        {"sampler": {"name": "stride", "frames": 8, "stride": 2}, "size": 24, "normalise": "clip"},
        augment=[{"name": "random-resized-crop"}, {"name": "speed"}],
        noise=0,
        use="train",
    )
    assert (view.mean, view.std) == NORMS["clip"]
    assert view.lengths(index).tolist() == [min(8, FRAMES // 2)] * 5
    seen = []
    for workers in (0, 1):
        stream = Stream(index, {"clip": view}, Batching(samples=3, micro_batches=1, repeat=2))
        with stream.loader(workers=workers) as loader:
            seen.append([batch for step in loader.epoch(1) for batch in step])
    for first, second in zip(*seen, strict=True):
        assert first.views["clip"].dtype.is_floating_point is False
        assert first.views["clip"].shape[2:] == (24, 24, 3)
        assert (first.views["clip"] == second.views["clip"]).all()
        assert first.key == second.key
        # Repeated augmentation: the same clip twice, in two ways.
        assert first.key[::2] == first.key[1::2]
        assert (first.views["clip"][::2] != first.views["clip"][1::2]).any()
    assert sorted(key for batch in seen[0] for key in batch.key[::2]) == sorted(
        index.column("key").to_pylist()
    )

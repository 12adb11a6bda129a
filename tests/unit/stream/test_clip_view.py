"""The view `clip`: the right frames, the same pixels by either decoder, and what is cut out."""

from __future__ import annotations

import io
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tiny_build import FRAMES, encode, gradient, write_tiny_build

from sign_etl.core.errors import ConfigError
from sign_etl.media.encode import ClipWriter
from sign_etl.media.picture import Colour
from sign_etl.stream.base import VIEWS, SampleError, SampleFacts, SampleRng
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.index import open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.pictures import GREY, NORMS, Frame, resized, resized_by_torch
from sign_etl.stream.plan import Batching
from sign_etl.stream.samplers import SAMPLERS, sampler
from sign_etl.stream.transforms_clip import CLIP_TRANSFORMS, Look, clip_transforms
from sign_etl.stream.video import Video, with_decord

LONG = 40
WIDE, TALL = 96, 64


@pytest.fixture(scope="module", params=[1, 6, 2], ids=["bt709", "bt601", "unknown"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip as `normalise` writes it, with a colour matrix."""
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    colour = Colour(request.param, request.param, request.param)
    writer = ClipWriter(path, WIDE, TALL, Fraction(25), colour, crf=20, preset="ultrafast", gop=12)
    for picture in gradient(LONG, WIDE, TALL):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        writer.write(frame.reformat(format="yuv420p"))
    writer.close()
    return path.read_bytes()


def every(data: bytes) -> list[Any]:
    """All frames, decoded one after the other."""
    with av.open(io.BytesIO(data), "r") as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def rng(name: str = "a", visit: int = 0) -> SampleRng:
    return SampleRng(0, visit, name, "clip")


def facts(frames: int = 0) -> SampleFacts:
    return SampleFacts(0, "a", 0, frames, 25.0, WIDE, TALL)


WANTED = ([0], [39], [3, 7, 11, 15, 19], [11, 12], [0, 13, 38], list(range(LONG)), [30, 5, 5])


def test_frames_are_those_of_a_whole_decode(clip: bytes) -> None:
    whole = every(clip)
    assert len(whole) == LONG
    for wanted in WANTED:
        with Video(clip) as video:
            assert (video.frames, video.width, video.height) == (LONG, WIDE, TALL)
            found = video.take(wanted)
        assert sorted(found) == sorted(set(wanted))
        assert all(np.array_equal(found[number], whole[number]) for number in found)


def test_decord_gives_the_same_pixels(clip: bytes) -> None:
    pytest.importorskip("decord")
    for wanted in WANTED:
        with Video(clip) as video:
            ours = video.take(wanted)
        theirs = with_decord(clip, wanted)
        assert all(np.array_equal(theirs[number], ours[number]) for number in ours)


def test_files_with_frames_out_of_order_are_decoded_too() -> None:
    data = encode(list(gradient(20)))  # x264's own choice: B-frames
    whole = every(data)
    with Video(data) as video:
        found = video.take([2, 9, 19])
    assert all(np.array_equal(found[number], whole[number]) for number in found)


def test_decoders_that_give_a_frame_late_are_waited_for() -> None:
    """MPEG-2: times of decoding before those of showing, and frames that come one packet late."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width = TALL, WIDE
        stream.pix_fmt = "yuv420p"
        for picture in gradient(15, WIDE, TALL):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    whole = every(buffer.getvalue())
    with Video(buffer.getvalue()) as video:
        found = video.take([3, 8, 14])
    assert all(np.array_equal(found[number], whole[number]) for number in (3, 8, 14))


@pytest.mark.parametrize("data", [b"", b"<html>", bytes(2000)])
def test_what_is_no_video_is_a_sample_error(data: bytes) -> None:
    view = ClipView(sampler({"name": "stride", "frames": 4}))
    with pytest.raises(SampleError) as caught:
        view.read(data, facts(), rng())
    assert caught.value.error == "decode"


def test_a_damaged_video_is_a_sample_error(clip: bytes) -> None:
    broken = bytearray(clip)
    begin = clip.index(b"mdat") + 4
    broken[begin : begin + 400] = bytes(400)
    view = ClipView(sampler({"name": "linspace", "frames": 4}), size=16)
    with pytest.raises(SampleError):
        view.read(bytes(broken), facts(LONG), rng())
    with pytest.raises(SampleError) as caught:
        view.read(clip, facts(LONG + 1), rng())
    assert caught.value.error == "schema"


SAMPLERS_OF = {
    "stride": {"frames": 4, "stride": 3},
    "circle": {"frames": 4, "stride": 3},
    "last": {"frames": 4, "stride": 3},
    "uniform": {"frames": 4, "stride": 3},
    "linspace": {"frames": 4},
    "tsn": {"frames": 4},
    "random-subset": {"frames": 4},
}


def test_every_sampler_is_tried_here() -> None:
    assert set(SAMPLERS_OF) == set(SAMPLERS.names())


@pytest.mark.parametrize("name", sorted(SAMPLERS_OF))
@pytest.mark.parametrize("frames", [1, 3, 10, 11, 40])
def test_samplers_choose_frames_that_are_there(name: str, frames: int) -> None:
    rule = sampler({"name": name, **SAMPLERS_OF[name]})
    most = int(rule.lengths(np.array([frames], np.int32))[0])
    draws = [rule.choose(frames, rng("a", visit)) for visit in range(4)]
    for chosen in (*draws, rule.views(frames, 1)[0]):
        assert 0 < len(chosen) <= most
        assert chosen.min() >= 0
        assert chosen.max() < frames
        assert rule.frames == 4
    assert np.array_equal(draws[1], rule.choose(frames, rng("a", 1)))
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert rule.policy() == {"name": name, **SAMPLERS_OF[name]}


def test_what_samplers_choose() -> None:
    def chosen(name: str, total: int, views: int = 1, **options: int) -> list[list[int]]:
        return [w.tolist() for w in sampler({"name": name, **options}).views(total, views)]

    assert chosen("circle", 10, frames=5, stride=4) == [[0, 4, 8, 0, 4]]
    assert chosen("last", 10, frames=5, stride=4) == [[0, 4, 8, 8, 8]]
    assert chosen("uniform", 10, frames=5, stride=4) == [[0, 2, 4, 6, 8]]
    assert chosen("uniform", 6, frames=4, stride=1) == [[1, 2, 3, 4]]
    assert chosen("stride", 10, frames=0, stride=4) == [[0, 4, 8]]
    assert chosen("tsn", 12, frames=3) == [[2, 6, 10]]
    assert chosen("tsn", 12, 2, frames=3) == [[1, 5, 9], [3, 7, 11]]
    assert chosen("linspace", 9, frames=3) == [[0, 4, 8]]
    # The first window begins with the clip, the last one ends with it.
    assert chosen("circle", 21, 3, frames=3, stride=2) == [[0, 2, 4], [8, 10, 12], [16, 18, 20]]
    with pytest.raises(ConfigError, match="whole clip"):
        chosen("linspace", 9, 2, frames=3)
    with pytest.raises(ConfigError, match="sampler `circle`"):
        sampler({"name": "circle", "length": 3})
    with pytest.raises(ConfigError, match="no `name`"):
        sampler({})


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


AUGMENT = {
    "speed": {"slowest": 0.5, "fastest": 2.0},
    "flip": {"probability": 1.0},
    "multi-scale-crop": {},
    "random-resized-crop": {},
    "erasing": {"probability": 1.0},
    "rand-augment": {"probability": 1.0, "magnitude": 9.0},
}


def test_every_augmentation_is_tried_here() -> None:
    assert set(AUGMENT) == set(CLIP_TRANSFORMS.names())


@pytest.mark.parametrize("name", sorted(AUGMENT))
def test_augmentations_draw_by_seed_visit_and_clip(name: str, clip: bytes) -> None:
    options = {"sampler": {"name": "linspace", "frames": 4}, "size": 32}
    plain = ClipView.for_recipe(options, augment=[], noise=0, use="train")
    view = ClipView.for_recipe(
        options, augment=[{"name": name, **AUGMENT[name]}], noise=0, use="train"
    )
    view = pickle.loads(pickle.dumps(view))
    made = [view.read(clip, facts(LONG), rng("a", visit)) for visit in range(4)]
    assert {each.shape for each in made} == {(4, 32, 32, 3)}
    assert {each.dtype for each in made} == {np.dtype(np.uint8)}
    assert np.array_equal(made[2], view.read(clip, facts(LONG), rng("a", 2)))
    before = plain.read(clip, facts(LONG), rng())
    if name == "speed":  # evenly spaced frames are the same at any speed
        assert np.array_equal(made[0], before)
    else:
        assert any(not np.array_equal(each, before) for each in made)
    if name == "flip":
        assert np.array_equal(made[0], before[:, :, ::-1])
    policy = view.policy()["augment"][0]
    assert {key: policy[key] for key in AUGMENT[name]} == AUGMENT[name]
    assert policy["name"] == name


def test_a_faster_clip_spans_more_of_the_source(clip: bytes) -> None:
    whole = every(clip)
    for factor, frames in ((2.0, [0, 8, 16]), (0.5, [0, 2, 4])):
        view = ClipView.for_recipe(
            {"sampler": {"name": "circle", "frames": 3, "stride": 4}, "size": 16},
            augment=[{"name": "speed", "slowest": factor, "fastest": factor}],
            noise=0,
            use="train",
        )
        found = view.read(clip, facts(LONG), rng())
        spans = {
            tuple(int(n) for n in np.arange(3) * (frames[1]) + first)
            for first in range(LONG - frames[2])
        }
        matches = []
        for span in spans:
            cut = [resized(whole[n], (16, 0, 80, 64), 16, 16).astype(int) for n in span]
            matches.append(np.abs(np.stack(cut) - found).max() <= 24)
        assert any(matches)


def test_crops_stay_inside() -> None:
    look = Look(120, 90, (32, 32))
    for name in ("multi-scale-crop", "random-resized-crop"):
        [step] = clip_transforms([{"name": name}])
        boxes = [step.prepare(look, rng("a", visit)).box for visit in range(60)]
        assert len(set(boxes)) > 10
        for box in boxes:
            assert box is not None
            assert 0 <= box[0] < box[2] <= 120 + 1e-9
            assert 0 <= box[1] < box[3] <= 90 + 1e-9


def test_wrong_options_are_told() -> None:
    rule = {"name": "circle", "frames": 3}
    for options, words in (
        ({"normalise": "image-net"}, "normalisation"),
        ({"normalise": {"mean": [1]}}, "three numbers"),
        ({"size": [1, 2, 3]}, "height and width"),
        ({"crops": 2}, "1 or 3"),
        ({"resize": "letter"}, "resize policy"),
        ({"sampler": {"name": "stride"}, "views": 2}, "fixed number"),
    ):
        with pytest.raises(ConfigError, match=words):
            ClipView.for_recipe({"sampler": rule, **options}, augment=[], noise=0, use="evaluate")
    with pytest.raises(ConfigError, match="keypoints"):
        ClipView.for_recipe({"sampler": rule}, augment=[], noise=0.1, use="train")


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

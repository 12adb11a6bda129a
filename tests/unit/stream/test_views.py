"""Decoding, the view `pose` and its transforms."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_build import noisy, write_pose_build

from sign_etl.core.errors import ConfigError
from sign_etl.schema.layouts import layout
from sign_etl.stream.base import VIEWS, SampleError, SampleFacts, SampleRng
from sign_etl.stream.index import open_index
from sign_etl.stream.npy import decode_npy
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.transforms_pose import TRANSFORMS, Pose, transform, transforms
from sign_etl.stream.transforms_time import Temporal, at_times


def saved(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def rng(name: str = "a") -> SampleRng:
    return SampleRng(0, 0, name, "pose")


def pose_of(frames: int = 20, kind: str = "holistic-75") -> Pose:
    keypoints = noisy(np.random.default_rng(0), frames, 0.5, kind).astype(np.float32)
    return Pose(keypoints, layout(kind), 640, 480, 25.0)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float16).reshape(2, 3, 4),
        np.arange(24, dtype=np.float32).reshape(24),
        np.zeros((0, 54, 3), np.float16),
        np.float64(3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(6, dtype=">i4"),
    ],
)
def test_arrays_are_what_numpy_reads(array: Any) -> None:
    decoded = decode_npy(saved(array))
    assert decoded.dtype == np.asarray(array).dtype
    assert np.array_equal(decoded, array)
    assert decoded.flags.writeable


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY\x01\x00",
        saved(np.zeros(9))[:-1],
        saved(np.zeros((3, 3), np.float16)) + b"x",
        saved(np.array([{}], dtype=object)),
        b"PK\x03\x04" + bytes(40),
    ],
)
def test_what_is_no_array_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_npy(data)


@pytest.fixture
def index(tmp_path: Path) -> Any:
    return open_index([write_pose_build(tmp_path / "b", [6, 9], kind="holistic-75")])


def facts(frames: int) -> SampleFacts:
    return SampleFacts(0, "k", 0, frames, 25.0, 640, 480)


def test_the_view_checks_what_it_reads(index: Any) -> None:
    view = VIEWS.get("pose")()
    assert view.members(index) == ("made.npy",)
    good = noisy(np.random.default_rng(0), 6, 0.5, "holistic-75")
    assert np.array_equal(view.read(saved(good), facts(6), rng()), good, equal_nan=True)
    for data, frames, error in (
        (b"no", 6, "decode"),
        (saved(good), 7, "schema"),
        (saved(good[:, :-1]), 6, "schema"),
        (saved(np.zeros(good.shape, np.int32)), 6, "schema"),
    ):
        with pytest.raises(SampleError) as raised:
            view.read(data, facts(frames), rng())
        assert (raised.value.error, raised.value.ext) == (error, "made.npy")
        assert pickle.loads(pickle.dumps(raised.value)).error == error


def test_the_view_converts_and_transforms(index: Any) -> None:
    steps = transforms([{"name": "temporal", "method": "linspace", "frames": 4}])
    view = PoseView(layout="spoter-54", transforms=steps)
    view.members(index)
    good = noisy(np.random.default_rng(0), 6, 0.5, "holistic-75")
    assert view.read(saved(good), facts(6), rng()).shape == (4, 54, 3)
    assert view.lengths(index).tolist() == [4, 4]
    assert view.placeholder(index).shape == (4, 54, 3)
    assert PoseView().placeholder(index).shape == (1, 75, 4)
    with pytest.raises(ConfigError, match="no keypoints of `amde`"):
        PoseView(backend="amde").members(index)


def test_builds_of_different_layouts_need_a_common_one(index: Any, tmp_path: Path) -> None:
    other = write_pose_build(tmp_path / "o", [4], kind="spoter-54")
    both = open_index([index.sources[0].root, other])
    with pytest.raises(ConfigError, match="different layouts"):
        PoseView().members(both)
    assert PoseView(layout="spoter-54").members(both) == ("made.npy", "made.npy")


def test_every_transform_has_its_lengths_and_leaves_its_input_alone() -> None:
    assert {"drop-points", "mirror", "noise", "speed"} <= set(TRANSFORMS.names())
    options: dict[str, dict[str, Any]] = {
        "layout": {"to": "spoter-54"},
        "temporal": {"method": "stride", "frames": 8, "stride": 2},
    }
    for name in (
        "drop-frames",
        "drop-points",
        "layout",
        "mirror",
        "noise",
        "speed",
        "temporal",
        "time-warp",
    ):
        assert name in TRANSFORMS.names()
        step = transform(name, **options.get(name, {}))
        pickle.dumps(step)
        for frames in (1, 2, 7, 50):
            pose = pose_of(frames)
            before = pose.keypoints.copy()
            out = step(pose, rng())
            again = step(pose, rng())
            assert np.array_equal(out.keypoints, again.keypoints, equal_nan=True), name
            assert np.array_equal(pose.keypoints, before, equal_nan=True), name
            most = step.lengths(np.array([frames], np.int32))[0]
            assert 1 <= len(out.keypoints) <= most, name
            assert out.keypoints.shape[1:] == (out.layout.size, out.layout.channels)
            assert out.keypoints.dtype == np.float32, name


def test_mirror_swaps_the_hands() -> None:
    pose = pose_of()
    out = transform("mirror", probability=1.0)(pose, rng()).keypoints
    left, right = pose.layout.index("left_wrist"), pose.layout.index("right_wrist")
    assert np.allclose(out[:, left, 0], 1 - pose.keypoints[:, right, 0], equal_nan=True)
    assert np.allclose(out[:, left, 1:], pose.keypoints[:, right, 1:], equal_nan=True)
    same = transform("mirror", probability=0.0)(pose, rng()).keypoints
    assert np.array_equal(same, pose.keypoints, equal_nan=True)


def test_noise_and_drop_out() -> None:
    pose = pose_of(200)
    out = transform("noise", sigma=0.1)(pose, rng()).keypoints
    moved = (out - pose.keypoints)[..., :-1]
    assert np.nanstd(moved) == pytest.approx(0.1, rel=0.05)
    assert np.array_equal(out[..., -1], pose.keypoints[..., -1])
    gone = transform("drop-points", share=0.5, parts=("left_hand",))(pose, rng()).keypoints
    lost = np.isnan(gone[..., 0]).all(axis=0)
    assert 3 < lost[list(pose.layout.parts["left_hand"])].sum() < 19
    assert not lost[list(pose.layout.parts["body"])].any()
    blank = transform("drop-frames", share=0.3)(pose, rng()).keypoints
    assert 30 < (blank[..., -1] == 0).all(axis=1).sum() < 90


@pytest.mark.parametrize(
    ("method", "frames", "stride", "length", "chosen"),
    [
        ("stride", 4, 2, 20, [6, 8, 10, 12]),
        ("stride", 0, 3, 8, [0, 3, 6]),
        ("stride", 4, 2, 5, [0, 2, 4]),
        ("circle", 5, 2, 5, [0, 2, 4, 0, 2]),
        ("last", 5, 2, 5, [0, 2, 4, 4, 4]),
        ("linspace", 4, 1, 10, [0, 3, 6, 9]),
        ("linspace", 4, 1, 2, [0, 0, 1, 1]),
        ("segments", 4, 1, 8, [1, 3, 5, 7]),
        ("random_subset", 4, 1, 10, [0, 3, 6, 9]),
        ("random_subset", 12, 1, 3, [0, 1, 2]),
    ],
)
def test_frames_in_evaluation(
    method: Any, frames: int, stride: int, length: int, chosen: list[int]
) -> None:
    step = Temporal(method, frames, stride, evaluation=True)
    assert step.choose(length, rng()).tolist() == chosen
    assert step.lengths(np.array([length]))[0] == len(chosen)


def test_frames_in_training_are_random_and_in_order() -> None:
    for method in ("stride", "circle", "last", "segments", "random_subset"):
        step = Temporal(method, 8, 1)
        choices = {tuple(step.choose(40, rng(str(n))).tolist()) for n in range(20)}
        assert len(choices) > 5, method
        for choice in choices:
            assert list(choice) == sorted(choice)
            assert 0 <= choice[0] <= choice[-1] < 40
            assert len(choice) == 8


def test_between_frames_missing_points_are_those_of_the_nearer() -> None:
    keypoints = np.zeros((3, 1, 3), np.float32)
    keypoints[:, 0, 0] = [0, 1, np.nan]
    out = at_times(keypoints, np.array([0.25, 1.25, 1.75, 2.0]))
    assert out[:2, 0, 0].tolist() == [0.25, 1.0]
    assert np.isnan(out[2:, 0, 0]).all()


def test_wrong_settings_are_refused() -> None:
    for name, options in (
        ("temporal", {"method": "strid", "frames": 3}),
        ("temporal", {"method": "linspace"}),
        ("noise", {"sgima": 1}),
        ("mirror", {"probability": 2}),
        ("time-warp", {"strength": 0.7}),
        ("speed", {"slowest": 2.0}),
        ("mirorr", {}),
    ):
        with pytest.raises(ConfigError):
            transform(name, **options)
    with pytest.raises(ConfigError, match="no `name`"):
        transforms([{"method": "stride"}])

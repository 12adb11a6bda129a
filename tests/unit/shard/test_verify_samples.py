"""`verify` looks into every sample: its arrays, its video and its record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forge import change_member
from tiny_build import encode, gradient
from verified import TAR, change_array, change_json, only

from sign_etl.shard.verify import verify


def put(where: Any, value: float) -> Callable[[np.ndarray], None]:
    def change(array: np.ndarray) -> None:
        array[where] = value

    return change


def other_nan(array: np.ndarray) -> None:
    bits = array.view(np.uint16)
    bits[np.isnan(array)] = 0xFE00


# Point 0 is the nose, which is estimated in every frame; point 25 is a knee, which never is.
@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (other_nan, "has NaN of more than one bit pattern"),
        (put((0, 0, 3), 1.5), "has scores outside of 0 to 1"),
        (put((0, 0, 3), np.nan), "has scores outside of 0 to 1"),
        (put((0, 0, slice(0, 3)), np.nan), "has points that are NaN with a score above 0"),
        (put((0, 0, 3), 0), "has points with score 0 that are not NaN"),
        (put((0, 25, 0), 0.5), "has points of which only some coordinates are NaN"),
        (put((0, 0, 1), np.inf), "has infinite coordinates"),
        (lambda array: array[:-1], "has shape (11, 75, 4), the record says (12, 75, 4)"),
        (lambda array: array.astype(np.float32), "is float32, the record says float16"),
        (
            lambda array: array.astype(np.float16).astype(object),
            "cannot be read as an array of numbers",
        ),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_keypoints(
    build: Path, key: str, change: Callable[[np.ndarray], Any], problem: str
) -> None:
    change_member(build, key, "blazepose.npy", change_array(change))
    assert only(verify(build)) == f"{TAR}: {key}: blazepose.npy {problem}"


@pytest.mark.parametrize(
    ("video", "problem"),
    [
        (lambda: encode(list(gradient(9))), "has 9 frames, the record says 12"),
        (lambda: encode(list(gradient(12, 128, 96))), "is 128x96, the record says 160x120"),
        (lambda: b"ffconcat version 1.0\nfile neighbour.mp4\n", "cannot be opened as a video"),
    ],
    ids=["frames", "size", "no video"],
)
def test_video(build: Path, key: str, video: Callable[[], bytes], problem: str) -> None:
    change_member(build, key, "mp4", lambda _: video())
    assert only(verify(build)) == f"{TAR}: {key}: mp4 {problem}"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (change_json(fps=30.0), "fps is 30.0 in the record and 25.0 in the index"),
        (
            change_json(quality={"body": 0.5, "left_hand": 1.0}),
            "quality is {'body': 0.5, 'left_hand': 1.0} in the record and "
            "{'body': 1.0, 'left_hand': 1.0} in the index",
        ),
        (change_json(dataset="other"), "is of data set 'other', the manifest says 'tiny'"),
        (lambda data: data + b"\n", "its record is not canonical JSON"),
    ],
    ids=["fps", "quality", "data set", "spelling"],
)
def test_record(build: Path, key: str, change: Callable[[bytes], bytes], problem: str) -> None:
    change_member(build, key, "json", change)
    assert only(verify(build)) == f"{TAR}: {key}: {problem}"


def test_a_record_against_its_schema(build: Path, key: str) -> None:
    change_member(build, key, "json", change_json(mood="good"))
    problem = only(verify(build))
    assert problem.startswith(f"{TAR}: {key}: its record is not what the schema says (mood: ")

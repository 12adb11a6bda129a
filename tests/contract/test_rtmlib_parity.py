"""The same ONNX files in rtmlib and here: where rtmlib is right, the numbers are the same."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from marker_nets import DOG, SIGNER, marker_detector, marker_pose
from marker_scenes import Person, clip, walker
from nets import whole_body, yolox
from numpy.typing import NDArray

from sign_etl.pose.base import Estimate, PoseInput
from sign_etl.pose.rtmpose import BACKEND
from sign_etl.reader.frames import read_frames
from sign_etl.recipes.video_file import write_video

rtmlib = pytest.importorskip("rtmlib")
pytest.importorskip("onnxruntime")

FRAMES = 6
SMALL = {"width": 0.0625, "depth": 0.1}
POSES = {
    "markers": {},
    "rtmw-256x192": {"size": (256, 192)},
    "rtmw-384x288": {"size": (384, 288)},
    "dwpose-256x192": {"size": (256, 192), "rtmw": False},
    "dwpose-384x288": {"size": (384, 288), "rtmw": False},
}
DETECTORS = {"raw": False, "selected": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nets")


@pytest.fixture(scope="module")
def film(folder: Path) -> PoseInput:
    return clip(folder / "clip.mp4", walker(), FRAMES)


def detector_file(folder: Path, name: str) -> Path:
    path = folder / f"detector-{name}.onnx"
    return path if path.exists() else marker_detector(path, selected=DETECTORS[name])


def pose_file(folder: Path, name: str) -> Path:
    path = folder / f"pose-{name}.onnx"
    if path.exists():
        return path
    if name == "markers":
        return marker_pose(path, order="bgr")
    return whole_body(path, **{**SMALL, **POSES[name]})  # type: ignore[arg-type]


def ours(detector: Path, pose: Path, film: PoseInput, **options: object) -> Estimate:
    """With the channel order of rtmlib, the detector on every frame."""
    chosen = BACKEND.options(
        {
            "detector": str(detector),
            "pose": str(pose),
            "det_interval": 1,
            "channel_order": "bgr",
            **options,
        }
    )
    (made,) = BACKEND.open(chosen, detector.parent).estimate([film])
    return made


def pictures(film: PoseInput) -> Iterator[NDArray[np.uint8]]:
    """BGR, as OpenCV reads them and rtmlib wants them."""
    for picture in read_frames(film.video):
        yield np.ascontiguousarray(picture[..., ::-1])


def their_pose(pose: Path, size: tuple[int, int]) -> Any:
    return rtmlib.RTMPose(str(pose), model_input_size=size[::-1], backend="onnxruntime")


def their_detector(detector: Path, side: int, **options: Any) -> Any:
    size = (side, side)
    return rtmlib.YOLOX(str(detector), model_input_size=size, backend="onnxruntime", **options)


def assert_same(made: NDArray[np.float32], film: PoseInput, number: int, theirs: Any) -> None:
    points, scores = theirs
    pixels = made[number, :, :2].astype(np.float64) * (film.width, film.height)
    seen = scores[0] > 0
    assert seen.any()
    assert np.abs(pixels[seen] - points[0][seen]).max() < 0.5
    # Random nets give scores far above 1.
    difference = np.abs(made[number, :, 2] - np.maximum(scores[0], 0))
    assert (difference / np.maximum(1, scores[0])).max() < 1e-3


@pytest.mark.parametrize("pose", POSES)
@pytest.mark.parametrize("detector", DETECTORS)
def test_each_kind_of_detector_with_each_kind_of_net(
    detector: str, pose: str, folder: Path, film: PoseInput
) -> None:
    files = detector_file(folder, detector), pose_file(folder, pose)
    made = ours(*files, film)
    finder = their_detector(files[0], 128)
    net = their_pose(files[1], POSES[pose].get("size", (256, 192)))  # type: ignore[arg-type]
    for number, picture in enumerate(pictures(film)):
        boxes = finder(picture)
        assert len(boxes) == 1
        assert_same(made.keypoints, film, number, net(picture, bboxes=boxes))


@pytest.mark.shared_data
@pytest.mark.parametrize("pose", ["rtmw-256x192", "dwpose-384x288"])
def test_real_clips_and_the_real_detector(pose: str, shared_data: Path, folder: Path) -> None:
    detector = shared_data / "weights" / "yolox_nano.onnx"
    film = beginning(shared_data / "svk-clips" / "ano-side.mp4", folder / "real.mp4")
    file = pose_file(folder, pose)
    made = ours(detector, file, film, det_score=0.7)
    finder = their_detector(detector, 416, det_mode="multiclass")
    net = their_pose(file, POSES[pose]["size"])  # type: ignore[arg-type]
    for number, picture in enumerate(pictures(film)):
        boxes, classes = finder(picture)
        boxes = boxes[classes == 0]
        assert len(boxes) == 1
        assert_same(made.keypoints, film, number, net(picture, bboxes=boxes))


def test_a_detector_at_full_width(folder: Path, film: PoseInput) -> None:
    side = 160
    files = (
        yolox(folder / "yolox.onnx", side=side, box=(40, 20, 110, 100), width=0.125, depth=0.2),
        pose_file(folder, "rtmw-256x192"),
    )
    made = ours(*files, film)
    finder, net = their_detector(files[0], side), their_pose(files[1], (256, 192))
    for number, picture in enumerate(pictures(film)):
        assert_same(made.keypoints, film, number, net(picture, bboxes=finder(picture)))


def test_our_order_is_what_rtmlib_gives_for_rgb_pictures(folder: Path, film: PoseInput) -> None:
    files = detector_file(folder, "raw"), pose_file(folder, "rtmw-256x192")
    made = ours(*files, film, channel_order=None)
    finder, net = their_detector(files[0], 128), their_pose(files[1], (256, 192))
    shipped = ours(*files, film).keypoints
    for number, picture in enumerate(pictures(film)):
        right = np.ascontiguousarray(picture[..., ::-1])
        assert_same(made.keypoints, film, number, net(right, bboxes=finder(picture)))
    assert np.nanmax(np.abs(made.keypoints - shipped)) > 0.01


def test_nobody_is_nobody_here(folder: Path) -> None:
    files = detector_file(folder, "raw"), pose_file(folder, "rtmw-256x192")
    film = clip(folder / "nobody.mp4", lambda t: [], 3)
    keypoints = ours(*files, film).keypoints
    assert np.isnan(keypoints[..., :2]).all()
    assert (keypoints[..., 2] == 0).all()
    # rtmlib takes the whole picture for a person.
    picture = next(pictures(film))
    theirs = their_pose(files[1], (256, 192))(
        picture, bboxes=their_detector(files[0], 128)(picture)
    )
    assert np.isfinite(theirs[0]).all()
    assert (theirs[1] > 0).any()


@pytest.mark.parametrize("detector", DETECTORS)
def test_only_persons_count_here(detector: str, folder: Path) -> None:
    film = clip(folder / f"dog-{detector}.mp4", lambda t: [Person(DOG, 40, 60)], 3)
    files = detector_file(folder, detector), pose_file(folder, "markers")
    made = ours(*files, film)
    assert np.isnan(made.keypoints[..., :2]).all()
    assert made.facts["persons"] == 0
    # rtmlib asks a person detector's boxes of all classes for their pose.
    assert len(their_detector(files[0], 128)(next(pictures(film)))) == 1


def test_a_point_without_a_score_has_no_place_here(folder: Path) -> None:
    film = clip(folder / "hidden.mp4", lambda t: [Person(SIGNER, 120, 70, hidden=(2,))], 2)
    files = detector_file(folder, "raw"), pose_file(folder, "markers")
    made = ours(*files, film).keypoints
    hidden = np.arange(made.shape[1]) % 6 == 2
    assert np.isnan(made[:, hidden, :2]).all()
    assert (made[:, hidden, 2] == 0).all()
    assert np.isfinite(made[:, ~hidden]).all()
    # rtmlib puts it just outside of the crop.
    picture = next(pictures(film))
    points, scores = their_pose(files[1], (256, 192))(
        picture, bboxes=their_detector(files[0], 128)(picture)
    )
    assert np.isfinite(points).all()
    assert (scores[0][hidden] == 0).all()


def beginning(source: Path, target: Path) -> PoseInput:
    """The first frames of a real clip."""
    frames = list(islice(read_frames(source), FRAMES))
    height, width = frames[0].shape[:2]
    write_video(target, frames)
    return PoseInput(target, len(frames), width, height, 25.0)

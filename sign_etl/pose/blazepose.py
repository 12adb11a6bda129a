"""Backend `blazepose`: MediaPipe's body and hand landmarkers, layout holistic-75 with depth.

Coordinates: x / W and y / H, which may leave [0, 1]. The z of the body is scaled like x (so z * W
is in pixels) and counts from the middle of the hips; the z of a hand is scaled likewise and counts
from that hand's wrist; smaller is nearer to the camera. Score: visibility for body points, the
score of the handedness for all points of a hand, since hands have no visibility. Body points out
of the picture are the model's own extrapolation, with the low visibility that it gives them.
"""

from __future__ import annotations

import ctypes
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from sign_etl.core.errors import AccessError
from sign_etl.pose import blazepose_weights
from sign_etl.pose.ahead import ahead
from sign_etl.pose.base import Estimate, Estimator, PoseBackend, PoseInput, WeightsFile
from sign_etl.pose.blazepose_hands import BODY, HandOwner, points_of
from sign_etl.pose.blazepose_options import BlazePoseOptions, Mode
from sign_etl.pose.clock import SILENT
from sign_etl.reader.frames import read_frames
from sign_etl.schema.layouts import layout

LAYOUT = "holistic-75"
_POINTS = layout(LAYOUT)
_SYSTEM_LIBRARIES = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}


class BlazePose:
    """The backend, see `sign_etl.pose.base.PoseBackend`."""

    name = "blazepose"
    title = "MediaPipe BlazePose (full): body 33, hands 21 + 21, with depth"
    extra: str | None = "blazepose"
    modules: tuple[str, ...] = ("mediapipe",)
    annotation_bound = False
    uses_bbox = False

    def __init__(self) -> None:
        # Another MediaPipe gives slightly other numbers (4e-4 between two versions was seen).
        try:
            self.version = f"1+mediapipe-{version('mediapipe')}"
        except PackageNotFoundError:
            self.version = "1"

    def options(self, raw: Mapping[str, Any]) -> BlazePoseOptions:
        """See `PoseBackend`."""
        return BlazePoseOptions.model_validate(raw)

    def layout(self, options: BaseModel) -> str:
        """See `PoseBackend`."""
        return LAYOUT

    def weights(self, options: BaseModel, folder: Path) -> tuple[WeightsFile, ...]:
        """See `PoseBackend`."""
        return tuple(entry.file for entry in blazepose_weights.BUNDLES)

    def check(self) -> None:
        """See `PoseBackend`."""
        if not sys.platform.startswith("linux"):
            return
        missing = [name for name in _SYSTEM_LIBRARIES if not _loads(name)]
        if missing:
            packages = " ".join(_SYSTEM_LIBRARIES[name] for name in missing)
            raise AccessError(
                f"backend `blazepose` needs the system library {' and '.join(missing)}",
                hint=f"apt-get install -y {packages}",
            )

    def fetch(self, options: BaseModel, folder: Path) -> None:
        """See `PoseBackend`."""
        blazepose_weights.fetch(folder)

    def open(self, options: BaseModel, folder: Path) -> Estimator:
        """See `PoseBackend`."""
        assert isinstance(options, BlazePoseOptions)
        return BlazePoseEstimator(options, folder)


class BlazePoseEstimator:
    """Both landmarkers. They keep one core busy, not more; frames are decoded in a thread ahead.

    A landmarker in image mode keeps no state between frames and serves all clips; one in video
    mode is made anew for each clip, which takes 0.1 s and leaks some 1.5 MB, so the guarded child
    must be replaced from time to time.

    Args:
        options: of the backend.
        folder: the weights folder, verified.
    """

    def __init__(self, options: BlazePoseOptions, folder: Path) -> None:
        self._options = options
        # Given as bytes, since the library cannot open every path.
        body_model = (folder / blazepose_weights.POSE.file.name).read_bytes()
        self._body_model = blazepose_weights.without_mask(body_model)
        self._hand_model = (folder / blazepose_weights.HANDS.file.name).read_bytes()
        self._kept: dict[str, Any] = {}
        # Before the interpreter takes MediaPipe apart: its own clean-up at that point complains.
        weakref.finalize(self, _close_all, self._kept)

    def estimate(self, clips: Sequence[PoseInput]) -> Iterator[Estimate]:
        """See `Estimator`; MediaPipe takes one picture at a time, so nothing is gained by a batch.

        Raises:
            ValueError: a video cannot be decoded, or it has another number of frames.
        """
        for clip in clips:
            yield Estimate(self._keypoints(clip))

    def _keypoints(self, clip: PoseInput) -> NDArray[np.float32]:
        import mediapipe as mp

        follows = self._options.hands_mode == "follow"
        hand_mode: Mode = "video" if self._options.hands_mode != "image" else "image"
        with SILENT("open"):
            body_finder = self._finder("body", self._options.body_mode)
            hand_finder = self._finder("hands", hand_mode)
            again = self._finder("again", "image") if follows else None
        keypoints = empty(clip.frames)
        owner = HandOwner(self._options.max_wrist_distance, clip.width, clip.height)
        coming = ahead(SILENT.each("decode", read_frames(clip.video)))
        count = 0
        try:
            for picture in coming:
                if count == clip.frames:
                    raise ValueError(f"the video has more than {clip.frames} frames")
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=picture)
                # Distinct as long as there are fewer than 1,000 frames a second.
                time_ms = round(count * 1000 / clip.fps)
                with SILENT("body"):
                    body = _look(body_finder, self._options.body_mode, image, time_ms)
                _put_body(keypoints[count], body)
                with SILENT("hands"):
                    if again is None:
                        found = _look(hand_finder, hand_mode, image, time_ms)
                        owner.put(keypoints[count], found)
                    else:
                        _follow(keypoints[count], owner, hand_finder, again, image, time_ms)
                count += 1
        finally:
            coming.close()
            self._release("body", body_finder)
            self._release("hands", hand_finder)
        if count != clip.frames:
            raise ValueError(f"the video has {count} frames, not {clip.frames}")
        if not self._options.depth:
            flattened(keypoints)
        return keypoints

    def _finder(self, which: str, mode: Mode) -> Any:
        if which in self._kept:
            return self._kept[which]
        finder = self._new_body(mode) if which == "body" else self._new_hands(mode)
        if mode == "image":
            self._kept[which] = finder
        return finder

    def _release(self, which: str, finder: Any) -> None:
        if which not in self._kept:
            finder.close()

    def _new_body(self, mode: Mode) -> Any:
        from mediapipe.tasks.python import vision

        return vision.PoseLandmarker.create_from_options(
            vision.PoseLandmarkerOptions(
                base_options=_on_cpu(self._body_model),
                running_mode=vision.RunningMode[mode.upper()],
                num_poses=1,
                min_pose_detection_confidence=self._options.min_body_detection,
                min_pose_presence_confidence=self._options.min_body_presence,
                min_tracking_confidence=self._options.min_body_tracking,
            )
        )

    def _new_hands(self, mode: Mode) -> Any:
        from mediapipe.tasks.python import vision

        return vision.HandLandmarker.create_from_options(
            vision.HandLandmarkerOptions(
                base_options=_on_cpu(self._hand_model),
                running_mode=vision.RunningMode[mode.upper()],
                num_hands=2,
                min_hand_detection_confidence=self._options.min_hand_detection,
                min_hand_presence_confidence=self._options.min_hand_presence,
                min_tracking_confidence=self._options.min_hand_tracking,
            )
        )


def _on_cpu(model: bytes) -> Any:
    from mediapipe.tasks.python import BaseOptions

    return BaseOptions(model_asset_buffer=model, delegate=BaseOptions.Delegate.CPU)


def empty(frames: int) -> NDArray[np.float32]:
    """(T, 75, 4) in which nothing is estimated: NaN with score 0."""
    keypoints = np.full((frames, _POINTS.size, _POINTS.channels), np.nan, np.float32)
    keypoints[..., -1] = 0.0
    return keypoints


def flattened(keypoints: NDArray[np.float32]) -> None:
    """Set z to 0 in place, where a point was found; see `BlazePoseOptions.depth`."""
    keypoints[np.isfinite(keypoints[..., 0]), 2] = 0.0


def _look(finder: Any, mode: Mode, image: Any, time_ms: int) -> Any:
    if mode == "image":
        return finder.detect(image)
    return finder.detect_for_video(image, time_ms)


def _follow(
    frame: NDArray[np.float32],
    owner: HandOwner,
    follower: Any,
    again: Any,
    image: Any,
    time_ms: int,
) -> None:
    """The hands by following them, or by a look at this frame alone where that is not enough."""
    if owner.beside(frame):
        owner.put(frame, again.detect(image))
        return
    found = follower.detect_for_video(image, time_ms)
    owner.put(frame, found)
    if owner.overlooked(frame, found):
        owner.put_if_better(frame, again.detect(image))


def _put_body(frame: NDArray[np.float32], found: Any) -> None:
    if found.pose_landmarks:
        landmarks = found.pose_landmarks[0]
        frame[BODY, :3] = points_of(landmarks)
        frame[BODY, 3] = [point.visibility for point in landmarks]


def _close_all(finders: dict[str, Any]) -> None:
    for finder in finders.values():
        finder.close()
    finders.clear()


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


BACKEND: PoseBackend = BlazePose()

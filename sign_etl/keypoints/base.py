"""What a format of keypoints is: a reader from a file to one array in our convention.

One file a format. Readers run in a guarded child process, because the files are foreign; they may
raise whatever damaged bytes make them raise, `Refused` where they know the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.registry import Registry
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import Layout
from sign_etl.schema.outcome import Reason

Floats = NDArray[np.float32]

LARGEST_UNIT: Final = 10.0
"""Coordinates beyond it are pixels: shares of the picture may leave 0 to 1, but not so far."""


class Refused(Exception):
    """The file cannot be imported, for a reason of the closed list."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Imported:
    """Keypoints of one clip.

    Attributes:
        keypoints: (T, K, C) float32 in our convention, see `standard`.
        layout: what stands where.
        fps: frames per second, None where the file does not say it.
        width: W of the pictures in pixels, likewise.
        height: H in pixels, likewise.
        units: `unit` or `pixel`: what the file holds.
        flags: what was not as it should be, keys of `sign_etl.keypoints.importing.FLAGS`.
    """

    keypoints: Floats
    layout: str
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    units: str = "unit"
    flags: frozenset[str] = frozenset()


class Format(Protocol):
    """A format; instances are registered under their name in `FORMATS`."""

    name: str
    title: str

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """Read one clip.

        Args:
            path: the file.
            part: which part of it, None for the whole file.
            wanted: what the build expects; a format that has no layout of its own takes it.

        Raises:
            Refused: the file is readable and cannot be imported.
        """


FORMATS: Registry[Format] = Registry("keypoint format", "sign_etl.keypoints")
"""All formats, ours and those that other packages register as entry points."""

FORMATS.builtin(
    gislr="sign_etl.keypoints.gislr:FORMAT",
    mediapipe_json="sign_etl.keypoints.mediapipe_json:FORMAT",
    npy="sign_etl.keypoints.arrays:NPY",
    npz="sign_etl.keypoints.arrays:NPZ",
    openhands="sign_etl.keypoints.openhands:FORMAT",
    pose="sign_etl.keypoints.pose_file:FORMAT",
    spoter_csv="sign_etl.keypoints.spoter:FORMAT",
    unisign="sign_etl.keypoints.unisign:FORMAT",
)


def standard(
    coordinates: NDArray[Any], score: NDArray[Any] | None, kind: Layout
) -> tuple[Floats, frozenset[str]]:
    """Keypoints in our convention, and what was odd.

    A point without place is NaN with score 0, and one with score 0 has no place; a point without
    any score has score 1. Scores above 1 (Uni-Sign has them) become 1. Depth is dropped where the
    layout has none, and 0 where only the layout has it.

    Args:
        coordinates: (T, K, 2 or 3): x/W, y/H and perhaps z; NaN or infinite where not estimated.
        score: (T, K), None where the format has none.
        kind: the layout.

    Raises:
        Refused: the numbers of points differ.
    """
    if coordinates.ndim != 3 or coordinates.shape[1] != kind.size or coordinates.shape[2] < 2:
        shape = "x".join(map(str, coordinates.shape[1:]))
        raise Refused(Reason.UNSUPPORTED_FORMAT, f"frames of {shape}, {kind.name} wanted")
    flags = set()
    frames = coordinates.shape[0]
    keypoints = np.zeros((frames, kind.size, kind.channels), np.float32)
    keypoints[..., :2] = coordinates[..., :2]
    if kind.has_z and coordinates.shape[2] > 2:
        keypoints[..., 2] = coordinates[..., 2]
    elif kind.has_z:
        flags.add("no-depth")
    keypoints[..., -1] = 1.0 if score is None else np.nan_to_num(score, nan=0.0, posinf=1.0)
    scores = keypoints[..., -1]
    missing = ~np.isfinite(keypoints[..., :-1]).all(axis=-1) | (scores <= 0)
    if (scores[~missing] > 1 + 1e-6).any():
        flags.add("score-clipped")
    np.clip(scores, 0.0, 1.0, out=scores)
    keypoints[missing] = np.nan
    keypoints[missing, -1] = 0.0
    return keypoints, frozenset(flags)


def zero_is_missing(coordinates: NDArray[Any]) -> Floats:
    """A copy in which points at exactly 0 in all channels, which are not estimated, are NaN."""
    marked = np.array(coordinates, np.float32)
    marked[(marked == 0).all(axis=-1)] = np.nan
    return marked


def units_of(coordinates: NDArray[Any]) -> str:
    """`unit` where x and y are shares of the picture, `pixel` where they cannot be."""
    xy = np.abs(coordinates[..., :2])
    return "pixel" if (xy[np.isfinite(xy)] > LARGEST_UNIT).any() else "unit"


def to_unit(coordinates: Floats, width: int | None, height: int | None) -> Floats:
    """Pixels as shares of a picture of this size; z is left as it is.

    Raises:
        Refused: the size is not known.
    """
    if not width or not height:
        raise Refused(Reason.UNSUPPORTED_FORMAT, "pixels, and the size of the picture is not known")
    scaled = coordinates.copy()
    scaled[..., 0] /= width
    scaled[..., 1] /= height
    return scaled

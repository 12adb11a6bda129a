"""MediaPipe hands as Slovo publishes them (`slovo_mediapipe.json`): one document for all clips.

    {clip: [frame, ...]}, a frame being {"hand 1": [21 x {x, y, z}], "hand 2": [...]}

Both hands are optional. Their order is that of the detection and not left or right, so every clip
says `hands-unordered`. The part is the clip's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.keypoints.base import Imported, Refused, standard, to_unit, units_of
from sign_etl.keypoints.ranges import read_member
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason

_HANDS: Final = ("hand 1", "hand 2")
_POINTS: Final = layout("hands-42")


@dataclass(frozen=True, slots=True)
class MediapipeJson:
    """The format."""

    name: str = "mediapipe-json"
    title: str = "MediaPipe hands in JSON, as Slovo has them (hands 42)"

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """See `Format`."""
        frames = read_member(path, part or "")
        if not isinstance(frames, list):
            raise Refused(Reason.UNSUPPORTED_FORMAT, "no list of frames")
        coordinates = np.full((len(frames), 2, 21, 3), np.nan, np.float32)
        for number, frame in enumerate(frames):
            for hand, name in enumerate(_HANDS):
                if frame and frame.get(name):
                    coordinates[number, hand] = [_place(point) for point in frame[name]]
        flat = coordinates.reshape(len(frames), _POINTS.size, 3)
        units = units_of(flat)
        if units == "pixel":
            flat = to_unit(flat, wanted.width, wanted.height)
        keypoints, flags = standard(flat, None, _POINTS)
        return Imported(
            keypoints,
            _POINTS.name,
            None,
            wanted.width,
            wanted.height,
            units,
            flags | {"hands-unordered"},
        )


def _place(point: Any) -> tuple[float, float, float]:
    return float(point["x"]), float(point["y"]), float(point["z"])


FORMAT = MediapipeJson()

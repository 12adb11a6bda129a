"""Uni-Sign pose pickles: COCO-WholeBody by RTMPose, one file a clip.

    {"keypoints": [T x (P, 133, 2)], "scores": [T x (P, 133)], "w_h": [W, H], "start": 0, "end": 9}

The last three are optional. What the files in circulation do:

* The original divides by width and height; a fork (the Italian one) stores pixels, and its `w_h` is
  height, width. So the unit is told by the numbers, and the size is checked against them.
* Scores exceed 1 (1.08 was seen): they become 1.
* Some frames hold several persons (ragged lists): the first is the signer, as Uni-Sign takes it.
* `start` and `end` are frames: the clip is what lies between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.core.unpickle import read_pickle
from sign_etl.keypoints.base import Floats, Imported, Refused, standard, to_unit, units_of
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason

SURE: Final = 0.3
"""Score above which Uni-Sign itself believes a point."""
OVERSHOOT: Final = 1.2
FITS: Final = 1.1
"""Estimated feet lie below the picture, so a size is doubted only well beyond it, and only where
the other orientation explains the numbers."""
_POINTS: Final = layout("coco-wholebody-133")


@dataclass(frozen=True, slots=True)
class UniSign:
    """The format."""

    name: str = "unisign"
    title: str = "Uni-Sign pickle (COCO-WholeBody 133)"

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """See `Format`."""
        value = read_pickle(path)
        if not isinstance(value, dict) or not {"keypoints", "scores"} <= value.keys():
            raise Refused(Reason.UNSUPPORTED_FORMAT, "no `keypoints` and `scores`")
        span = slice(value.get("start"), value.get("end"))
        flags = set()
        coordinates, several = first_persons(value["keypoints"][span], 2)
        scores, _ = first_persons(value["scores"][span], None)
        if len(coordinates) != len(scores):
            raise Refused(Reason.CORRUPT, "keypoints and scores of different lengths")
        if several:
            flags.add("several-people")
        width, height = wanted.width, wanted.height
        units = units_of(coordinates)
        if not (width and height) and value.get("w_h") is not None:
            width, height = (int(side) for side in value["w_h"])
            if units == "pixel" and is_swapped(coordinates, scores, width, height):
                width, height = height, width
                flags.add("size-swapped")
        if units == "pixel":
            coordinates = to_unit(coordinates, width, height)
        keypoints, odd = standard(coordinates, scores, _POINTS)
        return Imported(keypoints, _POINTS.name, None, width, height, units, frozenset(flags) | odd)


def first_persons(frames: Any, channels: int | None) -> tuple[Floats, bool]:
    """The first person of each frame: (T, 133, channels) or (T, 133), NaN where there is nobody.

    Returns:
        The array, and whether any frame holds more than one person.
    """
    shape = (_POINTS.size,) if channels is None else (_POINTS.size, channels)
    persons = np.full((len(frames), *shape), np.nan, np.float32)
    several = False
    for number, frame in enumerate(frames):
        found = np.asarray(frame, np.float32)
        if found.shape == shape:
            found = found[None]
        if found.size == 0:
            continue
        if found.shape[1:] != shape:
            sides = "x".join(map(str, found.shape[1:]))
            raise Refused(Reason.UNSUPPORTED_FORMAT, f"frames of {sides}, {_POINTS.name} wanted")
        several |= len(found) > 1
        persons[number] = found[0]
    return persons, several


def is_swapped(coordinates: Floats, scores: Floats, width: int, height: int) -> bool:
    """True where the points leave a picture of this size and fit one that lies on its side."""
    xy = coordinates[scores > SURE]
    if not len(xy) or width == height:
        return False
    x, y = np.nanmax(xy, axis=0)
    stated, turned = max(x / width, y / height), max(x / height, y / width)
    return bool(stated > OVERSHOOT and turned <= FITS)


FORMAT = UniSign()

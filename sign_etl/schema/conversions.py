"""From one keypoint layout to another: tables of which point comes from where, no code per pair.

A point of the target is a point of the source, or the mean of two (SPOTER's neck), or cannot be
had: then it is NaN with score 0, as everything that was not estimated. What the tables hold beside
points of the same name:

* The neck lies between the shoulders, as in SPOTER's own scripts; its score is the lower of theirs.
* BlazePose's corners of eyes and mouth are points of the 68-point face; its `index`, `pinky` and
  `thumb` are the fingers' first joints (MCP: of all points of the hand model the nearest in 29 of
  30 cases on five real clips, median distance 0.08 shoulder widths); its `foot_index` is the big
  toe.
* From BlazePose to COCO-WholeBody there is no face and no small toe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.schema.layouts import LAYOUTS, Layout, layout

Number = TypeVar("Number", bound=np.floating[Any])

_NECK: Final = {"neck": ("left_shoulder", "right_shoulder")}
_FROM_WHOLEBODY: Final = {
    **{f"left_eye_{end}": (f"face_{number}",) for end, number in (("inner", 42), ("outer", 45))},
    **{f"right_eye_{end}": (f"face_{number}",) for end, number in (("inner", 39), ("outer", 36))},
    "mouth_left": ("face_54",),
    "mouth_right": ("face_48",),
    **{
        f"{side}_{knuckle}": (f"{side}_{point}",)
        for side in ("left", "right")
        for knuckle, point in (
            ("index", "hand_index_mcp"),
            ("pinky", "hand_pinky_mcp"),
            ("thumb", "hand_thumb_mcp"),
            ("foot_index", "big_toe"),
        )
    },
}
_TO_WHOLEBODY: Final = {f"{side}_big_toe": (f"{side}_foot_index",) for side in ("left", "right")}

_DIRECT: Final[Mapping[tuple[str, str], Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        ("coco-wholebody-133", "unisign-69"): {},
        ("coco-wholebody-133", "spoter-54"): _NECK,
        ("coco-wholebody-133", "holistic-75"): _FROM_WHOLEBODY,
        ("coco-wholebody-133", "hands-42"): {},
        ("holistic-75", "coco-wholebody-133"): _TO_WHOLEBODY,
        ("holistic-75", "spoter-54"): _NECK,
        ("holistic-75", "hands-42"): {},
        ("holistic-75", "blazepose-33"): {},
        ("blazepose-33", "spoter-54"): _NECK,
        ("mediapipe-543", "holistic-75"): {},
        ("spoter-54", "hands-42"): {},
        ("unisign-69", "hands-42"): {},
    }
)
"""Points of the target that have another name in the source; those of the same name are implied,
and all others cannot be had."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """A table.

    Attributes:
        source: layout that is converted.
        target: layout that comes out.
        origins: for each point of the target the source points whose mean it is: one for most,
            two for a neck, none where it cannot be had.
        by_way_of: the layouts between, empty for a table of its own.
    """

    source: Layout
    target: Layout
    origins: tuple[tuple[int, ...], ...]
    by_way_of: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Points of the target that cannot be had."""
        return tuple(
            name
            for name, points in zip(self.target.points, self.origins, strict=True)
            if not points
        )


def convert(keypoints: NDArray[Number], source: str, target: str) -> NDArray[Number]:
    """Keypoints in another layout.

    A mean has the lower one of the two scores, and is missing where one of them is. Depth is
    dropped where only the source has it, and 0 where only the target has it, as in imported
    keypoints: in our arrays a NaN says that a point was not estimated, and these were.

    Args:
        keypoints: (..., K, C) in any coordinates, score last; C as the source layout says.
        source: name of their layout.
        target: name of the wanted one.

    Returns:
        (..., K', C') of the same type; a copy, even where nothing changes.

    Raises:
        ConfigError: there is no way between the layouts, or one of them does not exist.
        ValueError: the array does not fit the source layout.
    """
    table = conversion(source, target)
    shape = (table.source.size, table.source.channels)
    if keypoints.shape[-2:] != shape:
        raise ValueError(f"{source} has (..., {shape[0]}, {shape[1]}), not {keypoints.shape}")
    first, second = _columns(source, target)
    lacking = first < 0
    one, two = keypoints[..., first, :], keypoints[..., second, :]
    made: NDArray[Number] = np.zeros(
        (*keypoints.shape[:-2], table.target.size, table.target.channels), keypoints.dtype
    )
    kept = min(table.source.channels, table.target.channels) - 1
    # In float32 or better, and halved first: equal halves of float16 add up to what they were.
    wide = np.result_type(keypoints.dtype, np.float32)
    made[..., :kept] = one[..., :kept].astype(wide) / 2 + two[..., :kept].astype(wide) / 2
    made[..., -1] = np.minimum(one[..., -1], two[..., -1])
    made[..., lacking, :-1] = np.nan
    made[..., lacking, -1] = 0
    missing = np.isnan(made[..., :-1]).any(axis=-1)
    made[missing] = np.nan
    made[missing, -1] = 0
    return made


def mirrored(keypoints: NDArray[Number], kind: Layout, *, axis: float = 0.5) -> NDArray[Number]:
    """Keypoints of the mirrored picture: x' = 2 axis - x, and left and right change places.

    What was the left hand is then called the right one, as in a video that was really filmed so.
    Depth and scores stay. Doing it twice gives the first array, up to the rounding of 2 axis - x.

    Args:
        keypoints: (..., K, >= 1), x first.
        kind: their layout.
        axis: x of the mirror: 0.5 for shares of the picture, W / 2 for pixels, 0 for coordinates
            that begin in the body's middle.
    """
    swapped = keypoints[..., mirror_order(kind), :]
    swapped[..., 0] = (2 * axis - swapped[..., 0]).astype(keypoints.dtype)
    return swapped


def mirror_order(kind: Layout) -> NDArray[np.intp]:
    """(K,) which point stands in each place after left and right have changed places."""
    order = np.arange(kind.size)
    for left, right in kind.pairs:
        order[[left, right]] = right, left
    return order


@cache
def conversion(source: str, target: str) -> Conversion:
    """The table from one layout to another: a direct one, else over as few others as possible.

    Raises:
        ConfigError: there is none, or one of the layouts does not exist.
    """
    found = _composed(layout(source).name, layout(target).name)
    if found is None:
        others = [name for name in LAYOUTS if name != source and _composed(source, name)]
        hint = f"it can become: {', '.join(others)}" if others else "it can become no other layout"
        raise ConfigError(f"`{source}` cannot be converted to `{target}`", hint=hint)
    return found


def direct() -> tuple[Conversion, ...]:
    """All tables that are no composition."""
    return tuple(conversion(source, target) for source, target in _DIRECT)


def _composed(source: str, target: str) -> Conversion | None:
    """None where no way leads there, or where nothing arrives."""
    ways = [[source]]
    for way in ways:  # grows while it is walked: breadth first
        if way[-1] == target:
            break
        seen = {name for other in ways for name in other}
        ways += [[*way, end] for start, end in _DIRECT if start == way[-1] and end not in seen]
    else:
        return None
    origins: tuple[tuple[int, ...], ...] = tuple((n,) for n in range(LAYOUTS[source].size))
    for step in pairwise(way):
        origins = tuple(_through(origins, points) for points in _direct(*step))
    if not any(origins):
        return None
    return Conversion(LAYOUTS[source], LAYOUTS[target], origins, tuple(way[1:-1]))


def _through(origins: tuple[tuple[int, ...], ...], points: tuple[int, ...]) -> tuple[int, ...]:
    whole = all(origins[number] for number in points)
    return tuple(before for number in points for before in origins[number]) if whole else ()


def _direct(source: str, target: str) -> tuple[tuple[int, ...], ...]:
    renamed = _DIRECT[source, target]
    points = LAYOUTS[source].points
    return tuple(
        tuple(points.index(name) for name in renamed.get(point, (point,)) if name in points)
        for point in LAYOUTS[target].points
    )


@cache
def _columns(source: str, target: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    origins = conversion(source, target).origins
    first = np.array([points[0] if points else -1 for points in origins], np.intp)
    second = np.array([points[-1] if points else -1 for points in origins], np.intp)
    return first, second

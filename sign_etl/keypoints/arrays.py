"""Plain numpy files: `.npy` and `.npz`, one clip a file or an array of clips of equal length.

A part is `KEY/INDEX` in an `.npz` and `INDEX` in an `.npy`, the index counted from 0 along the
first axis; `KEY` alone (or nothing) is a whole array. An array is (T, K, C) or (T, K x C). Its last
axis is x, y or x, y, score where the layout has no depth, x, y, z or x, y, z, score where it has.
Points at 0 in all channels are not estimated. Pickled objects inside are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.keypoints.base import Imported, Refused, standard, to_unit, units_of, zero_is_missing
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import Layout, layout
from sign_etl.schema.outcome import Reason


@dataclass(frozen=True, slots=True)
class Arrays:
    """Both formats: they differ in whether arrays have names."""

    name: str
    title: str
    named: bool

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """See `Format`."""
        facts = path.stat()
        key, _, index = (part or "").rpartition("/") if self.named else ("", "", part or "")
        if self.named and not key:
            key, index = (index, "") if not index.isdigit() else ("", index)
        array = _array(path, facts.st_size, facts.st_mtime_ns, self.named, key)
        if index:
            if not index.isdigit() or int(index) >= len(array):
                raise Refused(Reason.UNSUPPORTED_FORMAT, f"no part {index[:40]}")
            array = array[int(index)]
        return read_array(array, wanted)


def read_array(array: NDArray[Any], wanted: KeypointSet) -> Imported:
    """One clip from its array.

    Raises:
        Refused: its shape does not fit the layout, or its numbers are no numbers.
    """
    kind = layout(wanted.layout)
    coordinates, score = _split(array, kind)
    coordinates = zero_is_missing(coordinates)
    units = units_of(coordinates)
    if units == "pixel":
        coordinates = to_unit(coordinates, wanted.width, wanted.height)
    keypoints, flags = standard(coordinates, score, kind)
    return Imported(
        keypoints, kind.name, width=wanted.width, height=wanted.height, units=units, flags=flags
    )


def _split(array: NDArray[Any], kind: Layout) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if array.dtype.kind not in "fiu":
        raise Refused(Reason.UNSUPPORTED_FORMAT, f"an array of {array.dtype.name}")
    if array.ndim and not len(array):
        return np.zeros((0, kind.size, kind.channels - 1), np.float32), None
    channels = array.size // max(1, len(array) * kind.size) if array.ndim in (2, 3) else 0
    fits = channels in (2, 3, 4) and array.size == len(array) * kind.size * channels
    if array.ndim == 3:
        fits = fits and array.shape[1] == kind.size
    if not fits:
        shape = " x ".join(map(str, array.shape))
        raise Refused(Reason.UNSUPPORTED_FORMAT, f"an array of {shape}, {kind.name} wanted")
    points = np.asarray(array, np.float32).reshape(len(array), kind.size, channels)
    with_score = channels == kind.channels
    return (points[..., :-1], points[..., -1]) if with_score else (points, None)


@lru_cache(maxsize=2)
def _array(path: Path, size_bytes: int, changed_ns: int, named: bool, key: str) -> NDArray[Any]:
    # Many clips are parts of one array; size and time tell a file that was replaced.
    if not named:
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return found
    with path.open("rb") as file, np.load(file, allow_pickle=False) as members:
        if not key and len(members.files) == 1:
            key = members.files[0]
        if key not in members.files:
            raise Refused(Reason.UNSUPPORTED_FORMAT, f"no array `{key[:40]}`")
        found = members[key]
        return found


NPY = Arrays("npy", "numpy array, one clip a file or a row", named=False)
NPZ = Arrays("npz", "numpy arrays by name, one clip an array or a row", named=True)

"""SPOTER tables: one row a clip, two columns a joint, each cell the text of a list over frames.

    nose_X, nose_Y, ..., indexTip_left_X (or indexTip_0_X), ..., labels [, split, fps, ...]

54 joints, shares of the picture, `0` where a joint was not found. The part is the number of the row
as a spreadsheet counts (the header is row 1). The cells are read as JSON, never evaluated. A neck
that is missing is put between the shoulders, as SPOTER's own scripts do. Files made with Apple
Vision count y upwards: say so with `y_axis: up`.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sign_etl.keypoints.base import (
    Floats,
    Imported,
    Refused,
    standard,
    to_unit,
    units_of,
    zero_is_missing,
)
from sign_etl.keypoints.ranges import read_row
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason
from sign_etl.schema.spoter import column_names

MAX_CELL: Final = 1 << 24
_POINTS: Final = layout("spoter-54")
_NECK: Final = _POINTS.index("neck")
_SHOULDERS: Final = (_POINTS.index("left_shoulder"), _POINTS.index("right_shoulder"))


@dataclass(frozen=True, slots=True)
class Spoter:
    """The format."""

    name: str = "spoter-csv"
    title: str = "SPOTER table, one row a clip (54 joints)"

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """See `Format`."""
        cells = _cells(*read_row(path, int(part or "2")))
        flags = set()
        coordinates = zero_is_missing(_coordinates(cells))
        lacking = np.isnan(coordinates[:, _NECK]).any(axis=-1)
        if lacking.any():
            between = coordinates[:, _SHOULDERS].mean(axis=1)
            coordinates[lacking, _NECK] = between[lacking]
            flags.add("neck-synthesised")
        units = units_of(coordinates)
        width = wanted.width or _whole(cells, "video_width", "video_size_width")
        height = wanted.height or _whole(cells, "video_height", "video_size_height")
        if units == "pixel":
            coordinates = to_unit(coordinates, width, height)
        keypoints, odd = standard(coordinates, None, _POINTS)
        fps = _number(cells, "fps", "video_fps")
        return Imported(keypoints, _POINTS.name, fps, width, height, units, frozenset(flags) | odd)


def _cells(header: str, row: str) -> dict[str, str]:
    csv.field_size_limit(MAX_CELL)
    names, cells = (next(csv.reader(io.StringIO(text, newline=""))) for text in (header, row))
    if len(names) != len(cells):
        raise Refused(Reason.CORRUPT, "another number of cells than in the header")
    return dict(zip(map(str.strip, names), cells, strict=True))


def _coordinates(cells: dict[str, str]) -> Floats:
    columns: dict[tuple[int, int], list[float]] = {}
    for number, point in enumerate(_POINTS.points):
        for axis, letter in enumerate("XY"):
            name = next(
                (f"{n}_{letter}" for n in column_names(point) if f"{n}_{letter}" in cells), ""
            )
            if name:
                columns[number, axis] = _list(cells[name])
            elif number != _NECK:
                raise Refused(
                    Reason.UNSUPPORTED_FORMAT, f"no column {column_names(point)[0]}_{letter}"
                )
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise Refused(Reason.CORRUPT, "joints with different numbers of frames")
    coordinates = np.zeros((lengths.pop(), _POINTS.size, 2), np.float32)
    for (number, axis), values in columns.items():
        coordinates[:, number, axis] = values
    return coordinates


def _list(cell: str) -> list[float]:
    try:
        values = json.loads(cell.replace("nan", "NaN"))
    except (ValueError, RecursionError) as error:
        raise Refused(Reason.CORRUPT, "a cell that is no list of numbers") from error
    if not isinstance(values, list) or not all(type(value) in (int, float) for value in values):
        raise Refused(Reason.CORRUPT, "a cell that is no list of numbers")
    return values


def _number(cells: dict[str, str], *names: str) -> float | None:
    for name in names:
        try:
            value = float(cells.get(name, ""))
        except ValueError:
            continue
        if 0 < value < 1e6:
            return value
    return None


def _whole(cells: dict[str, str], *names: str) -> int | None:
    value = _number(cells, *names)
    return None if value is None else round(value)


FORMAT = Spoter()

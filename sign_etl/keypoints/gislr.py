"""Parquet files of the Kaggle competition `asl-signs` (GISLR): one file a clip.

    frame, row_id, type (face | left_hand | pose | right_hand), landmark_index, x, y, z

543 rows a frame, MediaPipe Holistic; NaN where not found. The order of the rows does not matter:
points are placed by type and index. The files say nothing of frame rate or size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sign_etl.keypoints.base import Imported, Refused, standard, to_unit, units_of
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason

PARTS: Final = {
    "pose": "body",
    "face": "face",
    "left_hand": "left_hand",
    "right_hand": "right_hand",
}
"""What the files call our parts."""
_COLUMNS: Final = ("frame", "type", "landmark_index", "x", "y", "z")
MAX_FRAMES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Gislr:
    """The format."""

    name: str = "gislr"
    title: str = "Kaggle asl-signs parquet (Holistic 543)"

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """See `Format`."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        file = pq.ParquetFile(path)
        if not set(_COLUMNS) <= set(file.schema_arrow.names):
            raise Refused(Reason.UNSUPPORTED_FORMAT, "no columns frame, type, landmark_index")
        if file.metadata.num_rows > MAX_FRAMES * 543:
            raise Refused(Reason.TOO_LONG, f"over {MAX_FRAMES} frames")
        table = file.read(columns=list(_COLUMNS))
        kind = layout("mediapipe-543")
        frames = table["frame"].to_numpy()
        numbers, places = np.unique(frames, return_inverse=True)
        types = pc.dictionary_encode(table["type"].combine_chunks().cast("string"))
        names = types.dictionary.to_pylist()
        if not set(names) <= PARTS.keys():
            raise Refused(Reason.UNSUPPORTED_FORMAT, "points of an unknown type")
        parts = [kind.parts[PARTS[name]] for name in names]
        code = types.indices.to_numpy()
        index = table["landmark_index"].to_numpy().astype(np.int64)
        sizes = np.array([len(points) for points in parts], np.int64)
        if (index < 0).any() or (index >= sizes[code]).any():
            raise Refused(Reason.UNSUPPORTED_FORMAT, "a point beyond its part")
        first = np.array([points[0] for points in parts], np.int64)[code]
        coordinates = np.full((len(numbers), kind.size, 3), np.nan, np.float32)
        for channel, axis in enumerate("xyz"):
            values = table[axis].to_numpy()
            coordinates[places, first + index, channel] = values
        units = units_of(coordinates)
        if units == "pixel":
            coordinates = to_unit(coordinates, wanted.width, wanted.height)
        keypoints, flags = standard(coordinates, None, kind)
        if len(numbers) and numbers[-1] - numbers[0] + 1 != len(numbers):
            flags |= {"time-gap"}
        return Imported(keypoints, kind.name, None, wanted.width, wanted.height, units, flags)


FORMAT = Gislr()

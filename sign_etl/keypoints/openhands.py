"""OpenHands pose pickles: MediaPipe Holistic without the face, one file a clip.

    {"keypoints": (T, 75, 3), "confidences": (T, 75)}

Body 33, left hand 21, right hand 21; x, y (shares of the picture), z. A part that was not found is
zeros with confidence 0. Zenodo record 6674324 has such files for nine data sets. An early version
of the extractor wrote pixels: those need the size of the pictures (`width`, `height`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sign_etl.core.unpickle import read_pickle
from sign_etl.keypoints.base import Imported, Refused, standard, to_unit, units_of, zero_is_missing
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason


@dataclass(frozen=True, slots=True)
class OpenHands:
    """The format."""

    name: str = "openhands"
    title: str = "OpenHands pickle (Holistic 75)"

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """See `Format`."""
        value = read_pickle(path)
        if not isinstance(value, dict) or "keypoints" not in value:
            raise Refused(Reason.UNSUPPORTED_FORMAT, "no `keypoints`")
        kind = layout("holistic-75")
        coordinates = zero_is_missing(np.asarray(value["keypoints"], np.float32))
        scores = None
        if value.get("confidences") is not None:
            scores = np.asarray(value["confidences"], np.float32)
            if scores.shape != coordinates.shape[:2]:
                raise Refused(Reason.CORRUPT, "keypoints and confidences of different shapes")
        units = units_of(coordinates)
        if units == "pixel":
            coordinates = to_unit(coordinates, wanted.width, wanted.height)
        keypoints, flags = standard(coordinates, scores, kind)
        return Imported(keypoints, kind.name, None, wanted.width, wanted.height, units, flags)


FORMAT = OpenHands()

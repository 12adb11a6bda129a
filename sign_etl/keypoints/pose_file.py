"""`.pose` files of pose-format (versions 0.1 and 0.2), read by that library.

Points are found by the names in the file's header, so whole Holistic files, reduced ones (fewer
body points, the contour of the face) and COCO-WholeBody files all come in. Coordinates are pixels
of the size that the header states; the first person is taken; confidence 0 means not found.

Only the library's reader is used: its MediaPipe helpers need a MediaPipe older than ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.core.errors import MissingExtraError
from sign_etl.keypoints.base import Imported, Refused, standard
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.layouts import Layout, layout
from sign_etl.schema.outcome import Reason

_COMPONENTS: Final[Mapping[str, str]] = {
    "POSE_LANDMARKS": "body",
    "FACE_LANDMARKS": "face",
    "LEFT_HAND_LANDMARKS": "left_hand",
    "RIGHT_HAND_LANDMARKS": "right_hand",
    "BODY": "body",
    "FACE": "face",
    "LEFT_HAND": "left_hand",
    "RIGHT_HAND": "right_hand",
    "BODY_133": "body",
    "FACE_133": "face",
    "LEFT_HAND_133": "left_hand",
    "RIGHT_HAND_133": "right_hand",
}
"""Components that we know, and the part of a layout that each is; others (world landmarks, which
are metres) are left out."""
_PREFIXES: Final = {"left_hand": "left_hand_", "right_hand": "right_hand_", "face": "face_"}


@dataclass(frozen=True, slots=True)
class PoseFile:
    """The format."""

    name: str = "pose"
    title: str = "pose-format .pose"

    def read(self, path: Path, part: str | None, wanted: KeypointSet) -> Imported:
        """See `Format`.

        Raises:
            MissingExtraError: pose-format is not installed.
        """
        try:
            from pose_format import Pose
        except ImportError as error:
            raise MissingExtraError("reading `.pose` files", "keypoints") from error
        pose = Pose.read(path.read_bytes())
        kind = layout(wanted.layout)
        source, target = places(pose.header.components, kind)
        data = np.asarray(np.ma.getdata(pose.body.data), np.float32)
        confidence = np.asarray(pose.body.confidence, np.float32)
        if not data.shape[1]:
            raise Refused(Reason.CORRUPT, "nobody in the file")
        channels = min(data.shape[-1], 3)
        coordinates = np.full((len(data), kind.size, channels), np.nan, np.float32)
        score = np.zeros((len(data), kind.size), np.float32)
        coordinates[:, target] = data[:, 0, source, :channels]
        score[:, target] = confidence[:, 0, source]
        size = pose.header.dimensions
        width, height = wanted.width or size.width, wanted.height or size.height
        if not width or not height:
            raise Refused(Reason.UNSUPPORTED_FORMAT, "a picture without size")
        coordinates[..., 0] /= width
        coordinates[..., 1] /= height
        keypoints, flags = standard(coordinates, score, kind)
        if data.shape[1] > 1:
            flags |= {"several-people"}
        return Imported(
            keypoints, kind.name, float(pose.body.fps) or None, width, height, "pixel", flags
        )


def places(components: Any, kind: Layout) -> tuple[list[int], list[int]]:
    """Numbers of points in the file, and the numbers that they have in the layout.

    A point is found by its name; where a component names none of ours (`hand_0`, `face-12`), by its
    place, if the component has as many points as the part.

    Raises:
        Refused: the file has none of the points, or a component cannot be told.
    """
    source: list[int] = []
    target: list[int] = []
    first = 0
    for component in components:
        part = _COMPONENTS.get(component.name)
        numbers = kind.parts[part] if part else ()
        if part and numbers:
            prefix = _PREFIXES.get(part, "")
            known = {kind.points[number].removeprefix(prefix): number for number in numbers}
            named = [known.get(_plain(point)) for point in component.points]
            if not any(number is not None for number in named):
                if len(named) != len(numbers):
                    raise Refused(
                        Reason.UNSUPPORTED_FORMAT,
                        f"{part} of {len(named)} points, {kind.name} wanted",
                    )
                named = list(numbers)
            for place, number in enumerate(named):
                if number is not None:
                    source.append(first + place)
                    target.append(number)
        first += len(component.points)
    if not source:
        raise Refused(Reason.UNSUPPORTED_FORMAT, f"no points of {kind.name}")
    return source, target


def _plain(point: Any) -> str:
    """Our name for a point of the file: MediaPipe's `INDEX_FINGER_MCP` is `index_mcp` here."""
    return str(point).lower().replace("_finger_", "_")


FORMAT = PoseFile()

"""pose-format: one `.pose` file a clip, and a table of what they show.

    poses/SPLIT/KEY.pose    clips.csv: file, id, label, gloss, text, split, signer, language, fps

Components and points are named as that library names them for MediaPipe Holistic and for
COCO-WholeBody, so its converters and its normalisation know the files; other layouts keep our
names. Coordinates are pixels of the size that the header states; depth stays as it is.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sign_etl.core.errors import MissingExtraError
from sign_etl.export.base import Selection, VideoUse, Written
from sign_etl.reader import Sample
from sign_etl.schema.coordinates import to_pixels
from sign_etl.schema.layouts import Layout

VERSION: Final = 0.2
COLUMNS: Final = (*("file", "id", "label", "gloss", "text", "split", "signer", "language", "fps"),)
_MEDIAPIPE: Final = ("blazepose-33", "hands-42", "holistic-75", "mediapipe-543")
_WHOLEBODY: Final = ("coco-wholebody-133",)
_COMPONENTS: Final = {"body": "BODY", "face": "FACE", "left_hand": "LEFT_HAND"} | {
    "right_hand": "RIGHT_HAND"
}
_LANDMARKS: Final = {part: f"{name}_LANDMARKS" for part, name in _COMPONENTS.items()} | {
    "body": "POSE_LANDMARKS"
}
_COLOURS: Final = {
    "body": (0, 114, 178),
    "face": (90, 90, 90),
    "left_hand": (213, 94, 0),
    "right_hand": (0, 158, 115),
}


@dataclass(frozen=True, slots=True)
class PoseFormat:
    """The format."""

    name: str = "pose-format"
    title: str = "`.pose` files of pose-format"
    read_by: str = (
        "`Pose.read(data)` of the package pose-format reads the bytes of a file; `clips.csv` says "
        "what each file shows. Back into sign-etl: `sign-etl ingest keypoints --media DIR/poses "
        "--annotations DIR/clips.csv --set dataset.layout=LAYOUT`."
    )
    video: VideoUse = "none"
    poses: bool = True
    layout: str | None = None
    lost: str = ""

    def write(self, selection: Selection, folder: Path) -> Written:
        """See `Exporter`."""
        try:
            from pose_format import Pose
            from pose_format.numpy import NumPyPoseBody
            from pose_format.pose_header import PoseHeader, PoseHeaderDimensions
        except ImportError:
            raise MissingExtraError("writing `.pose` files", "keypoints") from None
        kind = selection.kind()
        parts = _components(kind)
        order = [number for part in _parts(kind) for number in kind.parts[part]]
        clips = 0
        with (folder / "clips.csv").open("w", encoding="utf-8", newline="") as table:
            rows = csv.writer(table, lineterminator="\n")
            rows.writerow(COLUMNS)
            for sample in selection.samples():
                size = (sample.width, sample.height)
                filled = selection.filled(sample)[:, order]
                places = to_pixels(filled, kind, size)
                places[..., 2:] = filled[..., 2:]  # depth as MediaPipe gives it
                body = NumPyPoseBody(sample.fps, places[:, None, :, :-1], filled[:, None, :, -1])
                header = PoseHeader(VERSION, PoseHeaderDimensions(*size), parts)
                file = f"{sample.split}/{sample.key}.pose"
                path = folder / "poses" / file
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as written:
                    Pose(header, body).write(written)
                rows.writerow(_row(file, sample))
                clips += 1
        return Written(clips)


FORMAT = PoseFormat()


def _parts(kind: Layout) -> list[str]:
    return [part for part in _COMPONENTS if kind.parts[part]]


def _components(kind: Layout) -> list[Any]:
    from pose_format.pose_header import PoseHeaderComponent

    names = _LANDMARKS if kind.name in _MEDIAPIPE else _COMPONENTS
    return [
        PoseHeaderComponent(
            names[part],
            _points(kind, part),
            _limbs(kind, part),
            [_COLOURS[part]],
            "XYZC" if kind.has_z else "XYC",
        )
        for part in _parts(kind)
    ]


def _points(kind: Layout, part: str) -> list[str]:
    own = [kind.points[number] for number in kind.parts[part]]
    if part.endswith("_hand"):
        own = [point.removeprefix(f"{part}_") for point in own]
    if kind.name in _WHOLEBODY:
        if part.endswith("_hand"):
            return [f"hand_{number}" for number in range(len(own))]
        return [point.replace("face_", "face-") for point in own]
    if kind.name in _MEDIAPIPE:
        if part.endswith("_hand"):
            return [_finger(point) for point in own]
        return [point.removeprefix("face_").upper() for point in own]
    return own


def _finger(point: str) -> str:
    """`index_mcp` is MediaPipe's `INDEX_FINGER_MCP`; thumb and pinky go without the word."""
    finger, _, joint = point.partition("_")
    between = "_finger_" if finger in ("index", "middle", "ring") else "_"
    return (f"{finger}{between}{joint}" if joint else finger).upper()


def _limbs(kind: Layout, part: str) -> list[tuple[int, int]]:
    places = {number: place for place, number in enumerate(kind.parts[part])}
    return [
        (places[start], places[end])
        for start, end in kind.edges
        if start in places and end in places
    ]


def _row(file: str, sample: Sample) -> list[Any]:
    said = (sample.label, sample.gloss, sample.text)
    blank = [word if word is not None else "" for word in said]
    signer = sample.signer if sample.signer is not None else ""
    return [file, sample.key, *blank, sample.split, signer, sample.language, sample.fps]

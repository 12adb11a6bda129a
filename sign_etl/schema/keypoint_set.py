"""What a build knows of keypoints that others extracted, before any file of them is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

IMPORTED: Final = "imported"
"""Name of the pose set that holds such keypoints: `<key>.imported.npy`."""

FORMAT_LAYOUTS: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "gislr": "mediapipe-543",
        "mediapipe-json": "hands-42",
        "npy": None,
        "npz": None,
        "openhands": "holistic-75",
        "pose": "holistic-75",
        "spoter-csv": "spoter-54",
        "unisign": "coco-wholebody-133",
    }
)
"""Formats that `sign_etl.keypoints` reads, and the layout that each comes in unless one is named;
None where the file does not tell."""


@dataclass(frozen=True, slots=True)
class KeypointSet:
    """The imported keypoints of one build: all its clips have one layout.

    Attributes:
        layout: see `sign_etl.schema.layouts`.
        fps: frames per second where neither file nor annotation says it, None for unknown.
        width: W of the pictures in pixels, where the files do not say it (or say it wrongly).
        height: H in pixels, likewise.
        y_up: True where y grows upwards (Apple Vision), and is to be turned over.
    """

    layout: str
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    y_up: bool = False

    def options(self) -> dict[str, Any]:
        """What decides about the bytes, as JSON; `layout` stands beside it."""
        values = asdict(self)
        values.pop("layout")
        return {name: value for name, value in values.items() if value}

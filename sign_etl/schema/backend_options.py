"""Which options of a backend decide about its numbers, and so stand in identities and locks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

SPEED_OPTIONS = frozenset({"threads", "batch", "decoders", "device"})
"""Options that every backend may have and that move no byte."""
MODEL_FILE = ".onnx"
PLACES = frozenset({"model"})
"""Options of feature backends that say where a model lies."""


def pose_identity(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a pose backend that decide about its keypoints.

    How it uses the machine does not (`SPEED_OPTIONS`), nor where a model file of one's own lies:
    its digest stands in the lock.
    """
    return {
        name: PurePath(value).name
        if isinstance(value, str) and value.endswith(MODEL_FILE)
        else value
        for name, value in options.items()
        if name not in SPEED_OPTIONS
    }


def feature_identity(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of features that decide about them, as people read them.

    Of a model only its name is kept, wherever its folder lies: its digests stand in the lock.
    """
    return {
        name: PurePath(value).name if name in PLACES and isinstance(value, str) else value
        for name, value in options.items()
        if name not in SPEED_OPTIONS
    }

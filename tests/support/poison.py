"""What the guarded child of the pose stage runs in tests: some clips are deadly."""

from __future__ import annotations

import ctypes
from typing import Any

from guard_targets import burn

from sign_etl.pose import child

DEADLY, ENDLESS = "deadly", "endless"
"""Annotation ids."""


def estimate(request: dict[str, Any]) -> dict[str, Any]:
    """The real thing, up to the first bad clip."""
    asked = request["clips"]
    for number, clip in enumerate(asked):
        if clip["annotation_id"] in (DEADLY, ENDLESS):
            child.estimate(request | {"clips": asked[:number]})
            if clip["annotation_id"] == DEADLY:
                ctypes.string_at(0)
            burn({})  # what it may use is nearly used up: the kernel ends it, at whatever pace
    return child.estimate(request)

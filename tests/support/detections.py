"""What a detector may have seen: people as boxes, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from sign_etl.pose.signer import Box, Follow, KeyFrame, Track

SIZE = (640, 480)
STEP = 10
LEFT: Box = (40, 100, 240, 460)
RIGHT: Box = (400, 100, 600, 460)
MIDDLE: Box = (220, 60, 420, 470)
PRESENTER: Box = (150, 40, 390, 480)
INSET: Box = (500, 330, 600, 470)

Seen = Callable[[int], Sequence[tuple[Box, float]]]


def keys(frames: int, seen: Seen, step: int = STEP) -> list[KeyFrame]:
    """What a detector says at every `step`-th frame."""
    return [key(number, seen(number)) for number in range(0, frames, step)]


def key(number: int, seen: Sequence[tuple[Box, float]]) -> KeyFrame:
    boxes = np.array([box for box, _ in seen], np.float32).reshape(-1, 4)
    return KeyFrame(number, boxes, np.array([score for _, score in seen], np.float32))


def found(result: Follow) -> NDArray[np.bool_]:
    there: NDArray[np.bool_] = np.isfinite(result.boxes[:, 0])
    return there


def is_at(box: Box) -> Callable[[Track], bool]:
    return lambda track: bool(np.abs(np.median(track.boxes, axis=0) - box).max() < 20)


def walker(number: int) -> Box:
    x = 4.0 * number
    return (x, 150, x + 70, 350)

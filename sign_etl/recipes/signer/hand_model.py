"""A hand as 21 joints in MediaPipe order, posed by how far its fingers are curled and spread.

A hand has no left or right of its own here: one model is posed, and the sign of the determinant of
the axes it is placed with makes it a left or a right one. Deciding by "which side is the thumb
on" draws mirrored hands as soon as the fingers point down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WRIST, THUMB_BASE = 0, 1
KNUCKLES = (5, 9, 13, 17)
"""Joint numbers of the index, middle, ring and little finger's knuckle (MCP)."""

# Lengths are in hand lengths (wrist to middle fingertip); x is the thumb's side, y towards the
# fingertips, z out of the palm. Tuned until a real hand landmark model agreed with the drawing.
KNUCKLE_POINTS = np.array(
    [[0.135, 0.475, 0.0], [0.035, 0.50, 0.012], [-0.065, 0.475, 0.006], [-0.155, 0.425, -0.012]]
)
FINGER_LENGTHS = (0.40, 0.455, 0.415, 0.325)
PHALANX_SHARES = (0.46, 0.295, 0.245)
SPREAD_DEG = (11.0, 2.0, -7.0, -17.0)
FULL_CURL_DEG = (80.0, 95.0, 55.0)
REST_CURL_DEG = 3.0

THUMB_OUT = np.array(
    [[0.115, 0.115, 0.045], [0.215, 0.235, 0.075], [0.295, 0.355, 0.075], [0.355, 0.46, 0.07]]
)
THUMB_BESIDE = np.array(
    [[0.11, 0.12, 0.04], [0.185, 0.27, 0.06], [0.205, 0.40, 0.06], [0.20, 0.51, 0.06]]
)
THUMB_FOLDED = np.array(
    [[0.10, 0.12, 0.05], [0.165, 0.26, 0.10], [0.12, 0.37, 0.15], [0.04, 0.42, 0.165]]
)


@dataclass(frozen=True)
class HandShape:
    """How far fingers are closed and apart.

    `curl` is per finger (index to little), 0 straight to 1 closed; `spread` 0 has the fingers
    parallel, 1 naturally apart; `thumb` 0 is out, 0.5 along the palm's edge, 1 over the palm.
    """

    curl: tuple[float, float, float, float]
    spread: float
    thumb: float


OPEN = HandShape((0.0, 0.0, 0.0, 0.0), 1.0, 0.0)
FLAT = HandShape((0.0, 0.0, 0.0, 0.0), 0.3, 0.4)
RELAXED = HandShape((0.18, 0.2, 0.22, 0.25), 0.7, 0.2)
CLAW = HandShape((0.4, 0.4, 0.4, 0.4), 1.1, 0.1)
POINT = HandShape((0.0, 1.0, 1.0, 1.0), 0.5, 0.9)


def blend(first: HandShape, second: HandShape, share: float) -> HandShape:
    """Return the shape `share` (0 to 1) of the way from `first` to `second`."""

    def mix(a: float, b: float) -> float:
        return a + (b - a) * share

    index, middle, ring, little = (mix(a, b) for a, b in zip(first.curl, second.curl, strict=True))
    return HandShape(
        (index, middle, ring, little),
        mix(first.spread, second.spread),
        mix(first.thumb, second.thumb),
    )


def hand_joints(shape: HandShape) -> NDArray[np.float64]:
    """Return the posed hand: (21, 3), wrist at the origin, in hand lengths."""
    fingers = [_finger(number, shape) for number in range(4)]
    return np.concatenate([np.zeros((1, 3)), _thumb(shape.thumb), *fingers])


def _thumb(fold: float) -> NDArray[np.float64]:
    first, second, share = THUMB_OUT, THUMB_BESIDE, 2.0 * fold
    if fold > 0.5:
        first, second, share = THUMB_BESIDE, THUMB_FOLDED, 2.0 * fold - 1.0
    return np.asarray(first + (second - first) * share, np.float64)


def _finger(number: int, shape: HandShape) -> NDArray[np.float64]:
    curl = shape.curl[number]
    # A closing finger also swings towards the palm's middle: closed fists have no spread.
    side = math.radians(SPREAD_DEG[number]) * shape.spread * (1.0 - 0.6 * curl)
    bend = 0.0
    points = [KNUCKLE_POINTS[number]]
    for share, full_deg in zip(PHALANX_SHARES, FULL_CURL_DEG, strict=True):
        bend += math.radians(full_deg * curl + REST_CURL_DEG)
        step = (math.sin(side) * math.cos(bend), math.cos(side) * math.cos(bend), math.sin(bend))
        points.append(points[-1] + np.array(step) * (share * FINGER_LENGTHS[number]))
    return np.stack(points)

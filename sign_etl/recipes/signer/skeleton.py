"""From a pose in centimetres to joints in pixels: proportions, two-bone arms, hands, camera.

Everything is snapped to 1/256 pixel, because `math.sin` may differ in its last bit between CPU
types and the picture must not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sign_etl.recipes.signer.hand_model import OPEN, HandShape, hand_joints
from sign_etl.recipes.signer.person import Signer

Points: TypeAlias = NDArray[np.float64]
Side: TypeAlias = Literal[1, -1]

LEFT: Side = 1
RIGHT: Side = -1
"""The signer's own sides. A frontal signer's left is the picture's right: x grows with +1."""

# Centimetres; the body's origin is the middle of the shoulder line, x to the picture's right,
# y down, z to the viewer.
PIXELS_PER_CM_AT_512 = 4.7
NOSE_FROM_TOP = 0.235
NOSE_ABOVE_SHOULDERS_CM = 17.0
SHOULDER_CM = (15.8, 0.8, -8.0)
UPPER_ARM_CM = 29.0
FOREARM_CM = 25.5
HAND_CM = 18.5
HIP_CM = (9.5, 49.5)
ELBOW_HINT = (0.55, 1.0, -0.25)
DEPTH_KEPT = 0.5
"""Share of an arm's depth that is drawn: foreshortened limbs stay evenly lit, x and y are true."""

_SUBPIXEL = 256.0
_AXIS_STEP = 2.0**-20


@dataclass(frozen=True)
class Arm:
    """Where one hand is and how it is held.

    `wrist_cm` is (outward, down, forward) from the middle of the shoulder line, outward being the
    arm's own side, so that the same numbers on both arms are a symmetric pose. `roll_deg` tilts
    the fingertips outward in the picture's plane, `turn_deg` turns the palm about the hand's
    length (0 faces the viewer, 180 shows the back). `bend` 0 continues the forearm, 1 points up.
    """

    wrist_cm: tuple[float, float, float]
    shape: HandShape = OPEN
    roll_deg: float = 0.0
    turn_deg: float = 0.0
    bend: float = 0.6


@dataclass(frozen=True)
class Pose:
    """One instant: both arms, and the head's shift (right in the picture, down) in cm."""

    left: Arm
    right: Arm
    head_cm: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Limb:
    """One placed arm: points (x, y, z) in pixels, z to the viewer and compressed for drawing.

    `hand` is (21, 3); `axes` (3, 3) holds the hand's thumb-side, finger and palm directions as
    columns; its determinant is +1 for the left hand and -1 for the right (the picture's y is down).
    """

    side: Side
    shoulder: Points
    elbow: Points
    wrist: Points
    hand: Points
    axes: Points
    hand_px: float


@dataclass(frozen=True)
class Camera:
    """Where the body stands in the picture; `scale` is pixels per body centimetre.

    The origin, the middle of the shoulder line, lies at (`middle_x`, `shoulders_y`) and the nose
    of an unmoved head at (`middle_x`, `nose_y`).
    """

    scale: float
    middle_x: float
    shoulders_y: float
    nose_y: float


@dataclass(frozen=True)
class Figure:
    """A placed signer; `head_shift` is in whole pixels, right and down."""

    camera: Camera
    head_shift: tuple[int, int]
    left: Limb
    right: Limb


def unit(vector: Points) -> Points:
    """Return the vector (3,) with length 1."""
    return vector / math.hypot(*vector.tolist())


def two_bone(
    start: Points, target: Points, first: float, second: float, hint: Points
) -> tuple[Points, Points]:
    """Return (middle joint, end) of two bones from `start` to `target`, bending towards `hint`.

    A target out of reach is pulled in along the line to it.
    """
    reach = target - start
    direction = unit(reach)
    low, high = abs(first - second) + 1e-3, first + second - 1e-3
    distance = min(max(math.hypot(*reach.tolist()), low), high)
    along = (first * first - second * second + distance * distance) / (2.0 * distance)
    aside = math.sqrt(max(first * first - along * along, 0.0))
    outward = unit(hint - direction * float((hint * direction).sum()))
    return start + direction * along + outward * aside, start + direction * distance


def hand_axes(side: Side, forearm: Points, arm: Arm) -> Points:
    """Return the (3, 3) axes of a hand (columns thumb side, fingers, palm normal), unit length."""
    upward = np.array([-0.10 * side, -1.0, 0.0])
    fingers = unit(unit(forearm) * (1.0 - arm.bend) + upward * arm.bend)
    # Fingers that point at the viewer hide themselves: lean them into the picture's plane.
    fingers = unit(fingers * np.array([1.0, 1.0, 0.45]))
    viewer = np.array([0.0, 0.0, 1.0])
    palm = unit(viewer - fingers * fingers[2])
    thumb = _cross(fingers, palm) * side
    turn = math.radians(arm.turn_deg)
    thumb, palm = (
        thumb * math.cos(turn) + palm * math.sin(turn),
        palm * math.cos(turn) - thumb * math.sin(turn),
    )
    axes = np.stack([thumb, fingers, palm], axis=1)
    roll = math.radians(arm.roll_deg) * side
    cos, sin = math.cos(roll), math.sin(roll)
    rolled = axes.copy()
    rolled[0] = axes[0] * cos - axes[1] * sin
    rolled[1] = axes[0] * sin + axes[1] * cos
    return np.asarray(np.round(rolled / _AXIS_STEP) * _AXIS_STEP)


def along_axes(points: Points, axes: Points) -> Points:
    """Return `points` (..., 3) given in hand axes, in picture axes."""
    # Not `@`: BLAS kernels differ between CPU types in the last bit.
    return np.asarray((points[..., None, :] * axes).sum(axis=-1), np.float64)


def camera(signer: Signer, width: int, height: int) -> Camera:
    """Return the view of a signer: the picture's narrower side shows 109 cm at body scale 1."""
    scale = PIXELS_PER_CM_AT_512 * min(width, height) / 512.0 * signer.body_scale
    nose_y = round(height * NOSE_FROM_TOP * _SUBPIXEL) / _SUBPIXEL
    shoulders_y = round((nose_y + NOSE_ABOVE_SHOULDERS_CM * scale) * _SUBPIXEL) / _SUBPIXEL
    return Camera(scale, width * 0.5, shoulders_y, nose_y)


def place(signer: Signer, pose: Pose, width: int, height: int) -> Figure:
    """Pose a signer before a camera of `width` x `height` pixels."""
    view = camera(signer, width, height)
    # The head is drawn once per signer and moved by whole pixels.
    head_shift = (round(pose.head_cm[0] * view.scale), round(pose.head_cm[1] * view.scale))
    left = _limb(signer, pose.left, LEFT, view)
    right = _limb(signer, pose.right, RIGHT, view)
    return Figure(view, head_shift, left, right)


def _limb(signer: Signer, arm: Arm, side: Side, view: Camera) -> Limb:
    out_cm, down_cm, back_cm = SHOULDER_CM
    shoulder = np.array([side * out_cm * signer.body_width, down_cm, back_cm])
    target = np.array(arm.wrist_cm) * np.array([side, 1.0, 1.0])
    hint = np.array(ELBOW_HINT) * np.array([side, 1.0, 1.0])
    elbow, wrist = two_bone(shoulder, target, UPPER_ARM_CM, FOREARM_CM, hint)
    axes = hand_axes(side, wrist - elbow, arm)
    hand_cm = HAND_CM * signer.hand_scale

    def to_pixels(points_cm: Points) -> Points:
        drawn = points_cm * view.scale + np.array([view.middle_x, view.shoulders_y, 0.0])
        return np.asarray(np.round(drawn * _SUBPIXEL) / _SUBPIXEL)

    def flatten(point_cm: Points) -> Points:
        return np.array([point_cm[0], point_cm[1], back_cm + (point_cm[2] - back_cm) * DEPTH_KEPT])

    wrist_drawn = flatten(wrist)
    hand = wrist_drawn + along_axes(hand_joints(arm.shape), axes) * hand_cm
    return Limb(
        side=side,
        shoulder=to_pixels(shoulder),
        elbow=to_pixels(flatten(elbow)),
        wrist=to_pixels(wrist_drawn),
        hand=to_pixels(hand),
        axes=axes,
        hand_px=hand_cm * view.scale,
    )


def _cross(a: Points, b: Points) -> Points:
    return np.array(
        [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
    )

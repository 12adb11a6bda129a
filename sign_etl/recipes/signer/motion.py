"""Invented movements, named for what the hands do; they imitate no sign of any language.

Hands stay in view and never jump, also where a movement starts over: estimators that track from
frame to frame lose a hand exactly where its path jumps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from sign_etl.recipes.signer.hand_model import CLAW, FLAT, OPEN, RELAXED, blend
from sign_etl.recipes.signer.skeleton import Arm, Pose

Motion: TypeAlias = Callable[[float], Pose]
"""A pure function of the phase, 0 to 1, that returns to its start."""

HOME_CM = (16.0, 12.0, 22.0)
"""The middle of the signing space; a take's amplitude scales distances from here."""
RESTING = Arm((14.0, 27.0, 20.0), RELAXED, roll_deg=-14.0, bend=0.5)


def _turn(phase: float) -> tuple[float, float]:
    angle = 2.0 * math.pi * phase
    return math.sin(angle), math.cos(angle)


def _sawtooth(phase: float) -> float:
    """Return a triangle wave: -1 at 0, 1 at 0.5, -1 at 1, with slightly rounded corners."""
    return -math.cos(2.0 * math.pi * phase) * (1.0 + 0.12 * math.sin(2.0 * math.pi * phase) ** 2)


def circle(phase: float) -> Pose:
    """The right hand draws a circle before the shoulder."""
    sin, cos = _turn(phase)
    return Pose(left=RESTING, right=Arm((18.0 + 8.0 * sin, 4.0 - 8.0 * cos, 24.0), OPEN))


def wave(phase: float) -> Pose:
    """The right hand waves beside the head."""
    sin, _ = _turn(2.0 * phase)
    arm = Arm((25.0 + 4.0 * sin, -3.0, 20.0), OPEN, roll_deg=10.0 + 22.0 * sin)
    return Pose(left=RESTING, right=arm, head_cm=(-0.5, 0.0))


def zigzag(phase: float) -> Pose:
    """The flat right hand goes down in a zigzag and up again."""
    across, down = _sawtooth(2.0 * phase), _sawtooth(phase)
    return Pose(left=RESTING, right=Arm((17.0 + 8.0 * across, 6.0 + 11.0 * down, 24.0), FLAT))


def rise(phase: float) -> Pose:
    """Both hands rise side by side and sink again."""
    _, cos = _turn(phase)
    arm = Arm((19.0 - 2.0 * cos, 10.0 + 13.0 * cos, 22.0), OPEN, roll_deg=6.0)
    return Pose(left=arm, right=arm, head_cm=(0.0, 0.4 * cos))


def cross(phase: float) -> Pose:
    """The hands pass before the body, the right one above and nearer to the viewer."""
    _, cos = _turn(phase)
    out = 11.0 + 12.0 * cos
    return Pose(
        left=Arm((out, 23.0, 17.0), OPEN, roll_deg=-8.0),
        right=Arm((out, 3.0, 25.0), OPEN, roll_deg=-4.0),
    )


def tap(phase: float) -> Pose:
    """The right hand taps twice towards the flat left hand."""
    sin, _ = _turn(phase)
    left = Arm((11.0, 24.0, 19.0), FLAT, roll_deg=-24.0, bend=0.4)
    lift = sin * sin
    right = Arm((13.0 + 2.0 * lift, 18.0 - 14.0 * lift, 24.0), FLAT, roll_deg=-14.0)
    return Pose(left=left, right=right, head_cm=(0.0, 0.5 - 0.5 * lift))


def swing(phase: float) -> Pose:
    """Both hands swing to one side and then to the other, like wipers."""
    sin, _ = _turn(phase)
    left = Arm((19.0 + 8.0 * sin, 9.0, 22.0), OPEN, roll_deg=16.0 * sin)
    right = Arm((19.0 - 8.0 * sin, 9.0, 22.0), OPEN, roll_deg=-16.0 * sin)
    return Pose(left=left, right=right, head_cm=(0.8 * sin, 0.0))


def pulse(phase: float) -> Pose:
    """Both hands open and half close while they move apart and together."""
    _, cos = _turn(2.0 * phase)
    apart = 0.5 - 0.5 * cos
    arm = Arm((15.0 + 9.0 * apart, 8.0, 24.0), blend(CLAW, OPEN, apart))
    return Pose(left=arm, right=arm)


_MOTIONS: dict[str, Motion] = {
    motion.__name__: motion for motion in (circle, wave, zigzag, rise, cross, tap, swing, pulse)
}
MOTIONS: tuple[str, ...] = tuple(_MOTIONS)
"""Names of the movements; their order is stable and makes a label list."""


@dataclass(frozen=True)
class Take:
    """How one recording of a movement differs from another of the same."""

    start: float
    cycles: float
    amplitude: float
    offset_cm: tuple[float, float]
    drift_cm: float


def clip_poses(motion_name: str, *, frames: int, seed: int) -> list[Pose]:
    """Return `frames` poses of one movement; the seed draws tempo, size, place and start."""
    if motion_name not in _MOTIONS:
        raise ValueError(f"unknown motion {motion_name!r}; there are: {', '.join(MOTIONS)}")
    if frames < 1:
        raise ValueError(f"a clip has at least one frame, got {frames}")
    motion, take = _MOTIONS[motion_name], _take(seed)
    poses = []
    for number in range(frames):
        elapsed = number / frames
        pose = motion((take.start + take.cycles * elapsed) % 1.0)
        poses.append(_vary(pose, take, elapsed))
    return poses


def _take(seed: int) -> Take:
    start, cycles, amplitude, right, down, drift = np.random.default_rng(seed).random(6).tolist()
    return Take(
        start=start,
        cycles=1.0 + 0.5 * cycles,
        amplitude=0.88 + 0.24 * amplitude,
        offset_cm=(3.0 * right - 1.5, 4.0 * down - 2.0),
        drift_cm=1.2 * drift - 0.6,
    )


def _vary(pose: Pose, take: Take, elapsed: float) -> Pose:
    drift = take.drift_cm * math.sin(2.0 * math.pi * elapsed)

    def moved(arm: Arm) -> Arm:
        shift = (take.offset_cm[0], take.offset_cm[1] + drift, 0.0)
        out, down, forward = (
            home + (value - home) * take.amplitude + by
            for value, home, by in zip(arm.wrist_cm, HOME_CM, shift, strict=True)
        )
        return replace(arm, wrist_cm=(out, down, forward))

    head = (pose.head_cm[0] + 0.5 * drift, pose.head_cm[1])
    return Pose(moved(pose.left), moved(pose.right), head)

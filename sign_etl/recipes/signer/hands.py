"""Palm, thumb and fingers of a placed hand on a canvas, with creases, knuckles and nails.

The five fingers are separate rods: a mitten is found as a hand too, but with its fingertips 49
pixels away.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sign_etl.recipes.signer.canvas import Canvas, Point, Tint, patch, rod, scaled, stroke
from sign_etl.recipes.signer.hand_model import KNUCKLES, THUMB_BASE, WRIST
from sign_etl.recipes.signer.person import Signer
from sign_etl.recipes.signer.skeleton import Limb, along_axes

# Radii of a hand in hand lengths: thumb joints, then each finger's first phalanx.
_THUMB_RADII = (0.085, 0.062, 0.052, 0.043)
_FINGER_RADII = (0.050, 0.052, 0.048, 0.042)
_PHALANX_TAPER = ((1.06, 0.98), (0.98, 0.90), (0.90, 0.74))
_WRIST_SPAN = ((0.075, 0.02, 0.0), (0.02, 0.0, 0.0), (-0.035, 0.0, 0.0), (-0.085, 0.03, 0.0))
_PALM_RODS = (
    ((0.03, 0.12, 0.0), (-0.01, 0.40, 0.0), 0.082, 0.080),
    ((-0.05, 0.12, 0.0), (-0.07, 0.38, 0.0), 0.080, 0.075),
    ((-0.10, 0.08, 0.02), (-0.15, 0.30, 0.01), 0.075, 0.065),
)
_LINE_WIDTH_CM, _LINE_STRENGTH = 0.11, 0.20
_PALM_LINES = (
    ((0.13, 0.40, 0.07), (0.06, 0.33, 0.08), (0.01, 0.20, 0.08), (0.03, 0.06, 0.08)),
    ((0.14, 0.41, 0.07), (0.05, 0.34, 0.07), (-0.06, 0.28, 0.07), (-0.13, 0.24, 0.06)),
    ((0.05, 0.45, 0.07), (-0.02, 0.39, 0.07), (-0.12, 0.37, 0.07), (-0.18, 0.36, 0.06)),
)


def draw_hand(canvas: Canvas, signer: Signer, limb: Limb) -> None:
    """Draw palm, thumb and fingers, then creases, knuckles and nails on what is visible."""
    palm_shown = bool(limb.axes[2, 2] > 0.0)
    skin = _hand_tone(signer, palm_shown)
    tip = scaled(skin, (1.0, 0.93, 0.92) if palm_shown else (1.0, 0.96, 0.95))
    _draw_palm(canvas, limb, skin)
    if not palm_shown:
        _draw_tendons(canvas, limb, skin)
    for base, radii in _fingers(limb):
        for phalanx in range(3):
            rod(
                canvas,
                limb.hand[base + phalanx],
                limb.hand[base + phalanx + 1],
                radii[phalanx][0],
                radii[phalanx][1],
                tip if phalanx == 2 else skin,
            )
    _mark_fingers(canvas, limb)
    if limb.axes[2, 2] > 0.2:
        for line in _PALM_LINES:
            points = _at(limb, line)
            for start, end in pairwise(points):
                stroke(canvas, start, end, _LINE_WIDTH_CM * canvas.scale, _LINE_STRENGTH)


def _hand_tone(signer: Signer, palm_shown: bool) -> Tint:
    if not palm_shown:
        return scaled(signer.skin, (0.98, 0.97, 0.96))
    # Palms are lighter than the rest, the more so the darker the skin.
    lift = (255.0 - sum(signer.skin) / 3.0) / 255.0 * 0.45
    r, g, b = scaled(signer.skin, (1.04, 0.975, 0.965))
    return (r + (236.0 - r) * lift, g + (188.0 - g) * lift, b + (160.0 - b) * lift)


def _at(limb: Limb, points: tuple[tuple[float, float, float], ...]) -> Point:
    """Return points (n, 3) given in hand lengths and hand axes, in pixels."""
    return limb.wrist + along_axes(np.array(points), limb.axes) * limb.hand_px


def _fingers(limb: Limb) -> list[tuple[int, list[tuple[float, float]]]]:
    """Return per finger, thumb first: number of its first joint and the radii of its phalanges."""
    unit_px = limb.hand_px
    thumb = [(a * unit_px, b * unit_px) for a, b in pairwise(_THUMB_RADII)]
    fingers = [
        (base, [(r * a * unit_px, r * b * unit_px) for a, b in _PHALANX_TAPER])
        for base, r in zip(KNUCKLES, _FINGER_RADII, strict=True)
    ]
    return [(THUMB_BASE, thumb), *fingers]


def _draw_palm(canvas: Canvas, limb: Limb, skin: Tint) -> None:
    unit_px, joints = limb.hand_px, limb.hand

    def flesh(start: Point, end: Point, start_radius: float, end_radius: float) -> None:
        rod(canvas, start, end, start_radius * unit_px, end_radius * unit_px, skin)

    knuckles = [joints[number] for number in KNUCKLES]
    for start, end in zip(_at(limb, _WRIST_SPAN), knuckles, strict=True):
        flesh(start, end, 0.078, 0.066)
    for start, end in pairwise(knuckles):
        flesh(start, end, 0.062, 0.060)
    for first, second, start_radius, end_radius in _PALM_RODS:
        start, end = _at(limb, (first, second))
        flesh(start, end, start_radius, end_radius)
    thenar = _at(limb, ((0.07, 0.05, 0.02),))[0]
    flesh(thenar, joints[THUMB_BASE + 1], 0.088, 0.070)
    web = joints[KNUCKLES[0]] * 0.6 + joints[THUMB_BASE + 1] * 0.4
    flesh(joints[THUMB_BASE], web, 0.07, 0.05)


def _draw_tendons(canvas: Canvas, limb: Limb, skin: Tint) -> None:
    local = along_axes(limb.hand - limb.hand[WRIST], limb.axes.T) / limb.hand_px
    red = scaled(skin, (1.0, 0.95, 0.94))
    for number in KNUCKLES:
        x, y = float(local[number, 0]), float(local[number, 1])
        start, end = _at(limb, ((x * 0.45, 0.10, -0.045), (x, y, -0.045)))
        rod(canvas, start, end, 0.026 * limb.hand_px, 0.036 * limb.hand_px, skin)
        start, end = _at(limb, ((x, y - 0.01, -0.035), (x, y + 0.015, -0.035)))
        rod(canvas, start, end, 0.050 * limb.hand_px, 0.046 * limb.hand_px, red)


def _mark_fingers(canvas: Canvas, limb: Limb) -> None:
    """Draw nails and knuckle wrinkles on backs, flexion creases on the palm's side."""
    for base, radii in _fingers(limb):
        # Across a finger, in the palm's plane; its back is perpendicular to that and its length.
        for phalanx in range(3):
            joint, end = limb.hand[base + phalanx], limb.hand[base + phalanx + 1]
            length = end - joint
            size = float(np.sqrt((length * length).sum()))
            along = length / max(size, 1e-6)
            back = -limb.axes[:, 2] + along * float((limb.axes[:, 2] * along).sum())
            norm = float(np.sqrt((back * back).sum()))
            if norm < 0.2 or along[0] * along[0] + along[1] * along[1] < 0.12:
                continue
            back = back / norm
            radius = radii[phalanx][0]
            across = np.array([-along[1], along[0], 0.0])
            if phalanx == 2 and back[2] > 0.1:
                nail = end - along * 0.012 * limb.hand_px + back * radius * 0.7
                patch(canvas, nail, along, radius * 0.8, radius * 0.6, (1.10, 1.10, 1.10), rim=0.3)
            if phalanx == 0:
                continue
            if back[2] > 0.1:
                spot = joint + back * radius
                patch(canvas, spot, along, radius * 0.9, radius * 0.75, (0.93, 0.83, 0.81))
            elif back[2] < -0.1:
                spot = joint - back * radius
                reach = across * radius * 0.75
                stroke(canvas, spot - reach, spot + reach, 0.12 * canvas.scale, 0.24)

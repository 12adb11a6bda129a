"""The head of a signer, drawn once as a height field with features on a centimetre grid.

The features look like decoration, but without them the estimator's nose point is off by a fifth of
the head's height.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sign_etl.recipes.signer.canvas import (
    Canvas,
    Field,
    Plane,
    Point,
    Tint,
    bump,
    ramp,
    rod,
    scaled,
    surface,
)
from sign_etl.recipes.signer.person import Signer

# Centimetres from the foot of the nose's tip, x to the picture's right, y down.
NOSE_TIP_CM = -0.7
EYE_CM = (3.15, -3.6)
EYE_HALF_WIDTH_CM = 1.5
MOUTH_CM = (2.55, 3.2)
EAR_CM = (7.0, -1.6)
HEAD_CENTRE_ABOVE_NOSE_CM = 1.2
HALF_WIDTH_CM, HALF_HEIGHT_CM, HALF_DEPTH_CM = 7.6, 11.4, 9.0
HEAD_DEPTH_CM = -6.0

Paint: TypeAlias = Callable[[Field, Tint], None]
"""Mix a colour in by a mask of 0 to 1."""


@dataclass(frozen=True)
class _Grid:
    """Centimetres from the nose tip: `x`, `y`, and `side` = |x|, since a face is symmetric."""

    x: Plane
    y: Plane
    side: Plane

    def spot(self, x_cm: float, y_cm: float, wide_cm: float, high_cm: float) -> Plane:
        """Return a soft round spot on both halves of the face."""
        dx = (self.side - np.float32(x_cm)) * np.float32(1.0 / wide_cm)
        dy = (self.y - np.float32(y_cm)) * np.float32(1.0 / high_cm)
        return bump(dx * dx + dy * dy)


def draw_head(canvas: Canvas, signer: Signer, nose_x: float, nose_y: float) -> None:
    """Draw hair, ears, face and fringe around a nose tip given in pixels."""
    scale = canvas.scale
    height, width = canvas.depth.shape
    where = (slice(0, height), slice(0, width))
    x = (np.arange(width, dtype=np.float32) - np.float32(nose_x)) / scale
    y = (np.arange(height, dtype=np.float32) - np.float32(nose_y)) / scale
    x_plane, y_plane = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    cm = _Grid(x_plane, y_plane, np.abs(x_plane))
    strands = _strands(signer, x_plane, y_plane)
    hair_colour = _flat(signer.hair, x_plane) * (1.0 + 0.12 * strands)

    for relief, mask in _back_hair(signer, cm):
        surface(canvas, where, relief * np.float32(scale), hair_colour, mask)
    _draw_ears(canvas, signer, nose_x, nose_y)
    relief, colour, mask = _face(signer, cm, strands, hair_colour, scale)
    surface(canvas, where, relief * np.float32(scale), colour, mask)


def _flat(colour: Tint, like: Plane) -> Plane:
    channels = np.array(colour, np.float32)[:, None, None]
    return np.asarray(np.broadcast_to(channels, (3, *like.shape)), np.float32).copy()


def _strands(signer: Signer, x: Plane, y: Plane) -> Plane:
    """Return hair strands, -1 to 1: noise that runs down, fanning out from the parting."""
    knots = np.random.default_rng(signer.seed).random((2, 64), dtype=np.float32) * 2.0 - 1.0
    total = np.zeros_like(x)
    for row, per_cm in ((0, 3.1), (1, 7.3)):
        at = (x + 20.0) * np.float32(per_cm) * (1.0 + y * np.float32(0.012))
        low = np.floor(at)
        share = at - low
        index = low.astype(np.intp)
        total += knots[row][index % 64] * (1.0 - share) + knots[row][(index + 1) % 64] * share
    return np.asarray(total * np.float32(0.5), np.float32)


def _back_hair(signer: Signer, cm: _Grid) -> list[tuple[Plane, Plane]]:
    """Return (height, mask) in cm of the hair behind the face."""
    top = -(HEAD_CENTRE_ABOVE_NOSE_CM + 1.6)
    u, v = cm.x / np.float32(8.8), (cm.y - top) / np.float32(11.7)
    u2, v2 = u * u, v * v
    q = u2 * np.sqrt(np.abs(u)) + v2 * np.sqrt(np.abs(v))
    lowest = {"short": 1.8, "long": 3.2, "bun": 1.5}[signer.hair_style]
    cap = HEAD_DEPTH_CM - 3.0 + 7.0 * np.sqrt(np.maximum(1.0 - q, 0.0))
    parts = [(cap, ((q < 1.0) & (cm.y < top + lowest)).astype(np.float32))]
    if signer.hair_style == "long":
        # A curtain to the shoulders, wider below.
        half = 8.6 + 0.10 * np.maximum(cm.y, 0.0)
        u = cm.x / half
        curtain = HEAD_DEPTH_CM - 4.5 + 4.0 * np.sqrt(np.maximum(1.0 - u * u, 0.0))
        ends = 12.5 + 0.02 * cm.x * cm.x - cm.y
        parts.append((curtain, np.minimum(np.minimum(1.0 - np.abs(u), ends), cm.y - top)))
    if signer.hair_style == "bun":
        u, v = cm.x / np.float32(4.2), (cm.y + 13.6) / np.float32(3.6)
        q = u * u + v * v
        parts.append((HEAD_DEPTH_CM - 2.0 + 4.0 * np.sqrt(np.maximum(1.0 - q, 0.0)), 1.0 - q))
    return [(np.asarray(h, np.float32), np.asarray(m, np.float32)) for h, m in parts]


def _draw_ears(canvas: Canvas, signer: Signer, nose_x: float, nose_y: float) -> None:
    scale = canvas.scale

    def at(x_cm: float, y_cm: float, z_cm: float) -> Point:
        return np.array([nose_x, nose_y, 0.0]) + np.array([x_cm, y_cm, z_cm]) * scale

    for side in (-1, 1):
        rod(
            canvas,
            at(side * 7.6, -2.9, HEAD_DEPTH_CM - 1.0),
            at(side * 7.2, 0.3, HEAD_DEPTH_CM - 1.0),
            1.5 * scale,
            1.0 * scale,
            scaled(signer.skin, (1.0, 0.93, 0.91)),
        )
        rod(
            canvas,
            at(side * 7.6, -2.5, HEAD_DEPTH_CM + 0.3),
            at(side * 7.3, -0.6, HEAD_DEPTH_CM + 0.3),
            0.6 * scale,
            0.4 * scale,
            scaled(signer.skin, (0.80, 0.68, 0.66)),
        )


def _face(
    signer: Signer, cm: _Grid, strands: Plane, hair_colour: Plane, scale: float
) -> tuple[Plane, Plane, Plane]:
    """Return height (cm), colour and mask of the face with the fringe on it."""
    v = (cm.y + np.float32(HEAD_CENTRE_ABOVE_NOSE_CM)) / np.float32(HALF_HEIGHT_CM)
    below, above = np.clip(v, 0.0, 1.0), np.clip(-v, 0.0, 1.0)
    u = cm.x / (np.float32(HALF_WIDTH_CM) * (1.0 - 0.30 * below * below - 0.05 * above * above))
    inside = 1.0 - u * u - v * v
    height = HEAD_DEPTH_CM + HALF_DEPTH_CM * np.sqrt(np.maximum(inside, 0.0)) + _relief(cm)
    colour = _flat(signer.skin, cm.x)

    def paint(mask: Field, tone: Tint) -> None:
        share = np.clip(mask, 0.0, 1.0)
        for channel, value in enumerate(tone):
            colour[channel] += (np.float32(value) - colour[channel]) * share

    _paint_skin(paint, signer, cm)
    _paint_eyes(paint, signer, cm, 1.2 / scale)
    _paint_mouth(paint, signer, cm)
    fringe = _fringe(cm, strands)
    colour += (hair_colour - colour) * fringe
    height += np.float32(0.8) * fringe
    return np.asarray(height, np.float32), colour, np.asarray(inside, np.float32)


def _relief(cm: _Grid) -> Plane:
    """Return nose, brows, cheeks, lips and eye sockets as height in cm."""
    broad = 0.75 + 0.35 * ramp(-4.0, 0.0, cm.y)
    across = cm.x / broad
    ridge = bump(across * across) * ramp(-5.2, -0.3, cm.y) * ramp(1.0, -0.4, cm.y)
    eye_x, eye_y = EYE_CM
    return np.asarray(
        1.9 * ridge
        + 0.75 * cm.spot(1.05, 0.25, 0.55, 0.55)  # wings of the nose
        - 0.5 * cm.spot(0.5, 0.95, 0.35, 0.22)
        - 0.9 * cm.spot(eye_x, eye_y, 1.6, 1.0)
        + 0.45 * cm.spot(3.0, eye_y - 1.9, 2.2, 0.7)  # brow
        + 0.45 * cm.spot(4.2, -0.2, 1.8, 1.6)  # cheek
        + 0.35 * cm.spot(0.0, 5.9, 1.8, 1.0)  # chin
        + 0.35 * cm.spot(0.0, 2.75, 1.9, 0.4)  # lips
        + 0.45 * cm.spot(0.0, 3.65, 1.7, 0.45)
        - 0.4 * cm.spot(0.0, 4.6, 1.5, 0.3),
        np.float32,
    )


def _paint_skin(paint: Paint, signer: Signer, cm: _Grid) -> None:
    eye_x, eye_y = EYE_CM
    paint(0.30 * cm.spot(4.3, 0.3, 1.7, 1.5), scaled(signer.skin, (0.97, 0.74, 0.74)))
    paint(0.30 * cm.spot(eye_x, eye_y + 0.1, 1.9, 1.1), scaled(signer.skin, (0.72, 0.60, 0.56)))
    paint(0.75 * cm.spot(0.55, 0.78, 0.34, 0.2), scaled(signer.skin, (0.50, 0.36, 0.36)))


def _paint_eyes(paint: Paint, signer: Signer, cm: _Grid, pixel_cm: float) -> None:
    eye_x, eye_y = EYE_CM
    u = (cm.side - np.float32(eye_x)) / np.float32(EYE_HALF_WIDTH_CM)
    on_eye = np.abs(u) < 1.0
    arch = np.sqrt(np.maximum(1.0 - u * u, 0.0))
    upper, lower = eye_y - 0.68 * arch, eye_y + 0.52 * arch
    ball = on_eye * ramp(upper - pixel_cm, upper + pixel_cm, cm.y)
    ball = ball * ramp(lower + pixel_cm, lower - pixel_cm, cm.y)
    dx, dy = cm.side - np.float32(eye_x), cm.y - np.float32(eye_y - 0.03)
    radius = np.sqrt(dx * dx + dy * dy)
    paint(ball, (234, 230, 226))
    paint(ball * ramp(0.68 + pixel_cm, 0.68 - pixel_cm, radius), (84, 60, 42))
    paint(ball * ramp(0.32 + pixel_cm, 0.32 - pixel_cm, radius), (18, 14, 12))
    # The lamp's reflection is on the same side of both eyes.
    gx = cm.x - np.sign(cm.x) * np.float32(eye_x) + np.float32(0.22)
    gy = cm.y - np.float32(eye_y - 0.25)
    paint(ball * ramp(0.24, 0.10, np.sqrt(gx * gx + gy * gy)), (255, 255, 255))
    lash, crease = (cm.y - upper + 0.05) / 0.20, (cm.y - upper + 0.5) / 0.15
    paint(0.95 * on_eye * bump(lash * lash), scaled(signer.hair, 0.5))
    paint(0.40 * on_eye * bump(crease * crease), scaled(signer.skin, 0.6))
    along = (cm.side - 3.2) / 2.0
    brow = (cm.y - (eye_y - 2.3 + 0.35 * along * along + 0.15 * along)) / (0.38 - 0.13 * along)
    paint(0.9 * (np.abs(along) < 1.0) * bump(brow * brow * brow * brow), scaled(signer.hair, 0.85))


def _paint_mouth(paint: Paint, signer: Signer, cm: _Grid) -> None:
    half, middle = MOUTH_CM
    u = cm.x / np.float32(half)
    on_mouth = np.abs(u) < 1.0
    arch = np.sqrt(np.maximum(1.0 - u * u, 0.0))
    bow = cm.x * cm.x * np.float32(4.0)
    upper, lower = middle - 0.62 * arch * (1.0 - 0.25 * bump(bow)), middle + 0.85 * arch
    lips = ramp(upper - 0.1, upper + 0.1, cm.y) * ramp(lower + 0.1, lower - 0.1, cm.y)
    paint(0.8 * on_mouth * lips, scaled(signer.skin, (0.83, 0.60, 0.62)))
    slit = (cm.y - np.float32(middle)) / np.float32(0.14)
    paint(0.85 * on_mouth * bump(slit * slit), scaled(signer.skin, (0.42, 0.26, 0.30)))


def _fringe(cm: _Grid, strands: Plane) -> Plane:
    """Return where hair lies over the forehead and temples, 0 to 1."""
    shifted = cm.x + 1.5
    line = -9.0 + 0.035 * shifted * shifted
    top = ramp(line + 0.35, line - 0.35, cm.y + 0.15 * strands)
    temple = ramp(5.75, 6.25, cm.side + 0.08 * strands) * ramp(-3.0, -4.0, cm.y)
    return np.asarray(np.maximum(top, temple), np.float32)

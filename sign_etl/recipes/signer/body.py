"""Torso, neck and arms of a signer on a canvas.

Clothes may have the colour of the skin or of the wall: shading alone is enough to be found by.
"""

from __future__ import annotations

import numpy as np

from sign_etl.recipes.signer.canvas import (
    WALL_CM,
    Canvas,
    Plane,
    Window,
    ramp,
    rod,
    scaled,
    surface,
    window,
)
from sign_etl.recipes.signer.person import Signer
from sign_etl.recipes.signer.skeleton import SHOULDER_CM, Limb

# The torso's outline: half width and half depth in cm by cm below the shoulder line.
_BELOW_CM = (-9.0, -6.5, -4.0, -1.0, 3.0, 8.0, 20.0, 32.0, 42.0, 52.0, 70.0, 90.0)
_HALF_WIDTH_CM = (5.5, 7.5, 11.5, 15.6, 16.8, 16.6, 15.6, 14.8, 15.6, 16.8, 17.6, 17.6)
_HALF_DEPTH_CM = (3.0, 5.0, 7.0, 9.0, 10.0, 11.0, 11.6, 11.4, 11.2, 11.2, 11.2, 11.2)
TORSO_DEPTH_CM = -13.0
HEM_CM = 49.0
WRIST_SINK_CM = 0.3


def draw_torso(canvas: Canvas, signer: Signer, x_middle: float, y_shoulders: float) -> None:
    """Draw shirt, trousers, shoulders and the bare neckline; positions in pixels."""
    scale = canvas.scale
    height, width = canvas.depth.shape
    where = window(canvas.depth.shape, 0, y_shoulders - 9 * scale, width, height)
    if where is None:
        return
    rows, columns = where
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) - x_middle) / scale
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) - y_shoulders) / scale
    x_cm = np.asarray(x[None, :], np.float32)
    y_cm = np.asarray(y[:, None], np.float32)
    half_width = _profile(y_cm, _HALF_WIDTH_CM) * np.float32(signer.body_width)
    u = np.abs(x_cm / half_width)
    round_off = np.sqrt(np.maximum(1.0 - u * u * np.sqrt(u), 0.0))
    depth = TORSO_DEPTH_CM + _profile(y_cm, _HALF_DEPTH_CM) * round_off
    depth = depth + _folds(signer, x_cm, y_cm)

    colour = np.empty((3, *depth.shape), np.float32)
    below_hem = ramp(HEM_CM - 0.2, HEM_CM + 0.2, y_cm + 0.004 * x_cm * x_cm)
    for channel in range(3):
        shirt = np.float32(signer.shirt[channel])
        colour[channel] = shirt + (np.float32(signer.trousers[channel]) - shirt) * below_hem
    depth = depth + np.where(below_hem < 0.5, np.float32(0.75), np.float32(0.0))
    mask = np.broadcast_to(1.0 - u, depth.shape)
    surface(
        canvas, where, np.asarray(depth * scale, np.float32), colour, np.asarray(mask, np.float32)
    )
    for side in (-1, 1):
        _draw_yoke(canvas, signer, x_middle, y_shoulders, side)
    _cut_collar(canvas, signer, where, x_cm, y_cm)


def _cut_collar(canvas: Canvas, signer: Signer, where: Window, x_cm: Plane, y_cm: Plane) -> None:
    """Open the shirt at the neck: skin inside, a seam around, the cloth a little thicker."""
    u, v = x_cm / np.float32(8.2), (y_cm + 6.5) / np.float32(9.0)
    collar = np.sqrt(u * u + v * v)
    bare = ramp(1.03, 0.99, collar)
    seam = ramp(0.98, 1.0, collar) * ramp(1.09, 1.06, collar)
    on_cloth = canvas.depth[where] > np.float32(WALL_CM * canvas.scale)
    for channel, value in enumerate(scaled(signer.skin, 0.97)):
        plane = canvas.colour[channel][where]
        opened = (plane + (np.float32(value) - plane) * bare) * (1.0 - 0.25 * seam)
        np.copyto(plane, opened, where=on_cloth)
    canvas.depth[where] -= np.where(on_cloth, bare * np.float32(0.35 * canvas.scale), 0.0)


def _draw_yoke(
    canvas: Canvas, signer: Signer, x_middle: float, y_shoulders: float, side: int
) -> None:
    """Draw the slope from the neck to a shoulder, so that no sleeve sits on it like a ball."""
    out_cm, down_cm, back_cm = SHOULDER_CM
    inner_cm = (8.3 * signer.body_width, -1.6, -9.5)
    outer_cm = (out_cm * signer.body_width, down_cm, back_cm)
    start, end = (
        np.array([x_middle, y_shoulders, 0.0]) + np.array([side * x, y, z]) * canvas.scale
        for x, y, z in (inner_cm, outer_cm)
    )
    radius = canvas.scale
    rod(canvas, start, end, 4.6 * radius, 5.1 * radius, signer.shirt, weld=4.0 * radius)


def draw_neck(
    canvas: Canvas, signer: Signer, x_middle: float, y_shoulders: float, y_nose: float
) -> None:
    """Draw the neck from the chin into the collar; positions in pixels."""
    scale = canvas.scale
    rod(
        canvas,
        np.array([x_middle, y_nose + 5.0 * scale, -9.5 * scale]),
        np.array([x_middle, y_shoulders - 3.0 * scale, -8.0 * scale]),
        5.4 * scale,
        6.0 * scale,
        scaled(signer.skin, 0.96),
    )


def draw_arm(canvas: Canvas, signer: Signer, limb: Limb) -> None:
    """Draw sleeve, elbow and forearm of one placed arm."""
    scale = canvas.scale
    skin = scaled(signer.skin, 0.99)
    upper, fore = limb.elbow - limb.shoulder, limb.wrist - limb.elbow
    rod(canvas, limb.shoulder, limb.elbow, 4.2 * scale, 3.0 * scale, skin)
    # A wrist is flatter than wide: let its round end sink behind the palm.
    fore = fore - np.array([0.0, 0.0, WRIST_SINK_CM * scale])
    inside, hem = limb.shoulder + upper * 0.72, limb.shoulder + upper * 0.70
    lining, weld = scaled(signer.shirt, 0.7), 2.5 * scale
    rod(canvas, limb.shoulder, inside, 5.1 * scale, 4.7 * scale, lining, cut=True)
    rod(canvas, limb.shoulder, hem, 5.15 * scale, 4.9 * scale, signer.shirt, cut=True, weld=weld)
    rod(
        canvas,
        limb.elbow,
        limb.elbow + fore,
        3.0 * scale,
        2.7 * scale,
        scaled(signer.skin, 1.0),
        bulge=1.1 * scale,
        weld=2.0 * scale,
    )


def _profile(y_cm: Plane, values: tuple[float, ...]) -> Plane:
    """Return the smooth curve through the torso's table at each row."""
    fine = np.arange(-14.0, 95.0, 0.25)
    curve = np.interp(fine, _BELOW_CM, values)
    for _ in range(2):
        total = np.cumsum(np.pad(curve, (10, 9), mode="edge"))
        curve = (total[19:] - np.concatenate([[0.0], total[:-20]])) / 20.0
    return np.asarray(np.interp(y_cm, fine, curve), np.float32)


def _folds(signer: Signer, x_cm: Plane, y_cm: Plane) -> Plane:
    """Return the cloth's folds in cm: two octaves of smooth noise."""
    rng = np.random.default_rng(signer.seed)
    total = np.zeros((1, 1), np.float32)
    for cell_cm, depth_cm in ((8.5, 1.6), (3.4, 0.5)):
        knots = rng.random((64, 64), dtype=np.float32) - np.float32(0.5)
        at_y, at_x = y_cm / cell_cm + 8.0, x_cm / cell_cm + 32.0
        low_y, low_x = np.floor(at_y).astype(np.intp), np.floor(at_x).astype(np.intp)
        share_y, share_x = ramp(0.0, 1.0, at_y - low_y), ramp(0.0, 1.0, at_x - low_x)
        top, bottom, left, right = low_y % 64, (low_y + 1) % 64, low_x % 64, (low_x + 1) % 64
        upper = knots[top, left] * (1.0 - share_x) + knots[top, right] * share_x
        lower = knots[bottom, left] * (1.0 - share_x) + knots[bottom, right] * share_x
        total = total + (upper * (1.0 - share_y) + lower * share_y) * np.float32(depth_cm)
    return np.asarray(total, np.float32)

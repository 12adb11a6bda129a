"""A depth buffer with colour on which tapered round rods, strokes and patches are put down.

Pixels are computed with + - * / and square roots in float32 alone: IEEE 754 fixes their last bit,
so the pictures are equal on every CPU, which `exp` and `pow` with their per-CPU versions are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Plane: TypeAlias = NDArray[np.float32]
Field: TypeAlias = NDArray[np.floating[Any]]
"""What type checkers make of float32 times a Python number; NumPy itself keeps float32."""
Point: TypeAlias = NDArray[np.float64]
Window: TypeAlias = tuple[slice, slice]
Tint: TypeAlias = tuple[float, float, float]

WALL_CM = -20.0
"""Depth of the empty background."""


@dataclass(frozen=True)
class Canvas:
    """`depth` (H, W) in pixels towards the viewer, `colour` (3, H, W) 0 to 255 before light."""

    depth: Plane
    colour: Plane
    scale: float

    def copy(self) -> Canvas:
        """Return a canvas that can be drawn on without touching this one."""
        return Canvas(self.depth.copy(), self.colour.copy(), self.scale)


def ramp(low: float | Field, high: float | Field, value: Field) -> Plane:
    """Return the smooth step of `value` from 0 at `low` to 1 at `high` (which may be lower)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), np.float32)


def bump(distance_squared: Field) -> Plane:
    """Return a round bump, 1 at distance 0: close to exp(-d2), but exact and 0 beyond d2 = 3."""
    t = np.maximum(1.0 - distance_squared * np.float32(1.0 / 3.0), 0.0)
    return np.asarray(t * t * t, np.float32)


def scaled(colour: Tint, by: Tint | float) -> Tint:
    """Return a colour multiplied by a number or channel by channel."""
    r, g, b = (by, by, by) if isinstance(by, (int, float)) else by
    return (colour[0] * r, colour[1] * g, colour[2] * b)


def window(shape: tuple[int, ...], x0: float, y0: float, x1: float, y1: float) -> Window | None:
    """Return the part of a (..., H, W) picture that holds a box, or None where they do not meet."""
    height, width = shape[-2:]
    left, right = max(0, int(x0)), min(width, int(x1) + 2)
    top, bottom = max(0, int(y0)), min(height, int(y1) + 2)
    if left >= right or top >= bottom:
        return None
    return slice(top, bottom), slice(left, right)


def grid(where: Window) -> tuple[Plane, Plane]:
    """Return the pixel coordinates x (1, w) and y (h, 1) of a window."""
    rows, columns = where
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None, :]
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    return x, y


def rod(
    canvas: Canvas,
    start: Point,
    end: Point,
    start_radius: float,
    end_radius: float,
    colour: Tint,
    *,
    bulge: float = 0.0,
    cut: bool = False,
    weld: float = 0.0,
) -> None:
    """Draw a tapered rod between two points (x, y, z); all lengths in pixels.

    `bulge` thickens it, most at a third of its length; `cut` ends it flat instead of round;
    `weld` rounds the groove where it meets a surface less than so much nearer or farther.
    """
    reach = max(start_radius, end_radius) + abs(bulge) + 1.0
    near = _near(canvas, start, end, reach)
    if near is None:
        return
    where, x, y, t_raw = near
    t = np.clip(t_raw, 0.0, 1.0)
    dx, dy, dz = (np.float32(v) for v in end - start)
    ox = x - np.float32(start[0]) - t * dx
    oy = y - np.float32(start[1]) - t * dy
    radius = np.float32(start_radius) + t * np.float32(end_radius - start_radius)
    if bulge:
        rest = 1.0 - t
        radius += np.float32(6.75 * bulge) * t * rest * rest
    inside = radius * radius - ox * ox - oy * oy
    height = np.sqrt(np.maximum(inside, 0.0)) + (np.float32(start[2]) + t * dz)
    depth = canvas.depth[where]
    covered = (inside > 0.0) & (t_raw <= 1.0) if cut else inside > 0.0
    visible = covered & (height > depth)
    if weld:
        gap = np.maximum(np.float32(weld) - np.abs(height - depth), 0.0)
        fillet = np.maximum(height, depth) + gap * gap * np.float32(0.25 / weld)
        np.copyto(depth, fillet, where=covered)
    else:
        np.copyto(depth, height, where=visible)
    for channel, value in enumerate(colour):
        np.copyto(canvas.colour[channel][where], np.float32(value), where=visible)


def surface(canvas: Canvas, where: Window, height: Plane, colour: Plane, mask: Plane) -> None:
    """Draw a height field: depth (h, w), colour (3, h, w), visible where `mask` is true."""
    depth = canvas.depth[where]
    visible = (mask > 0.0) & (height > depth)
    np.copyto(depth, height, where=visible)
    np.copyto(canvas.colour[:, *where], colour, where=visible)


def stroke(canvas: Canvas, start: Point, end: Point, width: float, strength: float) -> None:
    """Darken a thin line on the surface that lies at its depth; width in pixels."""
    near = _near(canvas, start, end, 2.0 * width)
    if near is None:
        return
    where, x, y, t_raw = near
    t = np.clip(t_raw, 0.0, 1.0)
    dx, dy, dz = (np.float32(v) for v in end - start)
    ox = x - np.float32(start[0]) - t * dx
    oy = y - np.float32(start[1]) - t * dy
    line = bump((ox * ox + oy * oy) * np.float32(1.0 / (width * width)))
    # Something nearer than the line's own surface, say the other hand, hides it.
    hidden = canvas.depth[where] > np.float32(start[2] + canvas.scale) + t * dz
    line = np.where(hidden, np.float32(0.0), line * np.float32(strength))
    for channel, share in enumerate((0.7, 1.0, 1.0)):
        canvas.colour[channel][where] *= 1.0 - np.float32(share) * line


def patch(
    canvas: Canvas,
    centre: Point,
    direction: Point,
    length: float,
    width: float,
    tint: Tint,
    *,
    rim: float = 0.0,
) -> None:
    """Multiply an ellipse of the surface at the centre's depth by `tint`; half axes in pixels.

    `rim` (0 to 1) makes its edge crisp and darkens it, as a fingernail's.
    """
    norm = float(np.sqrt(direction[0] * direction[0] + direction[1] * direction[1]))
    reach = 1.7 * max(length, width)
    where = window(
        canvas.depth.shape,
        centre[0] - reach,
        centre[1] - reach,
        centre[0] + reach,
        centre[1] + reach,
    )
    if where is None or norm < 1e-3:
        return
    x, y = grid(where)
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    ux, uy = np.float32(direction[0] / norm), np.float32(direction[1] / norm)
    along = (x * ux + y * uy) * np.float32(1.0 / length)
    across = (y * ux - x * uy) * np.float32(1.0 / width)
    q = along * along + across * across
    seen = canvas.depth[where] < np.float32(centre[2] + canvas.scale)
    mask = np.where(seen, ramp(1.25, 0.75, q) if rim else bump(q * np.float32(1.2)), 0.0)
    edge = bump((q - 1.25) * (q - 1.25) * np.float32(12.0)) * seen if rim else None
    for channel, value in enumerate(tint):
        colour = canvas.colour[channel][where]
        colour *= 1.0 + mask * np.float32(value - 1.0)
        if edge is not None:
            colour *= 1.0 - edge * np.float32(rim)


def _near(
    canvas: Canvas, start: Point, end: Point, reach: float
) -> tuple[Window, Plane, Plane, Plane] | None:
    """Return the window around a segment, its x and y, and each pixel's share of the way along."""
    (x0, x1), (y0, y1) = sorted((start[0], end[0])), sorted((start[1], end[1]))
    where = window(canvas.depth.shape, x0 - reach, y0 - reach, x1 + reach, y1 + reach)
    if where is None:
        return None
    x, y = grid(where)
    dx, dy = float(end[0] - start[0]), float(end[1] - start[1])
    length_squared = dx * dx + dy * dy + 1e-6
    t = (x - np.float32(start[0])) * np.float32(dx / length_squared) + (
        y - np.float32(start[1])
    ) * np.float32(dy / length_squared)
    return where, x, y, t

"""Light on a finished canvas: a key and a fill lamp, soft occlusion, softened edges, film grain.

Shading is what the estimator needs most: of hands in flat colour it misses one in five on
one side, and bends the fingertips of those it finds.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sign_etl.recipes.signer.canvas import WALL_CM, Canvas, Plane, Tint, Window

AMBIENT, KEY, FILL = 0.42, 0.60, 0.16
SHADOW_TINT = (0.80, 1.06, 1.12)
"""How strongly each channel loses light: skin lets red through, so shadows are reddish."""
STEEPEST = 6.0
OCCLUSION = 0.15
"""Most light a neighbourhood can take. At twice this, dark halos swallow the hands of dark skin."""
_COARSE = 4


def _direction(x: float, y: float, z: float) -> Tint:
    length = math.sqrt(x * x + y * y + z * z)
    return (x / length, y / length, z / length)


KEY_FROM = _direction(-0.38, -0.55, 0.75)
FILL_FROM = _direction(0.70, -0.10, 0.60)


def develop(canvas: Canvas, where: Window) -> Plane:
    """Return the lit picture (3, h, w), 0 to 255, of one window of a canvas.

    The result does not depend on the window: each pixel sees its whole neighbourhood.
    """
    wide, inner = _widen(where, canvas.depth.shape, 2)
    depth = canvas.depth[wide]
    slope_x, slope_y = _slopes(depth)
    lit, open_sky = _lambert(slope_x, slope_y), 1.0 - _occlusion(canvas, wide)
    on_wall = depth <= np.float32(WALL_CM * canvas.scale)
    shadow = np.where(on_wall, np.float32(0.0), np.clip(1.0 - lit, 0.0, 1.0))
    bright = np.where(on_wall, np.float32(1.0), np.maximum(lit, 1.0) * open_sky)
    picture = canvas.colour[:, *wide].copy()
    for channel, loss in enumerate(SHADOW_TINT):
        picture[channel] *= np.maximum(1.0 - shadow * np.float32(loss), 0.0) * bright
    return _soften(picture, depth, canvas.scale)[:, *inner]


def grain(rng: np.random.Generator, height: int, width: int, sigma: float) -> Plane:
    """Return film grain (3, H, W): mostly grey, a little coloured, near-normal."""
    # Sums of uniforms, since normal deviates go through `log`.
    grey = rng.random((4, height, width), dtype=np.float32)
    tone = rng.random((3, height, width), dtype=np.float32) - np.float32(0.5)
    total = grey[0] + grey[1] + grey[2] + grey[3] - np.float32(2.0)
    return np.asarray((total * np.float32(1.73) + tone) * np.float32(sigma), np.float32)


def _lambert(slope_x: Plane, slope_y: Plane) -> Plane:
    facing = 1.0 / np.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    slope_x = np.clip(slope_x, -STEEPEST, STEEPEST)
    slope_y = np.clip(slope_y, -STEEPEST, STEEPEST)
    light = np.full_like(facing, AMBIENT)
    for power, (x, y, z) in ((KEY, KEY_FROM), (FILL, FILL_FROM)):
        lamp = np.float32(z) - slope_x * np.float32(x) - slope_y * np.float32(y)
        light += np.float32(power) * np.maximum(lamp * facing, 0.0)
    return np.asarray(light, np.float32)


def _slopes(depth: Plane) -> tuple[Plane, Plane]:
    slope_x, slope_y = np.zeros_like(depth), np.zeros_like(depth)
    # Across an outline the step to the background counts too: that draws the thin dark contour
    # by which the estimator finds hands before clothes.
    slope_x[:, 1:-1] = (depth[:, 2:] - depth[:, :-2]) * np.float32(0.5)
    slope_y[1:-1] = (depth[2:] - depth[:-2]) * np.float32(0.5)
    return slope_x, slope_y


def _occlusion(canvas: Canvas, where: Window) -> Plane:
    """Return how much light nearer neighbours take away, (h, w), 0 to about 0.45.

    Computed over the whole picture at a quarter of its size, so that no window edge shows.
    """
    scale = canvas.scale
    coarse = canvas.depth[_COARSE // 2 :: _COARSE, _COARSE // 2 :: _COARSE]
    dark = np.zeros_like(coarse)
    for radius_cm in (0.7, 2.2):
        radius = max(1, round(radius_cm * scale / _COARSE))
        rise = _blur(_blur(coarse, radius), radius) - coarse
        dark += np.clip(rise * np.float32(OCCLUSION / (2.2 * scale * radius_cm)), 0.0, OCCLUSION)
    down, right = (max(1, round(cm * scale / _COARSE)) for cm in (1.2, 0.8))
    caster = np.pad(coarse, ((down, 0), (right, 0)), mode="edge")[:-down, :-right]
    cast = np.clip((caster - coarse) * np.float32(1.0 / (3.0 * scale)) - 2.0 / 3.0, 0.0, 1.0)
    dark += np.float32(0.16) * _blur(cast, max(1, round(0.4 * scale / _COARSE)))
    return _enlarge(dark, where)


def _blur(plane: Plane, radius: int) -> Plane:
    """Return the box blur of a plane, edges repeated; every sum runs in one fixed order."""
    for axis in (0, 1):
        size = plane.shape[axis]
        pad = [(0, 0), (0, 0)]
        pad[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(plane, pad, mode="edge"), axis=axis, dtype=np.float64)
        span = 2 * radius + 1
        ends = total[span:] - total[:size] if axis == 0 else total[:, span:] - total[:, :size]
        plane = np.asarray(ends * (1.0 / span), np.float32)
    return plane


def _enlarge(coarse: Plane, where: Window) -> Plane:
    """Return a window of the coarse plane at full size, linearly interpolated."""
    rows, columns = where

    def taps(part: slice, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp], Plane]:
        at = (np.arange(part.start, part.stop) - _COARSE // 2) / _COARSE
        low = np.clip(np.floor(at), 0, size - 1).astype(np.intp)
        share = np.clip(at - low, 0.0, 1.0).astype(np.float32)
        return low, np.minimum(low + 1, size - 1), share

    top, bottom, down = taps(rows, coarse.shape[0])
    left, right, across = taps(columns, coarse.shape[1])
    stretched = coarse[:, left] * (1.0 - across) + coarse[:, right] * across
    down = down[:, None]
    return np.asarray(stretched[top] * (1.0 - down) + stretched[bottom] * down, np.float32)


def _soften(picture: Plane, depth: Plane, scale: float) -> Plane:
    """Blur the one-pixel stairs where the depth jumps: cheaper than drawing at twice the size."""
    jump = np.zeros_like(depth)
    across = np.abs(depth[:, 1:] - depth[:, :-1])
    down = np.abs(depth[1:] - depth[:-1])
    for part, step in (
        (jump[:, 1:], across),
        (jump[:, :-1], across),
        (jump[1:], down),
        (jump[:-1], down),
    ):
        np.maximum(part, step, out=part)
    rows, columns = np.nonzero(jump[1:-1, 1:-1] > np.float32(0.6 * scale))
    rows, columns = rows + 1, columns + 1
    around = picture[:, rows, columns] * np.float32(0.25)
    for shift_y, shift_x, weight in _BINOMIAL:
        around += picture[:, rows + shift_y, columns + shift_x] * np.float32(weight)
    softened = picture.copy()
    softened[:, rows, columns] = around
    return softened


_BINOMIAL = tuple(
    (y, x, 0.0625 if x and y else 0.125) for y in (-1, 0, 1) for x in (-1, 0, 1) if x or y
)


def _widen(where: Window, shape: tuple[int, ...], by: int) -> tuple[Window, Window]:
    """Return a window grown by `by` pixels inside the picture, and the old one within it."""
    grown, inner = [], []
    for part, size in zip(where, shape, strict=True):
        start, stop = max(0, part.start - by), min(size, part.stop + by)
        grown.append(slice(start, stop))
        inner.append(slice(part.start - start, part.stop - start))
    return (grown[0], grown[1]), (inner[0], inner[1])

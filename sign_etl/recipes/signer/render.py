"""Pictures of a signer in a pose.

What a pose cannot move (room, torso, neck) is drawn and lit once per signer and picture size; a
frame then costs only the head, the arms and the pixels they touch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sign_etl.recipes.signer.body import draw_arm, draw_neck, draw_torso
from sign_etl.recipes.signer.canvas import WALL_CM, Canvas, Plane, Window, window
from sign_etl.recipes.signer.face import draw_head
from sign_etl.recipes.signer.hands import draw_hand
from sign_etl.recipes.signer.light import develop, grain
from sign_etl.recipes.signer.person import Signer
from sign_etl.recipes.signer.skeleton import Camera, Figure, Pose, camera, place

GRAIN_SIGMA = 2.0
_SHADOW_REACH_CM = 5.5
_HEAD_ROOM_CM = (12.5, 17.5, 15.5)
"""Room the head needs: to each side, above and below the tip of the nose."""


@dataclass(frozen=True)
class Scenery:
    """What no pose moves: the room with the torso, its lit picture, the grain, and the head.

    `head` is a canvas of its own whose top left pixel lies at `head_corner` (x, y).
    """

    canvas: Canvas
    picture: NDArray[np.uint8]
    grain: Plane
    head: Canvas
    head_corner: tuple[int, int]


def render(signer: Signer, pose: Pose, *, width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture of a signer in a pose: (height, width, 3) RGB uint8.

    Equal arguments give equal bytes. The signer stands frontally in the middle; the narrower side
    shows 109 cm at body scale 1.
    """
    behind = scenery(signer, width, height)
    figure = place(signer, pose, width, height)
    canvas = behind.canvas.copy()
    _paste_head(canvas, behind, figure)
    for limb in (figure.left, figure.right):
        draw_arm(canvas, signer, limb)
    for limb in (figure.left, figure.right):
        draw_hand(canvas, signer, limb)
    picture = behind.picture.copy()
    touched = _touched(canvas, behind, figure)
    if touched is not None:
        picture[touched] = _expose(canvas, behind.grain, touched)
    return picture


@lru_cache(maxsize=16)
def scenery(signer: Signer, width: int, height: int) -> Scenery:
    """What stands behind and about the figure of a signer; computed once for each size.

    Raises:
        ValueError: the picture is too small.
    """
    if min(width, height) < 32:
        raise ValueError(f"a picture is at least 32 pixels wide and high, got {width} x {height}")
    view = camera(signer, width, height)
    depth = np.full((height, width), WALL_CM * view.scale, np.float32)
    canvas = Canvas(depth, _backdrop(signer, width, height), view.scale)
    draw_torso(canvas, signer, view.middle_x, view.shoulders_y)
    draw_neck(canvas, signer, view.middle_x, view.shoulders_y, view.nose_y)
    film = grain(np.random.default_rng(signer.seed), height, width, GRAIN_SIGMA)
    picture = _expose(canvas, film, (slice(0, height), slice(0, width)))
    head, corner = _head(signer, view)
    return Scenery(canvas, picture, film, head, corner)


def _backdrop(signer: Signer, width: int, height: int) -> Plane:
    """Return the wall (3, H, W): lighter above, darker towards the corners."""
    x = (np.arange(width, dtype=np.float32)[None, :] / width - 0.5) * np.float32(1.0)
    y = np.arange(height, dtype=np.float32)[:, None] / height
    radius_squared = x * x + (y - 0.45) * (y - 0.45)
    level = (1.08 - 0.17 * y) * (1.03 - 0.30 * radius_squared)
    return np.stack([level * np.float32(value) for value in signer.backdrop]).astype(np.float32)


def _head(signer: Signer, view: Camera) -> tuple[Canvas, tuple[int, int]]:
    side, above, below = (cm * view.scale for cm in _HEAD_ROOM_CM)
    left, top = math.floor(view.middle_x - side), math.floor(view.nose_y - above)
    width, height = math.ceil(2 * side) + 1, math.ceil(above + below) + 1
    head = Canvas(
        np.full((height, width), WALL_CM * view.scale, np.float32),
        np.zeros((3, height, width), np.float32),
        view.scale,
    )
    draw_head(head, signer, view.middle_x - left, view.nose_y - top)
    return head, (left, top)


def _head_box(behind: Scenery, figure: Figure) -> tuple[int, int, int, int]:
    """Return the moved head's box in the picture: left, top, right, bottom (excluded)."""
    left = behind.head_corner[0] + figure.head_shift[0]
    top = behind.head_corner[1] + figure.head_shift[1]
    height, width = behind.head.depth.shape
    return left, top, left + width, top + height


def _paste_head(canvas: Canvas, behind: Scenery, figure: Figure) -> None:
    left, top, right, bottom = _head_box(behind, figure)
    height, width = canvas.depth.shape
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    tile = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    depth, head_depth = canvas.depth[rows, columns], behind.head.depth[tile]
    nearer = head_depth > depth
    np.copyto(depth, head_depth, where=nearer)
    np.copyto(canvas.colour[:, rows, columns], behind.head.colour[:, *tile], where=nearer)


def _touched(canvas: Canvas, behind: Scenery, figure: Figure) -> Window | None:
    """Return the part of the picture whose light the head, the arms or their shadows change."""
    points = np.concatenate(
        [
            np.concatenate([limb.hand, limb.shoulder[None], limb.elbow[None]])[:, :2]
            for limb in (figure.left, figure.right)
        ]
    )
    left, top, right, bottom = _head_box(behind, figure)
    thickness = (5.2 + _SHADOW_REACH_CM) * canvas.scale
    (x0, y0), (x1, y1) = points.min(axis=0) - thickness, points.max(axis=0) + thickness
    shadow = _SHADOW_REACH_CM * canvas.scale
    return window(
        canvas.depth.shape,
        min(x0, left - shadow),
        min(y0, top - shadow),
        max(x1, right + shadow),
        max(y1, bottom + shadow),
    )


def _expose(canvas: Canvas, film: Plane, where: Window) -> NDArray[np.uint8]:
    """Return the finished pixels (h, w, 3) of one window."""
    lit = develop(canvas, where) + film[:, *where]
    pixels = np.clip(lit + np.float32(0.5), 0.0, 255.0).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))

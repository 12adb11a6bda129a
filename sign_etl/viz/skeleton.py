"""Keypoints drawn on a picture: body, left hand and right hand apart at a glance.

Amber and pink differ in brightness and along blue-yellow, so people with any kind of colour vision
tell them apart; neither is near skin or the blue and green screens of studios. A dark casing sets
them off from light and dark clothes alike.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sign_etl.schema.layouts import Layout

Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "body": (247, 245, 240),
    "left_hand": (255, 184, 28),
    "right_hand": (236, 64, 150),
    "face": (247, 245, 240),
}
CASING: Colour = (16, 18, 24)
GROUND: Colour = (52, 58, 70)
"""What the skeleton stands on where there is no video."""

OVERSAMPLE = 3
HIDDEN_BELOW = 0.1
SOLID_FROM = 0.5
"""Scores between the two are drawn fainter, below the first not at all."""

WIDTH_SHARE = {"body": 0.012, "left_hand": 0.010, "right_hand": 0.010, "face": 0.006}
"""Line width as a share of the picture's short side."""
HAND_WIDTH_SHARE = 0.07
"""A hand far away is drawn finer: at most this share of its own extent."""
MIN_WIDTH = 1.3
HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth")
"""Points of the body that begin so are drawn as finely as a face, which they would cover."""
STUBS = ("pinky", "index", "thumb")
"""Points of the body that stand for a hand; superfluous where the hand itself was found."""


def draw_skeleton(picture: Image.Image, keypoints: NDArray[Any], kind: Layout) -> Image.Image:
    """A copy of `picture` with one frame's keypoints on it.

    Args:
        picture: RGB, of any size with the video's aspect.
        keypoints: (K, C), x/W and y/H first, score last; NaN where not estimated.
        kind: their layout.
    """
    width, height = picture.size
    big = (width * OVERSAMPLE, height * OVERSAMPLE)
    layer = Image.new("RGBA", big, (*CASING, 0))
    canvas = ImageDraw.Draw(layer)
    points = keypoints[:, :2].astype(np.float64) * big
    alphas = _alphas(keypoints)
    part_of = _parts_drawn(kind)
    superfluous = _superfluous(kind, alphas)
    lines = []
    for start, end in kind.edges:
        part = part_of[start] if part_of[start] == part_of[end] else "body"
        alpha = min(alphas[start], alphas[end])
        if alpha > 0 and start not in superfluous and end not in superfluous:
            lines.append((part, alpha, tuple(points[start]), tuple(points[end])))
    widths = {part: _line_width(part, kind, points, alphas, min(big)) for part in kind.parts}
    # All casings before all lines: a casing would cut through the bone beneath it.
    for casing in (True, False):
        for part, alpha, start_xy, end_xy in lines:
            _bone(canvas, start_xy, end_xy, widths[part], alpha, part, casing=casing)
        for number, part in part_of.items():
            if alphas[number] > 0 and part != "face" and number not in superfluous:
                radius = widths[part] * (0.95 if part == "body" else 0.8)
                _dot(canvas, points[number], radius, alphas[number], part, casing=casing)
    layer = layer.resize(picture.size, Image.Resampling.BOX)
    return Image.alpha_composite(picture.convert("RGBA"), layer).convert("RGB")


def draw_sample_line(size: tuple[int, int], part: str) -> Image.Image:
    """A legend's swatch: two joints and a bone of a part on the plain ground."""
    width, height = size
    big = Image.new("RGBA", (width * OVERSAMPLE, height * OVERSAMPLE), (*GROUND, 255))
    canvas = ImageDraw.Draw(big)
    line = height * OVERSAMPLE * 0.2
    ends = ((big.width * 0.25, big.height * 0.5), (big.width * 0.75, big.height * 0.5))
    for casing in (True, False):
        _bone(canvas, *ends, line, 1.0, part, casing=casing)
        for end in ends:
            _dot(canvas, np.array(end), line * 0.95, 1.0, part, casing=casing)
    return big.resize(size, Image.Resampling.BOX).convert("RGB")


def _alphas(keypoints: NDArray[Any]) -> NDArray[np.float64]:
    score = keypoints[:, -1].astype(np.float64)
    alpha = np.clip((score - HIDDEN_BELOW) / (SOLID_FROM - HIDDEN_BELOW), 0.0, 1.0)
    known = np.isfinite(keypoints[:, :2].astype(np.float64)).all(axis=1)
    # A point far outside (a guessed foot) would stretch lines across the picture for nothing.
    near = (np.abs(np.nan_to_num(keypoints[:, :2].astype(np.float64)) - 0.5) < 1.5).all(axis=1)
    return np.where(known & near, alpha, 0.0)


def _parts_drawn(kind: Layout) -> dict[int, str]:
    parts = {number: part for part, numbers in kind.parts.items() for number in numbers}
    heads = {
        number: "face" for number in kind.parts["body"] if kind.points[number].startswith(HEAD)
    }
    return parts | heads


def _superfluous(kind: Layout, alphas: NDArray[np.float64]) -> set[int]:
    numbers = set()
    for side in ("left", "right"):
        hand = list(kind.parts[f"{side}_hand"])
        if hand and alphas[hand].max() > 0:
            names = [f"{side}_{stub}" for stub in STUBS]
            numbers |= {kind.points.index(name) for name in names if name in kind.points}
    return numbers


def _line_width(
    part: str, kind: Layout, points: NDArray[np.float64], alphas: NDArray[np.float64], short: int
) -> float:
    width = WIDTH_SHARE[part] * short
    numbers = [number for number in kind.parts[part] if alphas[number] > 0]
    if part.endswith("hand") and numbers:
        extent = float(np.ptp(points[numbers], axis=0).max())
        width = min(width, extent * HAND_WIDTH_SHARE)
    return max(width, MIN_WIDTH * OVERSAMPLE)


def _bone(
    canvas: ImageDraw.ImageDraw,
    start: Any,
    end: Any,
    width: float,
    alpha: float,
    part: str,
    *,
    casing: bool,
) -> None:
    half = (width * 1.7 if casing else width) / 2
    colour = (*CASING, round(150 * alpha)) if casing else (*COLOURS[part], round(255 * alpha))
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    if length == 0:
        return
    # A polygon keeps fractional widths, which `line` would round.
    across = (half * (end[1] - start[1]) / length, half * (start[0] - end[0]) / length)
    canvas.polygon(
        [
            (start[0] + across[0], start[1] + across[1]),
            (end[0] + across[0], end[1] + across[1]),
            (end[0] - across[0], end[1] - across[1]),
            (start[0] - across[0], start[1] - across[1]),
        ],
        fill=colour,
    )


def _dot(
    canvas: ImageDraw.ImageDraw,
    xy: NDArray[np.float64],
    radius: float,
    alpha: float,
    part: str,
    *,
    casing: bool,
) -> None:
    radius = radius * 1.35 if casing else radius
    colour = (*CASING, round(150 * alpha)) if casing else (*COLOURS[part], round(255 * alpha))
    x, y = float(xy[0]), float(xy[1])
    canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

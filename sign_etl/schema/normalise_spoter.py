"""SPOTER's normalisation: body and hands in boxes of their own, as published and as it was meant.

A model expects the numbers that it saw in training, so what the published code does is there for
feeding published weights; whoever trains anew is better off without its slip of the y axis.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.schema.coordinates import Floats, Size
from sign_etl.schema.layouts import layout

BOX_HEADS: Final = 6.0
"""Sides of the body's box in head heights, as artists measure."""
HAND_SIDES: Final = 1.2
"""Sides of a hand's box in longer sides of the hand: a tenth more at each end."""

_KIND: Final = layout("spoter-54")
_BODY: Final = list(_KIND.parts["body"])
_HANDS: Final = tuple(list(_KIND.parts[hand]) for hand in ("left_hand", "right_hand"))

_Exact = NDArray[np.float64]


def spoter_normalised(
    keypoints: NDArray[Any], size: Size, *, eye_to_edge: float = 1.0, published: bool = False
) -> Floats:
    """SPOTER's input from keypoints of the layout `spoter-54`.

    Body, in each frame, with head height h = |left shoulder - right shoulder|, or |neck - nose|
    where a shoulder is missing, and e = `eye_to_edge`:

        x' = (x - (neck.x - 3 h)) / 6 h - 0.5
        y' = (y - (leftEye.y - e h)) / 6 h - 0.5

    Each hand, in each frame, with c the middle and w, h the sides of the box around its points:

        p' = (p - c) / (1.2 max(w, h))

    A frame without a head height, neck or left eye takes the box of the frame before it. Source:
    Bohacek and Hruz, WACVW 2022; the code of SPOTER (e = 0.5) and of spoter-embeddings (e = 1),
    `normalization/`; their data loaders take the 0.5 off.

    `published` does what that code does on MediaPipe's keypoints. Its box is that of Apple Vision,
    whose y grows upwards: y0 = leftEye.y + e h is the edge near the signer's head, the other one
    y1 = y0 - 6 h, y' = (y - y1) / (y0 - y1) - 0.5. On a y that grows downwards the box stands above
    the shoulders, and, since every edge is raised to at least 0, y' is y / (leftEye.y + e h) - 0.5
    in most pictures. Shares of unequal sides are taken for lengths, a missing point is at -0.5, and
    frames before the first box stay as they are.

    Without it the box hangs down from e h above the eye, reaches beyond the picture where the
    signer does, and is square in pixels; a missing point is NaN, and frames before the first box
    take that one. On data whose y grows upwards, y' would be the published one with another sign.

    Args:
        keypoints: (T, 54, 3) shares of the picture and score, y downwards.
        size: (W, H) of the picture in pixels.
        eye_to_edge: e, see above.
        published: whether published weights are to be fed.

    Returns:
        (T, 54, 2) float32; inside of the boxes between -0.5 and 0.5.

    Raises:
        ValueError: the array is not of this layout.
    """
    if keypoints.ndim != 3 or keypoints.shape[1:] != (_KIND.size, _KIND.channels):
        raise ValueError(f"(T, {_KIND.size}, {_KIND.channels}) wanted, not {keypoints.shape}")
    places = keypoints[..., :2].astype(np.float64)
    places[~(keypoints[..., -1] > 0)] = np.nan
    return np.asarray(
        _published(places, eye_to_edge) if published else _meant(places * size, eye_to_edge),
        np.float32,
    )


def _meant(places: _Exact, eye_to_edge: float) -> _Exact:
    head = _head_heights(places)
    neck, eye = (places[:, _KIND.index(name)] for name in ("neck", "left_eye"))
    top_left = np.stack([neck[:, 0] - BOX_HEADS / 2 * head, eye[:, 1] - eye_to_edge * head], axis=1)
    box = _held(np.column_stack([top_left, BOX_HEADS * head]))
    known = np.flatnonzero(np.isfinite(box[:, 0]))
    if len(known):
        box[: known[0]] = box[known[0]]
    made = places.copy()
    made[:, _BODY] = (places[:, _BODY] - box[:, None, :2]) / box[:, None, 2:] - 0.5
    for hand in _HANDS:
        middle, side = _hand_boxes(places[:, hand])
        # A hand that is one point is in the middle of its box, whatever its size.
        made[:, hand] = (places[:, hand] - middle) / np.where(side > 0, side, 1.0)
    return made


def _published(places: _Exact, eye_to_edge: float) -> _Exact:
    # There, 0 says that a point is missing, and whether its x is 0 is all that is looked at.
    places = np.nan_to_num(places, nan=0.0)
    missing = places[..., 0] == 0
    places[missing] = 0
    head = _head_heights(np.where(missing[..., None], np.nan, places))
    neck, eye = (places[:, _KIND.index(name)] for name in ("neck", "left_eye"))
    first = np.stack([neck[:, 0] - BOX_HEADS / 2 * head, eye[:, 1] + eye_to_edge * head], axis=1)
    second = np.stack([neck[:, 0] + BOX_HEADS / 2 * head, first[:, 1] - BOX_HEADS * head], axis=1)
    edges = np.maximum(_held(np.column_stack([first, second])), 0)
    left, near, right, far = edges.T
    low, span = np.stack([left, far], axis=1), np.stack([right - left, near - far], axis=1)
    made = places.copy()
    made[:, _BODY] = _scaled(places[:, _BODY], low[:, None], span[:, None])
    for hand in _HANDS:
        middle, side = _hand_boxes(np.where(places[:, hand] == 0, np.nan, places[:, hand]))
        made[:, hand] = _scaled(places[:, hand], middle - side / 2, side)
    return np.where(missing[..., None], 0.0, made) - 0.5


def _scaled(places: _Exact, low: _Exact, span: _Exact) -> _Exact:
    """Shares of the box, where there is one; else the places as they are."""
    usable = np.broadcast_to((span != 0).all(axis=-1, keepdims=True) & (span == span), places.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(usable, (places - low) / span, places)


def _head_heights(places: _Exact) -> _Exact:
    """(T,) NaN where neither shoulders nor neck and nose are known or apart."""
    heights = [
        np.linalg.norm(places[:, _KIND.index(one)] - places[:, _KIND.index(other)], axis=1)
        for one, other in (("left_shoulder", "right_shoulder"), ("neck", "nose"))
    ]
    shoulders, neck = (np.where(height > 0, height, np.nan) for height in heights)
    return np.where(np.isfinite(shoulders), shoulders, neck)


def _held(boxes: _Exact) -> _Exact:
    """Each row that is not whole as the last whole one before it; NaN where there is none."""
    whole = np.isfinite(boxes).all(axis=1)
    last = np.maximum.accumulate(np.where(whole, np.arange(len(boxes)), -1))
    return np.where((last >= 0)[:, None], boxes[last], np.nan)


def _hand_boxes(hand: _Exact) -> tuple[_Exact, _Exact]:
    """(T, 1, 2) middles and (T, 1, 1) sides of square boxes; NaN where there is no hand."""
    low = np.fmin.reduce(hand, axis=1, keepdims=True)
    high = np.fmax.reduce(hand, axis=1, keepdims=True)
    return (low + high) / 2, HAND_SIDES * (high - low).max(axis=-1, keepdims=True)

"""Uni-Sign's normalisation: one scale for the clip, each part from an origin of its own."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.schema import unisign
from sign_etl.schema.conversions import convert
from sign_etl.schema.coordinates import Floats, Size
from sign_etl.schema.layouts import layout

SURE: Final = 0.3
"""Score above which a point is believed."""
MIN_POINTS: Final = 4
"""Believed points of the body, in all frames together, that it takes to scale by."""

_KIND: Final = layout("unisign-69")


def unisign_normalised(
    keypoints: NDArray[Any],
    source: str = _KIND.name,
    *,
    size: Size | None = None,
    min_score: float = SURE,
) -> Floats:
    """Uni-Sign's input from keypoints of a layout that can become `unisign-69`.

    With s the longer side and c the middle of the box around all believed points of the body in all
    frames (x, y and score are then fed):

        body         p' = 2 (p - c) / s
        other parts  p' = (p - origin) / s,   origin: that frame's wrist, or tip of the nose

    each clipped to [-1, 1], scores too; a point whose score is not above `min_score` becomes
    (0, 0, 0). With fewer than four believed points of the body, or all of them in one place,
    everything is 0. Source: Li et al., ICLR 2025 (arXiv 2501.15187), `datasets.py` of the published
    code. y grows downwards, there and here.

    The origin counts whatever its score, as published; where it has no place (our NaN, which their
    files do not know), the part of that frame has none either.

    Args:
        keypoints: (T, K, C) shares of the picture, score last.
        source: name of their layout.
        size: (W, H) of the picture in pixels, for one unit on both axes; None takes shares of its
            unequal sides for lengths, as the published weights know it.
        min_score: see above.

    Returns:
        (T, 69, 3) float32, in the order of `unisign-69`.

    Raises:
        ConfigError: the layout cannot become `unisign-69`.
        ValueError: the array is not of that layout.
    """
    points = convert(keypoints.astype(np.float64), source, _KIND.name)
    places, scores = points[..., :2], points[..., 2]
    if size is not None:
        places = places * size
    # As float32, so that 0.3 is not above 0.3.
    sure = scores.astype(np.float32) > np.float32(min_score)
    believed = sure & np.isfinite(places).all(axis=-1)
    body = list(_KIND.parts["body"])
    made = np.zeros(points.shape, np.float64)
    anchors = places[:, body][believed[:, body]]
    if len(anchors) < MIN_POINTS:
        return made.astype(np.float32)
    low, high = anchors.min(axis=0), anchors.max(axis=0)
    scale = float((high - low).max())
    if scale == 0:
        return made.astype(np.float32)
    made[:, body, :2] = 2 * (places[:, body] - (low + high) / 2) / scale
    for part, origin in unisign.ORIGINS.items():
        numbers = list(_KIND.parts[part])
        made[:, numbers, :2] = (places[:, numbers] - places[:, [origin]]) / scale
    made[..., 2] = scores
    made[~(believed & np.isfinite(made).all(axis=-1))] = 0
    return np.clip(made, -1, 1).astype(np.float32)

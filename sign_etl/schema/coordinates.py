"""Coordinates of keypoints: shares of the picture, pixels, and shoulder widths.

In all of them x grows to the right and y downwards, as in the picture. What is not estimated stays
NaN; the scores stay as they are.
"""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.schema.layouts import Layout

Floats = NDArray[np.float32]
Size = tuple[int, int]
"""(W, H) of the picture in pixels."""

MIN_SHOULDERS_PX: Final = 1.0
"""Shoulders nearer to each other than this are no measure."""


def to_pixels(keypoints: NDArray[Any], kind: Layout, size: Size) -> Floats:
    """Shares of the picture as pixels: x W, y H, and z W, since depth is scaled like x.

    Args:
        keypoints: (..., K, C) shares, C as the layout says.
        kind: their layout.
        size: of the picture.

    Returns:
        (..., K, C) float32.
    """
    return keypoints.astype(np.float32) * _factors(kind, size)


def to_unit(keypoints: NDArray[Any], kind: Layout, size: Size) -> Floats:
    """Pixels as shares of the picture: x / W, y / H, z / W; the inverse of `to_pixels`."""
    return keypoints.astype(np.float32) / _factors(kind, size)


def body_normalised(
    keypoints: NDArray[Any], kind: Layout, size: Size, *, each_frame: bool = False
) -> Floats:
    """Shoulder widths from the middle between the shoulders.

        p' = (p - (l + r) / 2) / |l - r|,   z' = z W / |l - r|

    with l and r the shoulders, in pixels so that both axes have one unit. The way of OpenPose-based
    sign recognition and of `pose-format`'s `normalize`: place and size of the signer in the picture
    do not count any more.

    Args:
        keypoints: (T, K, C) shares of the picture.
        kind: their layout; it must have shoulders.
        size: of the picture.
        each_frame: False takes the median middle and the median width of the clip, so that a signer
            who sways or turns is seen to do so; True takes those of each frame.

    Returns:
        (T, K, C) float32. NaN with score 0 where the shoulders are not known: in a clip without
        any, in each frame without them where `each_frame` is wanted.

    Raises:
        ConfigError: the layout has no shoulders.
    """
    pixels = to_pixels(keypoints, kind, size)
    left, right = (pixels[:, kind.index(f"{side}_shoulder"), :2] for side in ("left", "right"))
    middle = (left + right) / 2
    width = np.linalg.norm(left - right, axis=1)
    if not each_frame and len(pixels):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a clip without shoulders
            middle = np.nanmedian(middle, axis=0, keepdims=True)
            width = np.nanmedian(width, keepdims=True)
    width = np.where(width >= MIN_SHOULDERS_PX, width, np.nan)
    made = pixels.copy()
    made[..., :2] -= middle[:, None]
    made[..., :-1] /= width[:, None, None]
    made[np.isnan(made).any(axis=-1), -1] = 0
    return made


def _factors(kind: Layout, size: Size) -> Floats:
    width, height = size
    return np.array([width, height, *([width] if kind.has_z else []), 1], np.float32)

"""Keypoints for fixtures: points that wave, the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def waving(frames: int, points: int, *, seed: int) -> NDArray[np.float32]:
    """Points on circles in the middle of the picture.

    Args:
        frames: T.
        points: K.
        seed: where and how.

    Returns:
        (T, K, 2): x/W, y/H, four decimals.
    """
    random = np.random.default_rng(seed)
    centres = random.uniform(0.3, 0.7, (points, 2))
    phase = np.linspace(0, 2 * np.pi, frames)[:, None] + random.uniform(0, 1, points)
    circle = 0.1 * np.stack([np.cos(phase), np.sin(phase)], axis=-1)
    return np.round(centres + circle, 4).astype(np.float32)

"""Keypoints that somebody might have, and the same somebody filmed otherwise."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from sign_etl.schema.coordinates import Floats, to_pixels, to_unit
from sign_etl.schema.layouts import Layout, layout

HOLISTIC = layout("holistic-75")
SPOTER = layout("spoter-54")
WHOLE = layout("coco-wholebody-133")
UNISIGN = layout("unisign-69")
SIZE = (640, 480)
SQUARE = (500, 500)

near = partial(pytest.approx, abs=1e-6)

seeds = st.integers(0, 2**32 - 1)
shifts = st.tuples(st.integers(-200, 200), st.integers(-200, 200))
scales = st.sampled_from((0.5, 0.8, 2.0, 3.0))


def signer(kind: Layout, size: tuple[int, int], seed: int, frames: int = 4) -> Floats:
    """Keypoints that somebody might have: random, shoulders apart, a tenth missing."""
    random = np.random.default_rng(seed)
    keypoints = random.uniform(0.3, 0.7, (frames, kind.size, kind.channels)).astype(np.float32)
    keypoints[..., -1] = random.uniform(0.35, 1, keypoints.shape[:2])
    place(keypoints, kind, "left_shoulder", 0.6, 0.5)
    place(keypoints, kind, "right_shoulder", 0.4, 0.52)
    needed = [kind.index(f"{side}_shoulder") for side in ("left", "right")]
    missing = random.random(keypoints.shape[:2]) < 0.1
    missing[:, [*needed, *[kind.index(n) for n in ("neck", "left_eye") if n in kind.points]]] = 0
    keypoints[missing] = np.nan
    keypoints[missing, -1] = 0
    return keypoints


def place(keypoints: Floats, kind: Layout, point: str, x: float, y: float) -> None:
    keypoints[:, kind.index(point), :2] = (x, y)


def filmed(
    keypoints: Floats, kind: Layout, size: tuple[int, int], scale: float, shift: tuple[int, int]
) -> Floats:
    """The same signer, nearer and elsewhere in the same picture: pixels times scale plus shift."""
    pixels = to_pixels(keypoints, kind, size)
    pixels[..., :-1] *= scale
    pixels[..., :2] += shift
    return to_unit(pixels, kind, size)


def same(one: NDArray[np.float32], other: NDArray[np.float32], atol: float = 2e-4) -> bool:
    return np.allclose(one, other, atol=atol, equal_nan=True)

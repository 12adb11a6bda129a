"""What runs in the guarded child of the pose stage: one estimator, one clip at a time."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.canonical import canonical_json
from sign_etl.pose.base import BACKENDS, Estimator, PoseInput
from sign_etl.schema.layouts import Layout, layout

NAN_BITS = 0x7FC00000


def estimate(request: dict[str, Any]) -> dict[str, Any]:
    """Estimate the keypoints of one clip and write them as .npy.

    Args:
        request: `backend`, `options`, `weights_folder` (verified by the parent), `clip` (the
            fields of `PoseInput`) and `out`, the file to write: (T, K, C) float32.

    Returns:
        `frames`, and for each part that the layout has (`body`, `left_hand`, `right_hand`,
        `face`) the share of frames in which it was found; `ms` is the time that it took.

    Raises:
        ValueError: the estimator broke its contract, or the video is not what was announced.
    """
    start_s = time.perf_counter()
    backend = BACKENDS.get(request["backend"])
    options = canonical_json(request["options"])
    estimator, points = _opened(request["backend"], options, str(request["weights_folder"]))
    clip = PoseInput(**request["clip"] | {"video": Path(request["clip"]["video"])})
    keypoints = checked(estimator.estimate(clip), points, clip.frames, backend.name)
    with open(request["out"], "wb") as file:
        np.save(file, keypoints, allow_pickle=False)
    return {
        "frames": clip.frames,
        **shares(keypoints, points),
        "ms": round((time.perf_counter() - start_s) * 1000, 1),
    }


def checked(
    keypoints: NDArray[np.float32], points: Layout, frames: int, backend: str
) -> NDArray[np.float32]:
    """`keypoints` with one bit pattern for NaN, if they are as the contract says.

    Raises:
        ValueError: they are not.
    """
    wanted = (frames, points.size, points.channels)
    if keypoints.dtype != np.float32 or keypoints.shape != wanted:
        raise ValueError(f"{backend} gave {keypoints.dtype} {keypoints.shape}, not {wanted}")
    keypoints = np.ascontiguousarray(keypoints).copy()
    missing = np.isnan(keypoints[..., :-1]).any(axis=-1)
    score = keypoints[..., -1]
    if not np.isfinite(score).all() or (score[missing] != 0).any():
        raise ValueError(f"{backend} gave a score to a point without a place")
    keypoints.view(np.uint32)[np.isnan(keypoints)] = NAN_BITS
    return keypoints


def shares(keypoints: NDArray[np.float32], points: Layout) -> dict[str, float]:
    """Share of frames in which any point of a part was found, for each part of the layout."""
    found = np.isfinite(keypoints[..., 0])
    return {
        part: round(float(found[:, list(numbers)].any(axis=1).mean()), 6) if len(found) else 0.0
        for part, numbers in points.parts.items()
        if numbers
    }


@lru_cache(maxsize=1)
def _opened(name: str, options: str, weights_folder: str) -> tuple[Estimator, Layout]:

    backend = BACKENDS.get(name)
    chosen = backend.options(json.loads(options))
    return backend.open(chosen, Path(weights_folder)), layout(backend.layout(chosen))

"""What runs in the guarded child of the pose stage: one estimator, a few clips a call."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.canonical import canonical_json
from sign_etl.pose.base import BACKENDS, Estimator, Fact, PoseInput
from sign_etl.pose.clock import SILENT
from sign_etl.schema.layouts import Layout, layout

NAN_BITS = 0x7FC00000


def estimate(request: dict[str, Any]) -> dict[str, Any]:
    """Estimate the keypoints of some clips and write them as .npy, one file a clip.

    Args:
        request: `backend`, `options`, `weights_folder` (verified by the parent) and `clips`, each
            with the fields of `PoseInput` and `out`, the file to write: (T, K, C) float32.

    Returns:
        `clips`, in the same order, each with `frames`; for each part that the layout has (`body`,
        `left_hand`, `right_hand`, `face`) the share of frames in which it was found; `estimator`,
        the estimator's own facts; `ms`, the time from the estimate before to this one.

    Raises:
        ValueError: the estimator broke its contract, or a video is not what was announced.
    """
    backend = BACKENDS.get(request["backend"])
    options = canonical_json(request["options"])
    estimator, points = _opened(request["backend"], options, str(request["weights_folder"]))
    outs = [Path(fields["out"]) for fields in request["clips"]]
    clips = [_clip(fields) for fields in request["clips"]]
    replies = []
    start_s = time.perf_counter()
    for clip, out, made in zip(clips, outs, estimator.estimate(clips), strict=True):
        with SILENT("write"), out.open("wb") as file:
            keypoints = checked(made.keypoints, points, clip.frames, backend.name)
            np.save(file, keypoints, allow_pickle=False)
        now_s = time.perf_counter()
        replies.append(
            {
                "frames": clip.frames,
                **shares(keypoints, points),
                "estimator": _told(made.facts, backend.name),
                "ms": round((now_s - start_s) * 1000, 1),
            }
        )
        start_s = now_s
    return {"clips": replies}


def _clip(fields: Mapping[str, Any]) -> PoseInput:
    box = fields.get("bbox")
    own = {name: value for name, value in fields.items() if name != "out"}
    return PoseInput(
        **own | {"video": Path(fields["video"]), "bbox": tuple(box) if box is not None else None}
    )


def _told(facts: Mapping[str, Fact], backend: str) -> dict[str, Fact]:
    wrong = sorted(
        name for name, value in facts.items() if not isinstance(value, int | float | str)
    )
    if wrong:
        raise ValueError(f"{backend} gave facts that are no numbers or words: {', '.join(wrong)}")
    return dict(facts)


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

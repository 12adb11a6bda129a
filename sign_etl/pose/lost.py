"""Where a pose between two key frames cannot be trusted, so that the detector must look again.

Both signs are relative to the key frames of the same clip, where the box is fresh: nets differ in
the scores that they give, and a signer who is hard to see is so at key frames as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BODY: Final = slice(0, 17)
"""Points of COCO's body, in the whole-body layout as well."""
MIN_SCORE_RATIO: Final = 0.5
"""Mean score of the body, over the median at key frames."""
MAX_AREA_RATIO: Final = 2.5
"""Area that the points take up in the box, over the median at key frames, or its inverse."""


def lost(
    points: NDArray[np.float32], boxes: NDArray[np.float32], keys: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Frames whose box seems not to hold the signer.

    Args:
        points: (T, K, 3) x, y in pixels, score; NaN with score 0 where there is none.
        boxes: (T, 4) that the points were looked for in, NaN where nobody is.
        keys: (T,) True where the detector has looked.

    Returns:
        (T,) True for frames that should be asked for.
    """
    there = np.isfinite(boxes[:, 0])
    fresh = there & keys
    if not fresh.any():
        return np.zeros(len(boxes), bool)
    score = points[:, BODY, 2].mean(axis=1, dtype=np.float64)
    usual_score = float(np.median(score[fresh]))
    filled = _filled(points, boxes, usual_score * MIN_SCORE_RATIO)
    usual = np.median(filled[fresh])
    with np.errstate(divide="ignore", invalid="ignore"):
        # Without an area there is nothing to compare: the score has seen that.
        ratio = np.abs(np.log(filled / usual))
    strange = (score < usual_score * MIN_SCORE_RATIO) | (
        np.isfinite(ratio) & (ratio > np.log(MAX_AREA_RATIO))
    )
    wrong: NDArray[np.bool_] = there & ~keys & strange
    return wrong


def middles(wrong: NDArray[np.bool_]) -> tuple[int, ...]:
    """The middle frame of each run of True: asked there, a run is halved."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wrong, [False]]).astype(np.int8)))
    return tuple(
        int(first + end - 1) // 2 for first, end in zip(edges[::2], edges[1::2], strict=True)
    )


def _filled(
    points: NDArray[np.float32], boxes: NDArray[np.float32], min_score: float
) -> NDArray[np.float64]:
    """Share of each box that the sure points take up; 0 where there are none."""
    sure = ((points[..., 2] > 0) & (points[..., 2] >= min_score))[..., None]
    places = points[..., :2].astype(np.float64)
    low = np.where(sure, places, np.inf).min(axis=1)
    high = np.where(sure, places, -np.inf).max(axis=1)
    taken = np.where(np.isfinite(low) & np.isfinite(high), high - low, 0.0).prod(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share: NDArray[np.float64] = taken / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return share

"""`quality`: measures of a clip and the pipeline's thresholds on them.

All measures come from keypoints before rounding and from what `normalise` saw; nothing is decoded.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.canonical import digest
from sign_etl.core.store import Entry, Store
from sign_etl.schema.layouts import Layout, layout
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.pipeline import QualityConfig
from sign_etl.stages.item import Item
from sign_etl.stages.setup import Setup

VERSION = "1"
DIGITS = 6
"""Measures are rounded, so that the last bit of a mean moves no byte of the index."""


class QualityStage:
    """Measures and judges; pure and quick, so it runs in the worker itself."""

    name = StageName.QUALITY.value

    def __init__(self, setup: Setup) -> None:
        pipeline = setup.choices()
        self._store = setup.open_store()
        self._config = pipeline.quality
        names = [pose.name for pose in setup.poses]
        self._backend = self._config.backend or (names[0] if names else None)
        self._layout = next(
            (layout(pose.layout) for pose in setup.poses if pose.name == self._backend), None
        )

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self.name, self._fingerprint(item))
        return None if entry is None else self._judged(item, entry)

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        assert item.video is not None
        measures = dict(item.video.facts["measures"])
        if self._layout is not None and self._backend is not None:
            keypoints = _load(self._store, item.poses[self._backend])
            measures |= measure(keypoints, self._layout)
        rounded = {name: round(float(value), DIGITS) for name, value in measures.items()}
        entry = self._store.put(self.name, self._fingerprint(item), facts={"measures": rounded})
        return self._judged(item, entry)

    def interrupt(self) -> None:
        """See `Stage`."""

    def close(self) -> None:
        """See `Stage`."""

    def _judged(self, item: Item, entry: Entry) -> Item:
        measures = entry.facts["measures"]
        reject = judge(measures, self._config)
        item = replace(item, quality=entry)
        return item if reject is None else item.rejected(reject)

    def _fingerprint(self, item: Item) -> str:
        assert item.video is not None
        pose = item.poses[self._backend].fingerprint if self._backend else None
        return digest([self.name, VERSION, item.video.fingerprint, self._backend, pose])


def measure(keypoints: NDArray[np.float32], kind: Layout) -> dict[str, float]:
    """Measures of one clip's keypoints.

    Args:
        keypoints: (T, K, C), x and y as shares of the picture, score last.
        kind: their layout.

    Returns:
        `body`, `left_hand`, `right_hand`, `hand` (either), `hands` (both): share of frames in
        which any point of the part was estimated; `cut_off`: share of frames with a hand point
        outside of the picture; `jitter`: median length of the second difference of the wrists
        from frame to frame, in shoulder widths (0 where it cannot be told).
    """
    found = keypoints[:, :, -1] > 0
    body = found[:, list(kind.parts["body"])].any(axis=1)
    left = found[:, list(kind.parts["left_hand"])].any(axis=1)
    right = found[:, list(kind.parts["right_hand"])].any(axis=1)
    hand_points = [*kind.parts["left_hand"], *kind.parts["right_hand"]]
    xy = keypoints[:, hand_points, :2]
    with np.errstate(invalid="ignore"):
        outside = ((xy < 0) | (xy > 1)).any(axis=(1, 2))
    return {
        "body": body.mean(),
        "left_hand": left.mean(),
        "right_hand": right.mean(),
        "hand": (left | right).mean(),
        "hands": (left & right).mean(),
        "cut_off": outside.mean(),
        "jitter": _jitter(keypoints, kind),
    }


def judge(measures: Mapping[str, Any], config: QualityConfig) -> Reject | None:
    """The first threshold that a clip fails, as a reject; None where it passes all."""

    def reject(reason: Reason, measured: str, relation: str, limit: float) -> Reject:
        detail = f"{measured} {measures[measured]:.3g} {relation} {limit:.3g}"
        return Reject(StageName.QUALITY, reason, detail)

    if measures["luma"] < config.min_luma:
        return reject(Reason.BLACK, "luma", "<", config.min_luma)
    if measures["frozen_share"] > config.max_frozen:
        return reject(Reason.FROZEN, "frozen_share", ">", config.max_frozen)
    if "body" not in measures:
        return None
    if measures["body"] == 0 and measures["hand"] == 0 and config.no_person == "reject":
        return Reject(StageName.QUALITY, Reason.NO_PERSON, "in no frame")
    if measures["body"] < config.min_body:
        return reject(Reason.BODY_MISSING, "body", "<", config.min_body)
    if measures["hand"] < config.min_hand:
        return reject(Reason.HANDS_MISSING, "hand", "<", config.min_hand)
    if measures["cut_off"] > config.max_cut_off:
        return reject(Reason.CUT_OFF, "cut_off", ">", config.max_cut_off)
    if config.max_jitter is not None and measures["jitter"] > config.max_jitter:
        return reject(Reason.UNSTEADY, "jitter", ">", config.max_jitter)
    return None


def _jitter(keypoints: NDArray[np.float32], kind: Layout) -> float:
    def at(name: str) -> NDArray[np.float32]:
        return keypoints[:, kind.points.index(name), :2]

    width = np.linalg.norm(at("left_shoulder") - at("right_shoulder"), axis=1)
    steps = [
        np.linalg.norm(np.diff(at(f"{side}_wrist"), n=2, axis=0), axis=1)
        for side in ("left", "right")
    ]
    scale = np.nanmedian(width) if np.isfinite(width).any() else np.nan
    bends = np.concatenate(steps)
    bends = bends[np.isfinite(bends)]
    return float(np.median(bends) / scale) if len(bends) and scale > 0 else 0.0


def _load(store: Store, entry: Entry) -> NDArray[np.float32]:
    keypoints: NDArray[np.float32] = np.load(
        io.BytesIO(store.path(entry.blobs["keypoints"]).read_bytes()), allow_pickle=False
    )
    return keypoints

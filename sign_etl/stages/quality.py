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
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.schema.layouts import Layout, layout
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.pipeline import QualityConfig
from sign_etl.stages.item import Item
from sign_etl.stages.lost import gone
from sign_etl.stages.setup import Setup

VERSION = "1"
DIGITS = 6
"""Measures are rounded, so that the last bit of a mean moves no byte of the index."""
ESTIMATED = ("persons", "ambiguous")
"""Measures that only an estimator can tell: most people seen at a time, and how close the second
candidate came to the signer (see `sign_etl.pose.signer`); absent where it looks at one person."""


class QualityStage:
    """Measures and judges; pure and quick, so it runs in the worker itself."""

    name = StageName.QUALITY.value

    def __init__(self, setup: Setup) -> None:
        pipeline = setup.choices()
        self._store = setup.open_store()
        self._config = pipeline.quality
        self._layouts = {pose.name: layout(pose.layout) for pose in setup.poses}
        self._backend = self._config.backend or next(iter(self._layouts), None)
        if setup.imported is not None:
            self._layouts[IMPORTED] = layout(setup.imported.layout)

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return True

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self.name, self._fingerprint(item))
        return None if entry is None else self._judged(item, entry)

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        assert item.video is not None
        measures = dict(item.video.facts["measures"])
        backend = self._judged_by(item)
        if backend is not None:
            keypoints = _load(self._store, item.poses[backend])
            measures |= measure(keypoints, self._layouts[backend])
            told = item.poses[backend].facts.get("estimator", {})
            measures |= {name: told[name] for name in ESTIMATED if name in told}
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
        backend = self._judged_by(item)
        pose = item.poses[backend].fingerprint if backend else None
        return digest([self.name, VERSION, item.video.fingerprint, backend, pose])

    def _judged_by(self, item: Item) -> str | None:
        return IMPORTED if item.clip.source.keypoints is not None else self._backend


def measure(keypoints: NDArray[np.float32], kind: Layout) -> dict[str, float]:
    """Measures of one clip's keypoints.

    Args:
        keypoints: (T, K, C), x and y as shares of the picture, score last.
        kind: their layout.

    Returns:
        `body`, `left_hand`, `right_hand`, `hand` (either), `hands` (both): share of frames in
        which any point of the part was estimated; `cut_off`: share of frames with a hand point
        outside of the picture; `jitter`: median length of the second difference of the wrists
        from frame to frame, in shoulder widths (0 where it cannot be told). What the layout has no
        points for is left out.
    """
    found = keypoints[:, :, -1] > 0
    measures: dict[str, Any] = {}
    if kind.parts["body"]:
        measures["body"] = found[:, list(kind.parts["body"])].any(axis=1).mean()
    if "left_shoulder" in kind.points:
        measures["jitter"] = _jitter(keypoints, kind)
    if not kind.parts["left_hand"]:
        return measures
    left = found[:, list(kind.parts["left_hand"])].any(axis=1)
    right = found[:, list(kind.parts["right_hand"])].any(axis=1)
    hand_points = [*kind.parts["left_hand"], *kind.parts["right_hand"]]
    xy = keypoints[:, hand_points, :2]
    with np.errstate(invalid="ignore"):
        outside = ((xy < 0) | (xy > 1)).any(axis=(1, 2))
    return measures | {
        "left_hand": left.mean(),
        "right_hand": right.mean(),
        "hand": (left | right).mean(),
        "hands": (left & right).mean(),
        "cut_off": outside.mean(),
    }


def judge(measures: Mapping[str, Any], config: QualityConfig) -> Reject | None:
    """The first threshold that a clip fails, as a reject; None where it passes all.

    What was not measured (imported keypoints have no pictures, some layouts no body) is not judged.
    """

    def reject(reason: Reason, measured: str, relation: str, limit: float) -> Reject:
        detail = f"{measured} {measures[measured]:.3g} {relation} {limit:.3g}"
        return Reject(StageName.QUALITY, reason, detail)

    def below(measured: str, limit: float) -> bool:
        return measured in measures and measures[measured] < limit

    def above(measured: str, limit: float | None) -> bool:
        return limit is not None and measured in measures and measures[measured] > limit

    if below("luma", config.min_luma):
        return reject(Reason.BLACK, "luma", "<", config.min_luma)
    if above("frozen_share", config.max_frozen):
        return reject(Reason.FROZEN, "frozen_share", ">", config.max_frozen)
    seen = [measures[part] for part in ("body", "hand") if part in measures]
    if seen and not any(seen) and config.no_person == "reject":
        return Reject(StageName.QUALITY, Reason.NO_PERSON, "in no frame")
    if config.ambiguous_person == "reject" and above("ambiguous", config.max_ambiguity):
        return reject(Reason.AMBIGUOUS_PERSON, "ambiguous", ">", config.max_ambiguity)
    if below("body", config.min_body):
        return reject(Reason.BODY_MISSING, "body", "<", config.min_body)
    if below("hand", config.min_hand):
        return reject(Reason.HANDS_MISSING, "hand", "<", config.min_hand)
    if above("cut_off", config.max_cut_off):
        return reject(Reason.CUT_OFF, "cut_off", ">", config.max_cut_off)
    if config.max_jitter is not None and above("jitter", config.max_jitter):
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
    try:
        data = store.path(entry.blobs["keypoints"]).read_bytes()
    except FileNotFoundError:
        raise gone() from None
    keypoints: NDArray[np.float32] = np.load(io.BytesIO(data), allow_pickle=False)
    return keypoints

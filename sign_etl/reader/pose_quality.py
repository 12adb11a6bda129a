"""How sure and how complete the keypoints of a build are over the course of its clips."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sign_etl.reader.build import Build
from sign_etl.reader.sample import NPY
from sign_etl.schema.layouts import Layout, layout

PIECES = 20
"""A clip is cut into so many pieces of equal length."""
CLIPS = 1000
"""So many clips are read, evenly spread over the index."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One part of the body over the course of the clips.

    Attributes:
        part: its name in the layout.
        score: (PIECES,) mean score of the points that were estimated; NaN where there are none.
        missing: (PIECES,) share of the frames in which no point of the part was estimated.
    """

    part: str
    score: NDArray[np.float64]
    missing: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PoseQuality:
    """The keypoints of one backend.

    Attributes:
        backend: its name.
        layout: name of the layout.
        clips: clips that were read.
        curves: one a part that the layout has.
    """

    backend: str
    layout: str
    clips: int
    curves: tuple[Curve, ...]


@dataclass
class _Sums:
    frames: NDArray[np.float64] = field(default_factory=lambda: np.zeros(PIECES))
    empty: NDArray[np.float64] = field(default_factory=lambda: np.zeros(PIECES))
    points: NDArray[np.float64] = field(default_factory=lambda: np.zeros(PIECES))
    score: NDArray[np.float64] = field(default_factory=lambda: np.zeros(PIECES))


def pose_quality(build: Build, *, clips: int = CLIPS) -> tuple[PoseQuality, ...]:
    """Score and gaps of each backend of a build, by part of the body and time in the clip.

    Args:
        build: an open build.
        clips: so many are read at most, evenly spread.

    Raises:
        VerifyError: the bytes of a sample are damaged.
    """
    rows = np.unique(np.linspace(0, len(build) - 1, min(clips, len(build))).astype(np.int64))
    keys = build.index["key"].take(rows).to_pylist() if len(build) else []
    found = []
    for backend in build.backends:
        kind = layout(build.manifest.poses[backend].layout)
        sums = {part: _Sums() for part, numbers in kind.parts.items() if numbers}
        count = 0
        for key in keys:
            sample = build.sample(key)
            if f"{backend}{NPY}" in sample.members:
                _add(sums, build.keypoints(sample, backend), kind)
                count += 1
        curves = tuple(_curve(part, one) for part, one in sums.items())
        found.append(PoseQuality(backend, kind.name, count, curves))
    return tuple(found)


def known_points(keypoints: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(T, K): which points of (T, K, C) keypoints were estimated."""
    known: NDArray[np.bool_] = np.isfinite(keypoints[..., 0]) & (keypoints[..., -1] > 0)
    return known


def _add(sums: dict[str, _Sums], keypoints: NDArray[np.floating], kind: Layout) -> None:
    frames = len(keypoints)
    if not frames:
        return
    known = known_points(keypoints)
    score = keypoints[..., -1].astype(np.float64)
    pieces = (np.arange(frames) * PIECES) // frames
    for part, one in sums.items():
        numbers = list(kind.parts[part])
        there = known[:, numbers]
        for total, values in (
            (one.frames, np.ones(frames)),
            (one.empty, ~there.any(axis=1)),
            (one.points, there.sum(axis=1)),
            (one.score, np.where(there, score[:, numbers], 0).sum(axis=1)),
        ):
            total += np.bincount(pieces, values, PIECES)


def _curve(part: str, sums: _Sums) -> Curve:
    with np.errstate(invalid="ignore", divide="ignore"):
        score = sums.score / sums.points
        missing = sums.empty / sums.frames
    return Curve(part, score, np.nan_to_num(missing))

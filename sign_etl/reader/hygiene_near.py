"""Near-identical clips: nearly the same keypoints, whatever became of the video's bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from sign_etl.reader.build import Build
from sign_etl.reader.hygiene_columns import Columns
from sign_etl.reader.hygiene_copies import Copies, Tally, are_exact
from sign_etl.reader.hygiene_pairs import close_pairs
from sign_etl.reader.hygiene_pose import COPY, OUTLINE, Track, distance, has_arms, track
from sign_etl.reader.sample import Sample
from sign_etl.schema.layouts import layout

MOST_COMPARED = 200_000
"""So many pairs of like outlines are compared in full, the likest first: some minutes."""
TRACKS_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class NearCopies:
    """Pairs of near-identical clips, those with the same bytes left out.

    Attributes:
        copies: the pairs.
        backends: whose keypoints were compared: the first ones of each clip that have arms.
        threshold: largest distance, in shoulder widths.
        compared: clips that took part.
        skipped: clips without shoulders, arms or motion, which cannot be compared.
        complete: False where there were too many clips or like pairs to compare all.
    """

    copies: Copies
    backends: tuple[str, ...]
    threshold: float
    compared: int
    skipped: int
    complete: bool


def near_copies(build: Build, columns: Columns, examples: int) -> NearCopies | None:
    """Pairs of clips with nearly the same keypoints.

    Args:
        build: an open build.
        columns: its clips.
        examples: how many pairs are named.

    Returns:
        None where the build has no keypoints.

    Raises:
        VerifyError: a shard is damaged.
    """
    if not build.backends:
        return None
    reader = _Tracks(build)
    rows, outlines = [], []
    for row, sample in enumerate(build):
        found = reader.read(sample)
        if found is not None:
            rows.append(row)
            outlines.append(found.outline.reshape(-1, 2))
    prints = np.stack(outlines) if outlines else np.zeros((0, 1, 2), np.float32)
    likely = close_pairs(prints, OUTLINE)
    numbers = np.array(rows, np.int64)
    first, second = numbers[likely.first], numbers[likely.second]
    other = ~are_exact(columns, first, second)
    first, second = first[other][:MOST_COMPARED], second[other][:MOST_COMPARED]
    distances = np.array(
        [
            reader.distance(one, another)
            for one, another in zip(first.tolist(), second.tolist(), strict=True)
        ],
        np.float32,
    )
    order = np.argsort(distances, kind="stable")
    order = order[distances[order] <= COPY]
    tally = Tally(columns, examples)
    tally.add(first[order], second[order], distances[order])
    return NearCopies(
        copies=tally.result(),
        backends=reader.backends,
        threshold=COPY,
        compared=len(rows),
        skipped=len(columns.keys) - len(rows),
        complete=likely.exact and int(other.sum()) <= MOST_COMPARED,
    )


class _Tracks:
    """Tracks of clips; the ones that were last asked for are kept."""

    def __init__(self, build: Build) -> None:
        self._build = build
        kinds = {name: layout(pose.layout) for name, pose in build.manifest.poses.items()}
        self._kinds = {name: kind for name, kind in kinds.items() if has_arms(kind)}
        self.backends = tuple(self._kinds)
        self._by_row = lru_cache(TRACKS_KEPT)(self._of_row)

    def read(self, sample: Sample) -> Track | None:
        backend = next((name for name in self._kinds if name in sample.backends), None)
        if backend is None:
            return None
        return track(
            self._build.keypoints(sample, backend),
            width=sample.width,
            height=sample.height,
            fps=sample.fps,
            kind=self._kinds[backend],
        )

    def distance(self, first: int, second: int) -> float:
        one, other = self._by_row(first), self._by_row(second)
        return np.inf if one is None or other is None else distance(one, other)

    def _of_row(self, row: int) -> Track | None:
        rows: list[dict[str, Any]] = self._build.index.slice(row, 1).to_pylist()
        return self.read(Sample.from_row(rows[0]))

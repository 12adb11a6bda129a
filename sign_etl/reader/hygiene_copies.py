"""Clips with the same bytes, and how pairs of any kind are counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sign_etl.reader.hygiene_columns import Codes, Columns

OVERLAP = 0.5
"""Spans of one source are the same clip where they share more than this of the shorter one."""
BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Pair:
    """Two clips that are copies of each other.

    Attributes:
        first: key.
        second: key.
        splits: of both.
        labels: of both.
        distance: of their keypoints in shoulder widths; None where their bytes are the same.
    """

    first: str
    second: str
    splits: tuple[str, str]
    labels: tuple[str | None, str | None]
    distance: float | None = None


@dataclass(frozen=True, slots=True)
class Copies:
    """Pairs of copies.

    Attributes:
        pairs: how many.
        clips: clips in them.
        across_splits: pairs in two different splits.
        other_label: pairs with two different labels.
        examples: some of them, those across splits first.
    """

    pairs: int
    clips: int
    across_splits: int
    other_label: int
    examples: tuple[Pair, ...]


class Tally:
    """Counts pairs and keeps some of them.

    Args:
        columns: of the clips.
        examples: how many are kept.
    """

    def __init__(self, columns: Columns, examples: int) -> None:
        self._columns = columns
        self._most = examples
        self._pairs = self._across = self._other = 0
        self._clips = np.zeros(len(columns.keys), bool)
        self._kept: dict[bool, list[Pair]] = {True: [], False: []}

    def add(
        self, first: Codes, second: Codes, distances: NDArray[np.float32] | None = None
    ) -> None:
        """Count pairs of row numbers."""
        columns = self._columns
        across = columns.splits[first] != columns.splits[second]
        self._pairs += len(first)
        self._across += int(across.sum())
        self._other += int((columns.labels[first] != columns.labels[second]).sum())
        self._clips[first] = self._clips[second] = True
        for kind, kept in self._kept.items():
            for place in np.flatnonzero(across == kind)[: max(self._most - len(kept), 0)]:
                distance = None if distances is None else round(float(distances[place]), 4)
                kept.append(self._pair(int(first[place]), int(second[place]), distance))

    def result(self) -> Copies:
        """What was counted."""
        examples = (self._kept[True] + self._kept[False])[: self._most]
        return Copies(
            self._pairs, int(self._clips.sum()), self._across, self._other, tuple(examples)
        )

    def _pair(self, first: int, second: int, distance: float | None) -> Pair:
        columns = self._columns
        names = [*columns.label_names, None]  # -1 is the last one
        return Pair(
            columns.keys[first],
            columns.keys[second],
            (
                columns.split_names[columns.splits[first]],
                columns.split_names[columns.splits[second]],
            ),
            (names[columns.labels[first]], names[columns.labels[second]]),
            distance,
        )


def exact_copies(columns: Columns, tally: Tally) -> Copies:
    """Pairs of clips with the same bytes: one span of one source, or equal normalised videos."""
    for rows in _groups(columns.contents):
        for first, second in _blocks(rows):
            same = _same_span(columns, first, second)
            tally.add(first[same], second[same])
    for rows in _groups(columns.videos):
        for first, second in _blocks(rows):
            counted = _same_span(columns, first, second)
            tally.add(first[~counted], second[~counted])
    return tally.result()


def are_exact(columns: Columns, first: Codes, second: Codes) -> NDArray[np.bool_]:
    """For pairs of rows: are they copies by their bytes?"""
    videos = columns.videos[first]
    equal: NDArray[np.bool_] = (videos == columns.videos[second]) & (videos >= 0)
    return equal | _same_span(columns, first, second)


def _same_span(columns: Columns, first: Codes, second: Codes) -> NDArray[np.bool_]:
    starts, ends = columns.starts, columns.ends
    shared = np.minimum(ends[first], ends[second]) - np.maximum(starts[first], starts[second])
    shorter = np.minimum(ends[first] - starts[first], ends[second] - starts[second])
    same: NDArray[np.bool_] = (shared > OVERLAP * shorter) & (
        columns.contents[first] == columns.contents[second]
    )
    return same


def _groups(codes: Codes) -> Iterator[Codes]:
    """Rows with equal codes, in groups of two or more."""
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    bounds = np.flatnonzero(np.diff(codes[order])) + 1
    for rows in np.split(order, bounds):
        if len(rows) > 1:
            yield rows


def _blocks(rows: Codes) -> Iterator[tuple[Codes, Codes]]:
    """All pairs of a group, the lower row first, piece by piece."""
    rows = np.sort(rows)
    for start in range(0, len(rows), BLOCK):
        for other in range(start, len(rows), BLOCK):
            left, right = rows[start : start + BLOCK], rows[other : other + BLOCK]
            first, second = np.repeat(left, len(right)), np.tile(right, len(left))
            upper = first < second
            yield first[upper], second[upper]

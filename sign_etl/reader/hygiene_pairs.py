"""Pairs of pose fingerprints that are close to each other: all of them, or nearly all of very many.

Up to `EXACT_UP_TO` clips every pair is compared, block by block. Beyond it only pairs are compared
that fall into one cell of a random grid at least once (locality-sensitive hashing with p-stable
projections: Datar, Immorlica, Indyk and Mirrokni, 2004): the cells are sorted, neighbours in a cell
are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 20_000
"""So many clips are compared each with each: 200 million pairs, some ten seconds."""
BLOCK = 1024
"""Rows of a block; two blocks against each other take a few megabytes."""
MIN_SHARED = 0.5
"""Share of the numbers that two fingerprints must both have, else they are not compared."""
PAIRS_AT_ONCE = 16_384
ROUNDING = 1e-3
"""What a sum of squares in float32 may be wrong by; the pair is then looked at exactly."""
OFTEN_KNOWN = 0.98
"""Share of rows that must know a number for it to take part in projections; copies among the few
that do not know it may be missed."""
TABLES = 24
PROJECTIONS = 8
CELL_WIDTHS = 4.0
"""Width of a cell in units of the threshold. With 24 grids of 8 projections a pair at the very
threshold is met with probability 0.98, one at half of it with more than 0.999."""
NEIGHBOURS = 64
"""In a crowded cell each clip is compared with so many that follow it along a ninth projection."""

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Close pairs, the closest first.

    Attributes:
        first: (N,) row numbers.
        second: (N,) row numbers, each above its `first`.
        distances: (N,) in the unit of the fingerprints.
        exact: True where every pair was compared.
    """

    first: Ints
    second: Ints
    distances: Floats
    exact: bool


def close_pairs(
    prints: Floats, threshold: float, *, seed: int = 0, exact_up_to: int = EXACT_UP_TO
) -> Pairs:
    """All pairs of rows whose root mean square distance is at most `threshold`.

    Args:
        prints: (N, P, 2) points; NaN where one is not known. Means are taken over the points that
            both rows have.
        threshold: in the unit of the points.
        seed: of the random projections.
        exact_up_to: largest N for which every pair is compared.
    """
    flat = prints.reshape(len(prints), prints.shape[1] * 2)
    exact = len(flat) <= exact_up_to
    found = _all(flat, threshold) if exact else _likely(flat, threshold, seed)
    rows = list(found)
    if not rows:
        none = np.zeros(0, np.int64)
        return Pairs(none, none, np.zeros(0, np.float32), exact)
    pairs = np.concatenate([pair for pair, _ in rows])
    distances = np.concatenate([distance for _, distance in rows])
    _, once = np.unique(pairs, axis=0, return_index=True)
    pairs, distances = pairs[once], distances[once]
    order = np.argsort(distances, kind="stable")
    return Pairs(pairs[order, 0], pairs[order, 1], distances[order], exact)


def _all(flat: Floats, threshold: float) -> Iterator[tuple[Ints, Floats]]:
    known = np.isfinite(flat).astype(np.float32)
    values = np.nan_to_num(flat)
    # One product holds sum of squares - limit x number of points that both have, so that only
    # what is close (below 0, but for rounding) is looked at more than once.
    limit = np.float32(threshold**2 / 2 * 1.001)
    left = np.concatenate([values**2 - limit * known, known, -2 * values], axis=1)
    right = np.concatenate([known, values**2, values], axis=1)
    for start in range(0, len(flat), BLOCK):
        for other in range(start, len(flat), BLOCK):
            rest = left[start : start + BLOCK] @ right[other : other + BLOCK].T
            pairs = np.argwhere(rest <= ROUNDING) + np.array([start, other])
            yield from _close(flat, pairs[pairs[:, 0] < pairs[:, 1]], threshold)


def _close(flat: Floats, pairs: Ints, threshold: float) -> Iterator[tuple[Ints, Floats]]:
    """Those of some pairs that are close, with their distances."""
    for begin in range(0, len(pairs), PAIRS_AT_ONCE):
        some = pairs[begin : begin + PAIRS_AT_ONCE]
        squares = (flat[some[:, 0]] - flat[some[:, 1]]) ** 2
        shared = np.isfinite(squares).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Two numbers are one point, and its distance has the squares of both.
            distances = np.sqrt(2 * np.nansum(squares, axis=1) / shared).astype(np.float32)
        close = (distances <= threshold) & (shared >= MIN_SHARED * flat.shape[1])
        if close.any():
            yield some[close], distances[close]


def _likely(flat: Floats, threshold: float, seed: int) -> Iterator[tuple[Ints, Floats]]:
    random = np.random.default_rng(seed)
    # Points that are often unknown (hands) would throw copies into different cells.
    known = np.isfinite(flat)
    often = known.mean(axis=0) >= min(OFTEN_KNOWN, known.mean(axis=0).max())
    means = np.nan_to_num(flat).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, flat, means)[:, often].astype(np.float32)
    # A root mean square of points is this much shorter than the length of the whole vector.
    width = CELL_WIDTHS * threshold * np.sqrt(filled.shape[1] / 2)
    for _ in range(TABLES):
        directions = random.standard_normal((filled.shape[1], PROJECTIONS + 1), np.float32)
        projected = filled @ directions
        shifts = random.uniform(0, width, PROJECTIONS)
        cells = np.floor((projected[:, :-1] + shifts) / width).astype(np.int64)
        order = np.lexsort((projected[:, -1], *cells.T))
        yield from _neighbours(flat, cells, order, threshold)


def _neighbours(
    flat: Floats, cells: Ints, order: Ints, threshold: float
) -> Iterator[tuple[Ints, Floats]]:
    """Each row with those that follow it in its cell."""
    ordered = cells[order]
    same = np.concatenate([(ordered[1:] == ordered[:-1]).all(axis=1), [False]])
    # So many rows follow in the same cell.
    ends = np.flatnonzero(~same)
    following = ends[np.searchsorted(ends, np.arange(len(order)))] - np.arange(len(order))
    for step in range(1, min(NEIGHBOURS, int(following.max(initial=0))) + 1):
        starts = np.flatnonzero(following >= step)
        pairs = np.sort(np.stack([order[starts], order[starts + step]], axis=1), axis=1)
        yield from _close(flat, pairs, threshold)

"""Epochs of a fixed size from several sources: each one has its own order and its own rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sign_etl.stream.order import bits_for, order_by, permuted, random_keys

if TYPE_CHECKING:
    from sign_etl.stream.index import Index
    from sign_etl.stream.plan import Batching


def shares(counts: NDArray[np.int64], temperature: float, total: int) -> NDArray[np.int64]:
    """How many samples of an epoch of `total` each source gives; they add up to it.

    Args:
        counts: samples of each source.
        temperature: source i has the weight counts[i] ** (1 / temperature).
        total: of the epoch.
    """
    weights = np.where(counts > 0, counts.astype(np.float64) ** (1 / temperature), 0.0)
    # Rounded, since the last digit of a power differs between processors.
    exact = np.round(weights / weights.sum() * total, 6)
    given: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    # Largest remainders take what is missing; the first source where remainders are equal.
    rest = np.argsort(-(exact - given), kind="stable")[: total - int(given.sum())]
    given[rest] += 1
    return given


def draw(
    index: Index, rows: NDArray[np.int64], batching: Batching, seed: int, epoch: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Samples of a virtual epoch, their visits, and the window of each.

    A source is an endless row of rounds, each a permutation of its samples; epoch e takes the part
    from e * share to (e + 1) * share. So nothing is skipped, and a sample comes again only after
    all others of its source.
    """
    source = index.source[rows]
    counts = np.bincount(source, minlength=len(index.sources)).astype(np.int64)
    total = batching.epoch_samples or len(rows)
    given = shares(counts, batching.temperature, total)
    shards = np.unique(index.shard[rows])
    windows = max(1, round(len(shards) / batching.window_shards))
    ids, visits, places = [], [], []
    for number, share in enumerate(given.tolist()):
        if not share:
            continue
        mine = rows[source == number]
        first = epoch * share
        parts, rounds = [], []
        for visit in range(first // len(mine), -(-(first + share) // len(mine))):
            order = _round(index, mine, batching, seed, number, visit)
            begin = max(0, first - visit * len(mine))
            part = order[begin : first + share - visit * len(mine)]
            parts.append(part)
            rounds.append(np.full(len(part), visit, np.int32))
        ids.append(np.concatenate(parts))
        visits.append(np.concatenate(rounds))
        places.append(np.arange(share) * windows // share)
    return np.concatenate(ids), np.concatenate(visits), np.concatenate(places)


def _round(
    index: Index,
    rows: NDArray[np.int64],
    batching: Batching,
    seed: int,
    source: int,
    visit: int,
) -> NDArray[np.int64]:
    """One round of a source: its shards permuted, samples permuted inside windows of shards."""
    if not batching.shuffle:
        return rows
    count = len(index.shards)
    rank = np.empty(count, np.int64)
    rank[permuted(count, seed, source, visit, "shards")] = np.arange(count)
    window = (rank // batching.window_shards)[index.shard[rows]]
    keys = random_keys(rows, seed, source, visit, "round")
    return rows[order_by(window, keys, bits_for(int(window.max()) + 1))]

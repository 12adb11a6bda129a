"""Batches of P classes with K samples each, for metric learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.stream.cut import Cut
from sign_etl.stream.order import bits_for, order_by, random_keys

if TYPE_CHECKING:
    from sign_etl.stream.plan import Batching


@dataclass(frozen=True, slots=True)
class PkBatches:
    """Samples in the order of their micro-batches.

    Attributes:
        ids: (M,) rows of the index.
        cut: the micro-batches, all in one window.
    """

    ids: NDArray[np.int64]
    cut: Cut


def pk_batches(
    label_id: NDArray[np.int32],
    rows: NDArray[np.int64],
    batching: Batching,
    seed: int,
    epoch: int,
) -> PkBatches:
    """Micro-batches of P different classes with K samples each.

    The samples of a class are permuted and cut into groups of K. What remains of it is left out of
    this epoch, other samples in each; a class of fewer than K samples, but two, is one group.
    Batches of fewer than two classes teach nothing and are left out too.

    Args:
        label_id: (N,) classes of the index, -1 for none.
        rows: (M,) rows that take part.
        batching: `classes` is P, `samples // classes` is K.
        seed: of the permutation.
        epoch: counted from 0.

    Raises:
        ConfigError: fewer than two classes have two samples.
    """
    size = batching.samples // batching.classes
    rows = rows[label_id[rows] >= 0]
    labels = label_id[rows].astype(np.int64)
    keys = random_keys(rows, seed, epoch, "pk-samples") if batching.shuffle else None
    bits = bits_for(int(labels.max(initial=0)) + 1)
    order = order_by(labels, np.zeros(len(rows), np.uint64) if keys is None else keys, bits)
    rows, labels = rows[order], labels[order]
    classes, firsts, counts = np.unique(labels, return_index=True, return_counts=True)
    groups = []
    for label, first, count in zip(classes.tolist(), firsts.tolist(), counts.tolist(), strict=True):
        each = min(size, count)
        if each >= 2:
            groups += [(turn, label, first + turn * each, each) for turn in range(count // each)]
    if len({label for _, label, _, _ in groups}) < 2:
        raise ConfigError(
            "batches of classes need two classes with two samples each",
            hint="loosen the filters, or set `classes: 0`",
        )
    if batching.shuffle:
        # The first groups of all classes, then all second ones: classes are spread over the epoch.
        ranks = random_keys(np.arange(len(groups)), seed, epoch, "pk-groups").tolist()
        groups = [
            groups[at]
            for at in sorted(range(len(groups)), key=lambda at: (groups[at][0], ranks[at]))
        ]
    chosen = _gather(groups, batching.classes)
    places = [np.arange(first, first + each) for batch in chosen for _, _, first, each in batch]
    sizes = [sum(each for _, _, _, each in batch) for batch in chosen]
    bounds = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return PkBatches(rows[np.concatenate(places)], Cut(bounds, np.zeros(len(sizes), np.int64)))


_Group = tuple[int, int, int, int]


def _gather(groups: list[_Group], wanted: int) -> list[list[_Group]]:
    """Batches of `wanted` groups of different classes.

    In order; a group waits for the next batch where its class is in this one already.
    """
    batches: list[list[_Group]] = []
    beyond: dict[int, int] = {}  # the first batch that may still lack a class
    unfilled = 0
    for group in groups:
        at = max(beyond.get(group[1], 0), unfilled)
        while at < len(batches) and len(batches[at]) == wanted:
            at += 1
        if at == len(batches):
            batches.append([])
        batches[at].append(group)
        beyond[group[1]] = at + 1
        while unfilled < len(batches) and len(batches[unfilled]) == wanted:
            unfilled += 1
    return [batch for batch in batches if len(batch) >= 2]

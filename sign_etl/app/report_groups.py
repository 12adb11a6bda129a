"""Classes and signers of a build, and how lengths and class sizes spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sign_etl.reader import Build
from sign_etl.schema.report_parts import GroupPart, HistogramPart

BINS = 30
GROUPS = 20
"""So many classes and signers are named."""


def clip_lengths(seconds: Sequence[float]) -> HistogramPart | None:
    """Clips by their length; the longest one in a hundred share the last bin.

    Args:
        seconds: of each clip.
    """
    if not seconds:
        return None
    values = np.array(seconds, np.float64)
    most = float(np.quantile(values, 0.99))
    least = float(values.min())
    if most <= least:
        most = least + 1.0
    counts, edges = np.histogram(np.minimum(values, most), BINS, (least, most))
    edges[-1] = max(edges[-1], values.max())
    return _histogram(edges.tolist(), counts.tolist())


def class_sizes(build: Build) -> HistogramPart | None:
    """Classes by the number of their written clips; whole numbers, so bins are of whole width."""
    counts = Counter(label for label in build.index["label_id"].to_pylist() if label is not None)
    if not counts:
        return None
    values = np.array(list(counts.values()))
    width = -(-int(np.ptp(values) + 1) // BINS)
    edges = np.arange(values.min(), values.max() + width + 1, width)
    found, _ = np.histogram(values, edges)
    return _histogram(edges.tolist(), found.tolist())


def poorest_classes(build: Build) -> tuple[GroupPart, ...]:
    """The classes with the fewest written clips, and among them those that lost most first."""
    groups = _groups(build, "label")
    return tuple(sorted(groups, key=lambda one: (one.written, -one.requested, one.name))[:GROUPS])


def largest_signers(build: Build) -> tuple[GroupPart, ...]:
    """The signers with the most written clips."""
    groups = _groups(build, "signer")
    return tuple(sorted(groups, key=lambda one: (-one.written, one.name))[:GROUPS])


def _groups(build: Build, column: str) -> list[GroupPart]:
    requested = Counter(name for name in build.ledger[column].to_pylist() if name is not None)
    splits: dict[str, Counter[str]] = {}
    pairs = zip(build.index[column].to_pylist(), build.index["split"].to_pylist(), strict=True)
    for name, split in pairs:
        if name is not None:
            splits.setdefault(name, Counter())[split] += 1
    return [
        GroupPart(
            name=name,
            requested=requested[name],
            written=sum(splits.get(name, {}).values()),
            splits=dict(sorted(splits.get(name, {}).items())),
        )
        for name in sorted({*requested, *splits})
    ]


def _histogram(edges: list[float], counts: list[int]) -> HistogramPart:
    return HistogramPart(edges=tuple(round(edge, 4) for edge in edges), counts=tuple(counts))

"""Hard groups for metric learning: clips that the embedding confuses meet in one micro-batch.

Triplets form inside a micro-batch, so what is in there decides what can be learned. The greedy
rule is the one of the embedding form of SPOTER: pairs are scored 0 to 1 for hardness (far apart in
one class, or near in two), and the hardest pairs are put together first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sign_etl.stream.base import Batch

ENOUGH = 0.8
"""Share of assigned clips at which the search for hard pairs ends."""


def hard_groups(
    distances: NDArray[Any],
    labels: NDArray[Any],
    sizes: Sequence[int],
    *,
    threshold: float = 0.5,
    same_label_factor: float = 1.0,
) -> list[list[int]]:
    """Spread N items over groups of fixed sizes, the hardest pairs together.

    Args:
        distances: (N, N) between embeddings.
        labels: (N,).
        sizes: of the groups; their sum is N.
        threshold: pairs that score less are not looked for.
        same_label_factor: weight of far pairs of one class against near pairs of two.

    Returns:
        Item numbers of each group.
    """
    capacity = max(sizes)
    clusters: dict[int, list[int]] = {}
    cluster_of: dict[int, int] = {}
    for one, other in _hard_pairs(distances, labels, threshold, same_label_factor):
        if len(cluster_of) > ENOUGH * len(labels):
            break
        ours = [cluster_of.get(item) for item in (one, other)]
        if ours[0] is not None and ours[0] == ours[1]:
            continue
        parts = [
            [item] if cluster is None else clusters[cluster]
            for item, cluster in zip((one, other), ours, strict=True)
        ]
        if len(parts[0]) + len(parts[1]) > capacity:
            continue
        for cluster in ours:
            clusters.pop(-1 if cluster is None else cluster, None)
        clusters[one] = parts[0] + parts[1]
        cluster_of |= dict.fromkeys(clusters[one], one)
    rest = [item for item in range(len(labels)) if item not in cluster_of]
    return _packed([*sorted(clusters.values(), key=len, reverse=True)], rest, sizes)


def _hard_pairs(
    distances: NDArray[Any], labels: NDArray[Any], threshold: float, same_label_factor: float
) -> list[tuple[int, int]]:
    one, other = np.triu_indices(len(labels), k=1)
    distance, same = distances[one, other], labels[one] == labels[other]
    score = np.zeros(len(distance))
    if same.any():
        score[same] = distance[same] / max(float(distance[same].max()), 1e-12) * same_label_factor
    if not same.all():
        score[~same] = 1.0 - distance[~same] / max(float(distance[~same].max()), 1e-12)
    order = np.argsort(-score, kind="stable")
    order = order[score[order] >= threshold]
    return list(zip(one[order].tolist(), other[order].tolist(), strict=True))


def _packed(clusters: list[list[int]], rest: list[int], sizes: Sequence[int]) -> list[list[int]]:
    """Whole clusters where they fit, what is left over in order."""
    groups: list[list[int]] = [[] for _ in sizes]
    loose: list[int] = []
    for cluster in clusters:
        for group, size in zip(groups, sizes, strict=True):
            if len(group) + len(cluster) <= size:
                group.extend(cluster)
                break
        else:
            loose.extend(cluster)
    waiting = iter([*loose, *rest])
    for group, size in zip(groups, sizes, strict=True):
        group.extend(next(waiting) for _ in range(size - len(group)))
    return groups


def rearranged(batches: Sequence[Batch], groups: Sequence[Sequence[int]]) -> list[Batch]:
    """The clips of `batches`, numbered through, in the micro-batches that `groups` say."""
    joined: dict[str, Any] = {}
    for field in fields(Batch):
        values = [getattr(batch, field.name) for batch in batches]
        if field.name in ("views", "masks"):
            joined[field.name] = {name: _stacked([v[name] for v in values]) for name in values[0]}
        elif isinstance(values[0], Tensor):
            joined[field.name] = torch.cat(values)
        elif isinstance(values[0], list):
            joined[field.name] = [item for value in values for item in value]
    return [
        replace(batch, **{name: _taken(value, group) for name, value in joined.items()})
        for batch, group in zip(batches, groups, strict=True)
    ]


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    longest = max(tensor.shape[1] for tensor in tensors)
    padded = [
        torch.cat([t, t.new_zeros(len(t), longest - t.shape[1], *t.shape[2:])], dim=1)
        for t in tensors
    ]
    return torch.cat(padded)


def _taken(value: Any, group: Sequence[int]) -> Any:
    if isinstance(value, dict):
        return {name: _taken(inner, group) for name, inner in value.items()}
    if isinstance(value, Tensor):
        return value[torch.tensor(list(group), device=value.device)]
    return [value[item] for item in group]

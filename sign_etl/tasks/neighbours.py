"""How good an embedding is: neighbours in a gallery, class centroids, silhouette."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR = 5
"""Neighbours, or classes, that the wider measures look at."""


def neighbour_metrics(
    queries: NDArray[Any],
    query_labels: NDArray[Any],
    gallery: NDArray[Any],
    gallery_labels: NDArray[Any],
    *,
    same: NDArray[Any] | None = None,
    nears: Sequence[int] = (1, NEAR),
) -> dict[str, float]:
    """Shares of queries that find their class among Euclidean neighbours.

    Args:
        queries: (N, D).
        query_labels: (N,) whole numbers.
        gallery: (M, D).
        gallery_labels: (M,).
        same: (N, M) True where a gallery item is the query itself, which it must not find.
        nears: how many neighbours, or classes, to look at.

    Returns:
        `knn1`: the nearest one has the class; `knn5`: most of the 5 nearest do (of equal numbers
        the nearer one counts); `top5`: one of the 5 nearest does; `top5_classes`: the class is
        among the 5 nearest distinct ones; `centroid1`, `centroid5`: the same for class means.
        Likewise for other numbers than 5.
    """
    distance = _distances(queries, gallery)
    if same is not None:
        distance = np.where(same, np.inf, distance)
    order = np.argsort(distance, axis=1, kind="stable")
    found = gallery_labels[order]
    classes = np.unique(gallery_labels)
    means = np.stack([gallery[gallery_labels == label].mean(axis=0) for label in classes])
    nearest = classes[np.argsort(_distances(queries, means), axis=1, kind="stable")]
    measures: dict[str, float] = {}
    for near in nears:
        right = found[:, :near] == query_labels[:, None]
        most = np.array([_majority(row) for row in found[:, :near]])
        measures[f"knn{near}"] = float((most == query_labels).mean())
        central = nearest[:, :near] == query_labels[:, None]
        measures[f"centroid{near}"] = float(central.any(axis=1).mean())
        if near > 1:
            distinct = np.stack([_first_distinct(row, near) for row in found])
            measures[f"top{near}"] = float(right.any(axis=1).mean())
            among = distinct == query_labels[:, None]
            measures[f"top{near}_classes"] = float(among.any(axis=1).mean())
    return measures


def silhouette(embeddings: NDArray[Any], labels: NDArray[Any]) -> float:
    """Mean silhouette coefficient, -1 to 1; 0 where it is not defined (one class, or N classes)."""
    from sklearn.metrics import silhouette_score

    if not 1 < len(np.unique(labels)) < len(labels):
        return 0.0
    return float(silhouette_score(embeddings, labels))


def _distances(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    one, other = one.astype(np.float64), other.astype(np.float64)
    squares = (one**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * one @ other.T
    roots: NDArray[Any] = np.sqrt(squares.clip(min=0))
    return roots


def _first_distinct(labels: NDArray[Any], near: int) -> NDArray[Any]:
    """The first `near` distinct labels, the last one repeated where there are fewer."""
    _, first = np.unique(labels, return_index=True)
    kept = labels[np.sort(first)[:near]]
    return np.concatenate([kept, np.repeat(kept[-1:], near - len(kept))])


def _majority(labels: NDArray[Any]) -> Any:
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    return names[np.lexsort((first, -counts))[0]]

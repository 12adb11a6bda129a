"""Recognition without training: a clip has the class of the vectors that lie near its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.schema.vectors import Vectors
from sign_etl.tasks.neighbours import neighbour_metrics

CHUNK_CELLS = 20_000_000
"""Distances in memory at a time."""


@dataclass(frozen=True, slots=True)
class Shot:
    """How well the queries find their classes.

    Attributes:
        metrics: see `neighbour_metrics`, over the queries whose class the gallery has.
        names: `label` where both tables are of the same data, else `normal_label`.
        queries: that were counted.
        unknown: further ones, whose class the gallery has not.
        classes: of the gallery.
        gallery: vectors that were searched.
    """

    metrics: dict[str, float]
    names: Literal["label", "normal_label"]
    queries: int
    unknown: int
    classes: int
    gallery: int


def zero_shot(queries: Vectors, gallery: Vectors, nears: Sequence[int] = (1, 5)) -> Shot:
    """Look each query up in a gallery, which never finds the query itself.

    Args:
        queries: of the clips that are to be named.
        gallery: of clips whose names are taken.
        nears: how many neighbours to look at.

    Raises:
        VerifyError: the vectors are not of the same model.
        UsageError: no query has a class of the gallery.
    """
    if queries.facts.model != gallery.facts.model or queries.facts.output != gallery.facts.output:
        raise VerifyError(
            "queries and gallery are of different models",
            hint="make both with `sign-etl embed` from one run",
        )
    same_data = set(queries.facts.data) <= set(gallery.facts.data)
    names: Literal["label", "normal_label"] = "label" if same_data else "normal_label"
    gallery = gallery.take(_filled(gallery.columns[names]))
    known = set(gallery.columns[names])
    queries = queries.take(_filled(queries.columns[names]))
    findable = np.array([name in known for name in queries.columns[names]], bool)
    asked = queries.take(findable)
    if not len(asked):
        raise UsageError(
            "no query has a class of the gallery",
            hint=f"it has {', '.join(sorted(map(str, known))[:8]) or 'no labels'}",
        )
    numbers = {name: number for number, name in enumerate(sorted(map(str, known)))}
    metrics = _in_chunks(
        asked,
        gallery,
        np.array([numbers[str(name)] for name in asked.columns[names]]),
        np.array([numbers[str(name)] for name in gallery.columns[names]]),
        nears,
    )
    return Shot(
        metrics=metrics,
        names=names,
        queries=len(asked),
        unknown=len(queries) - len(asked),
        classes=len(numbers),
        gallery=len(gallery),
    )


def _in_chunks(
    asked: Vectors,
    gallery: Vectors,
    wanted: NDArray[Any],
    known: NDArray[Any],
    nears: Sequence[int],
) -> dict[str, float]:
    own = [f"{build}/{key}" for build, key in _clips(gallery)]
    place = {name: number for number, name in enumerate(own)}
    step = max(1, CHUNK_CELLS // len(gallery))
    sums: dict[str, float] = {}
    for first in range(0, len(asked), step):
        part = slice(first, first + step)
        vectors = asked.vector[part]
        same = np.zeros((len(vectors), len(gallery)), bool)
        for row, (build, key) in enumerate(_clips(asked)[part]):
            if f"{build}/{key}" in place:
                same[row, place[f"{build}/{key}"]] = True
        found = neighbour_metrics(
            vectors, wanted[part], gallery.vector, known, same=same, nears=nears
        )
        for name, share in found.items():
            sums[name] = sums.get(name, 0.0) + share * len(vectors)
    return {name: total / len(asked) for name, total in sums.items()}


def _clips(vectors: Vectors) -> list[tuple[str | None, str | None]]:
    return list(zip(vectors.columns["build"], vectors.columns["key"], strict=True))


def _filled(column: Sequence[str | None]) -> NDArray[np.bool_]:
    return np.array([bool(name) for name in column], bool)

"""Few-shot learning: some clips of each class, the same ones on every machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import UsageError

if TYPE_CHECKING:
    from sign_etl.stream.index import Index


def few_of_each(index: Index, rows: NDArray[np.int64], shots: int, seed: int) -> NDArray[np.int64]:
    """`shots` of the `rows` of each class, ascending; all of a class that has fewer.

    The choice depends on seed and clip keys alone, and a larger one holds the smaller ones.

    Args:
        index: of the samples.
        rows: of it; without a class they are left out.
        shots: k.
        seed: of the draw.

    Raises:
        UsageError: none of them has a class.
    """
    classes: Any = index.label_id[rows]
    rows, classes = rows[classes >= 0], classes[classes >= 0]
    if not len(rows):
        raise UsageError("no sample has a class to draw by", hint="leave `data.shots` out")
    keys = index.column("key").take(rows).to_pylist()
    drawn = [hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=8).digest() for key in keys]
    order = sorted(range(len(rows)), key=lambda place: (classes[place], drawn[place]))
    taken: list[int] = []
    counts: dict[int, int] = {}
    for place in order:
        number = int(classes[place])
        counts[number] = counts.get(number, 0) + 1
        if counts[number] <= shots:
            taken.append(int(rows[place]))
    return np.array(sorted(taken), np.int64)

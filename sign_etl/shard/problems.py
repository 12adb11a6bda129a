"""Problems of a build as lines, the first ones and the number of the others."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice


def capped(problems: Iterator[str], most: int, others: str, *, place: str = "") -> Iterator[str]:
    """The first problems, and how many there are besides.

    Args:
        problems: one line each.
        most: so many are told.
        others: what the rest is called: `more problems`.
        place: stands before their number where it is given.
    """
    yield from islice(problems, most)
    more = sum(1 for _ in problems)
    if more:
        yield f"{place}: {more:,} {others}" if place else f"{more:,} {others}"

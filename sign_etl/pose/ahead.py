"""A few items of a stream made in a thread ahead of whoever takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

DEPTH: Final = 4
"""Items that wait at most: frames are large, and more would not be faster."""


def ahead(items: Iterable[T], depth: int = DEPTH) -> Generator[T]:
    """`items`, the next few of them made in one other thread meanwhile.

    Closing it waits for what is being made and makes no more. What `items` raises is raised where
    the item would have come.

    Args:
        items: only the other thread touches them.
        depth: how many may wait.
    """
    making = iter(items)
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = deque(pool.submit(next, making, end) for _ in range(depth))
        try:
            while (item := coming.popleft().result()) is not end:
                coming.append(pool.submit(next, making, end))
                yield item  # type: ignore[misc]  # `end` is nobody else's
        finally:
            for one in coming:
                one.cancel()

"""Items that are made in a thread ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from sign_etl.pose.ahead import ahead


@pytest.mark.parametrize("count", [0, 1, 3, 50])
@pytest.mark.parametrize("depth", [1, 4])
def test_items_come_in_order_and_all_of_them(count: int, depth: int) -> None:
    assert list(ahead(range(count), depth)) == list(range(count))


def test_they_are_made_in_one_other_thread() -> None:
    makers = list(ahead(threading.get_ident() for _ in range(10)))
    assert len(set(makers)) == 1
    assert makers[0] != threading.get_ident()


def test_an_error_comes_in_its_place() -> None:
    def broken() -> Iterator[int]:
        yield from range(5)
        raise ValueError("the sixth cannot be made")

    got = []
    with pytest.raises(ValueError, match="sixth"):
        for item in ahead(broken()):
            got.append(item)
    assert got == [0, 1, 2, 3, 4]


def test_no_more_is_made_than_may_wait_and_none_after_closing() -> None:
    made: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            made.append(len(made))
            yield made[-1]

    coming = ahead(endless(), depth=3)
    assert [next(coming) for _ in range(5)] == [0, 1, 2, 3, 4]
    coming.close()
    # Five were taken, and for each of them another one was asked for.
    assert len(made) <= 5 + 3
    assert list(coming) == []

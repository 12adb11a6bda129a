"""Frames of a webcam, fetched by a thread while those before them are looked at.

A webcam does not wait. Who asks it for a frame only after each look at a window gets frames that
are far apart, and a sign that happened meanwhile is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import Generic, Self, TypeVar

MOST_WAITING = 64
"""Frames that are kept; a camera that is that far ahead has to drop some."""
_PATIENCE_S = 0.2

T = TypeVar("T")


class Ahead(Generic[T]):
    """Items of an iterable in their order, taken as soon as they come; a context manager.

    Args:
        items: iterated by a thread, until the block ends.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._items = items
        self._queue: Queue[T] = Queue(MOST_WAITING)
        self._over, self._stop = Event(), Event()
        self._error: BaseException | None = None
        self._thread = Thread(target=self._fetch, daemon=True, name="webcam")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()  # at the latest with the next item

    @property
    def behind(self) -> bool:
        """Whether the next item waits already."""
        return not self._queue.empty()

    def __iter__(self) -> Iterator[T]:
        """The items, until there are no more.

        Raises:
            Exception: what the iterable has raised.
        """
        while True:
            try:
                yield self._queue.get(timeout=_PATIENCE_S)
            except Empty:
                if self._over.is_set() and self._queue.empty():
                    break
        if self._error is not None:
            raise self._error

    def _fetch(self) -> None:
        try:
            for item in self._items:
                while not self._stop.is_set():
                    try:
                        self._queue.put(item, timeout=_PATIENCE_S)
                        break
                    except Full:
                        continue
                if self._stop.is_set():
                    return
        except Exception as error:  # told to who takes the items
            self._error = error
        finally:
            self._over.set()

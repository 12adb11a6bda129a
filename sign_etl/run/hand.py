"""The clips that a cluster has in hand: bounded, and given out again where an execution is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable

WAIT_S = 0.2

Send = Callable[[list[str]], object]
"""Sends rows into an execution; none of them for the end."""


class Hand:
    """Rows by key from the moment they are fetched until their clip is at its end. Thread-safe.

    Args:
        most: rows at a time; whoever brings more waits.
        stop: nothing new is taken.
    """

    def __init__(self, most: int, stop: threading.Event) -> None:
        self.most = most
        self.ended = 0
        """Clips that came to their end."""
        self._stop = stop
        self._texts: dict[str, str] = {}
        self._room = threading.Condition()
        self._send: Send | None = None
        self._closed = False

    def put(self, key: str, text: str) -> None:
        """Take a row in hand; waits for room, and drops it after a stop."""
        with self._room:
            while len(self._texts) >= self.most and not self._stop.is_set():
                self._room.wait(WAIT_S)
            if self._stop.is_set():
                return
            self._texts[key] = text
            if self._send is not None:
                self._send([text])

    def close(self) -> None:
        """No more will come."""
        with self._room:
            self._closed = True
            if self._send is not None:
                self._send([])

    def feed(self, send: Send) -> None:
        """From now on rows go there, first those that are in hand."""
        with self._room:
            self._send = send
            if self._texts:
                send(list(self._texts.values()))
            if self._closed:
                send([])

    def end(self, key: str) -> bool:
        """A row came back at its end; False where it had done so before."""
        with self._room:
            if self._texts.pop(key, None) is None:
                return False
            self.ended += 1
            self._room.notify_all()
            return True

    def waits(self) -> bool:
        """Whether an execution is needed: for rows in hand or for such as may still come."""
        with self._room:
            return bool(self._texts) or not self._closed

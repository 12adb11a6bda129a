"""Ctrl-C and SIGTERM as a polite request: the first one stops in order, the second one at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sign_etl.core.errors import Stopped

EXIT_INTERRUPTED = 130
EXIT_RESUMABLE = 75


class StopRequest(threading.Event):
    """Set by a signal; knows which."""

    signal_number: int | None = None

    def error(self, hint: str) -> Stopped:
        """The error to end with: exit 130 after Ctrl-C, 75 after SIGTERM."""
        interrupted = self.signal_number == signal.SIGINT
        return Stopped(
            "stopped before the end; what is done is kept",
            hint=hint,
            exit_code=EXIT_INTERRUPTED if interrupted else EXIT_RESUMABLE,
        )


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """While the block runs, SIGINT and SIGTERM set the event.

    Without effect outside of the main thread, where Python takes no signals.
    """
    stop = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    signals: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.getsignal(number) for number in signals}

    def request(number: int, _: FrameType | None) -> None:
        stop.signal_number = number
        stop.set()
        signal.signal(number, previous[number])  # the second one is no request any more

    for number in previous:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

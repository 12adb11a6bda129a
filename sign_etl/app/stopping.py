"""Ctrl-C and SIGTERM as a polite request: the first one stops in order, the second one at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from sign_etl.core.errors import Stopped

EXIT_INTERRUPTED = 130
EXIT_RESUMABLE = 75
SIGNALS: Final[tuple[int, ...]] = (signal.SIGINT, signal.SIGTERM)


class StopRequest(threading.Event):
    """Set by a signal; knows which."""

    signal_number: int | None = None
    handler: Callable[[int, FrameType | None], None] | None = None

    def keep(self) -> None:
        """Take the signals back from a library that has taken them since; main thread only.

        Ray's native core answers SIGTERM with a dump of its stack and, where the process does not
        end within three seconds, with SIGABRT.
        """
        if self.handler is not None and not self.is_set():
            for number in SIGNALS:
                signal.signal(number, self.handler)

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
    previous = {number: signal.getsignal(number) for number in SIGNALS}

    def request(number: int, _: FrameType | None) -> None:
        stop.signal_number = number
        stop.set()
        signal.alarm(0)  # what another library has set off, see `StopRequest.keep`
        signal.signal(number, previous[number])  # the second one is no request any more

    stop.handler = request
    stop.keep()
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

"""Notices that a run makes no progress, and leaves behind what tells why."""

from __future__ import annotations

import faulthandler
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from sign_etl.core.errors import Stopped

STACKS_FILE = "stall.txt"
NAMED = 3
"""Clips in hand that the message names; the file has all."""


class Watch:
    """Waits for signs of life.

    Args:
        limit_s: seconds without one after which the run counts as stalled; None for never.
        state: folder for the stacks.
        in_hand: ids of the clips in hand, oldest first.
        clock: seconds.
    """

    def __init__(
        self,
        limit_s: float | None,
        state: Path,
        in_hand: Callable[[], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit_s = limit_s
        self._state = state
        self._in_hand = in_hand
        self._clock = clock
        self._last_s = clock()

    def beat(self) -> None:
        """A sign of life."""
        self._last_s = self._clock()

    def stalled(self) -> Stopped | None:
        """The error to end with, after the stacks were written; None while all is well."""
        if self._limit_s is None or self._clock() - self._last_s <= self._limit_s:
            return None
        keys = list(self._in_hand())
        path = self._state / STACKS_FILE
        told = self._write(path, keys)
        named = ", ".join(islice(keys, NAMED)) + (" ..." if len(keys) > NAMED else "")
        return Stopped(
            f"nothing has moved for {self._limit_s:g} s; in hand: {named or 'no clip'}",
            hint=(f"see {path}; " if told else "")
            + "run the same command again to go on; `pools.stall_s` sets the limit",
        )

    def _write(self, path: Path, keys: list[str]) -> bool:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("w", encoding="utf-8") as file:
                file.write(f"in hand ({len(keys)}):\n")
                file.writelines(f"  {key}\n" for key in keys)
                file.write("\nthreads of the driver:\n")
                file.flush()
                faulthandler.dump_traceback(file, all_threads=True)
        except OSError:
            return False
        return True

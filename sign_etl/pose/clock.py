"""Where an estimator's time goes: a stop watch per stage that costs nothing while it is off."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import get_ident
from typing import Final, TypeVar

T = TypeVar("T")

_OFF: Final[AbstractContextManager[None]] = nullcontext()


class Clock:
    """Seconds and calls by stage, for the thread that made the clock and for others apart.

    `with clock("infer"): ...` adds to stage `infer`. Stages that run in another thread (decoding
    ahead, say) overlap with the rest; they are counted under their own names all the same.

    Args:
        on: False for a clock that measures nothing.
    """

    def __init__(self, *, on: bool = True) -> None:
        self.on = on
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}
        self.threads: dict[str, int] = {}

    def __call__(self, stage: str) -> AbstractContextManager[None]:
        """Measures a block as part of `stage`; blocks of one stage may not run at once."""
        return self._measured(stage) if self.on else _OFF

    @contextmanager
    def _measured(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
            self.calls[stage] = self.calls.get(stage, 0) + 1
            self.threads[stage] = get_ident()

    def each(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """`items`, the time to get each of them measured as part of `stage`."""
        coming = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(coming)
                except StopIteration:
                    return
            yield item

    def clear(self) -> None:
        """Forget what was measured."""
        self.seconds.clear()
        self.calls.clear()
        self.threads.clear()


SILENT: Final = Clock(on=False)
"""The clock of this process and of its one estimator: silent until `pose.measure` turns it on."""

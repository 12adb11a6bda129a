"""What a runner is: it takes groups of clips through the stages and tells what became of each.

The runner decides where and when, never what: any two runners give the same store and the same
results, in whatever order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from sign_etl.run.journal import Result
from sign_etl.schema.clip import Clip, Source
from sign_etl.stages.item import Item, SourceRef


@dataclass(frozen=True, slots=True)
class Group:
    """A source with the clips that are still to be built from it.

    Attributes:
        source: what to fetch.
        clips: of this source.
        fetched: its bytes, where they are at hand already.
    """

    source: Source
    clips: tuple[Clip, ...]
    fetched: SourceRef | None = None


@dataclass(frozen=True, slots=True)
class Passed:
    """A clip has passed a stage (for progress and log only).

    Attributes:
        stage: its name.
        key: of the clip.
        seconds: of work on it, its share where several went together; None where the store had it.
        worker: who did it.
    """

    stage: str
    key: str
    seconds: float | None = None
    worker: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """A clip is at its end.

    Attributes:
        item: the clip with what the stages made of it.
        result: its result, where that is known from elsewhere.
    """

    item: Item
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Broken:
    """The run itself is broken (disk full, a bug, a lost cluster): no clip is to blame."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Said:
    """Something that people should know once."""

    message: str


Event = Passed | Finished | Broken | Said
Emit = Callable[[Event], None]


class Runner(Protocol):
    """Runs groups. One instance serves one run."""

    def run(self, groups: Iterable[Group], stop: threading.Event, emit: Emit) -> None:
        """Take all groups through the stages; returns when all are at their end or `stop` is set.

        Args:
            groups: consumed lazily, in order; a runner holds only a few at a time.
            stop: set from outside: begin nothing new, finish what is in hand.
            emit: thread-safe; called for every event.
        """

    def abort(self) -> None:
        """Break off what is in hand; after `stop`, from another thread."""

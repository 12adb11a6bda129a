"""The local runner: downloads in threads, clips in worker slots with child processes of their own.

A slot is a thread that only waits: the work is done in the guarded processes which its stages own,
spawned afresh, one clip or batch at a time. So the pool of processes survives every crash in one.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable

from sign_etl.core.errors import Stopped
from sign_etl.run.intake import DOWNLOADS, WAIT_S, Intake, broken
from sign_etl.run.runner import Emit, Group, Passed
from sign_etl.stages.item import Item, Stage, step
from sign_etl.stages.setup import Setup, clip_stages


class LocalRunner:
    """Runs on this machine.

    Args:
        setup: what the stages need.
        jobs: worker slots; default the number of CPUs.
        downloads: parallel downloads.
    """

    def __init__(
        self, setup: Setup, *, jobs: int | None = None, downloads: int | None = None
    ) -> None:
        self._setup = setup
        self._jobs = jobs or _cpus()
        self._batch = setup.choices().pools.pose.batch
        self._downloads = downloads or DOWNLOADS
        self._stages: list[list[Stage]] = []

    def run(self, groups: Iterable[Group], stop: threading.Event, emit: Emit) -> None:
        """See `Runner`."""
        clips: queue.Queue[Item | None] = queue.Queue()
        intake = Intake(
            self._setup,
            downloads=self._downloads,
            ahead=2 * self._jobs * self._batch + self._downloads,
            put=clips.put,
            stop=stop,
            emit=emit,
        )

        def build(stages: list[Stage]) -> None:
            try:
                while items := self._next(clips, stop):
                    for stage in stages:
                        if stop.is_set():
                            break
                        items = _stepped(stage, items, emit)
                    for item in items:
                        if item.ended:  # if not, it was stopped: the next run goes on
                            intake.end(item)
            except Stopped:
                return
            except BaseException as error:
                broken(error, stop, emit)

        self._stages = [clip_stages(self._setup) for _ in range(self._jobs)]
        slots = [
            threading.Thread(target=build, args=(stages,), name=f"slot-{number}", daemon=True)
            for number, stages in enumerate(self._stages)
        ]
        for slot in slots:
            slot.start()
        try:
            intake.run(groups)
        finally:
            for _ in slots:
                clips.put(None)
            for slot in slots:
                slot.join()
            for stages in self._stages:
                for stage in stages:
                    stage.close()

    def abort(self) -> None:
        """See `Runner`."""
        for stages in self._stages:
            for stage in stages:
                stage.interrupt()

    def _next(self, clips: queue.Queue[Item | None], stop: threading.Event) -> list[Item]:
        """The next batch; no items at the end. Near the end every slot gets its share."""
        items: list[Item] = []
        fair = min(self._batch, 1 + clips.qsize() // self._jobs)
        while not stop.is_set() and len(items) < fair:
            try:
                item = clips.get(block=not items, timeout=WAIT_S)
            except queue.Empty:
                if items:
                    break
                continue
            if item is None:
                clips.put(None)
                break
            items.append(item)
        return items


def _stepped(stage: Stage, items: list[Item], emit: Emit) -> list[Item]:
    stepped = step(stage, items)
    for before, after in zip(items, stepped, strict=True):
        if after.item is not before and after.item.reject is None:
            worker = threading.current_thread().name
            emit(Passed(stage.name, after.item.clip.key, after.seconds, worker))
    return [after.item for after in stepped]


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""The local runner: downloads in threads, clips in worker slots with child processes of their own.

A slot is a thread that only waits: the work is done in the guarded processes which its stages own,
spawned afresh, one clip at a time. So the pool of processes survives every crash in one of them.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sign_etl.core.errors import Stopped
from sign_etl.run.runner import Broken, Emit, Finished, Group, Passed
from sign_etl.schema.outcome import Reject
from sign_etl.stages.fetch import FetchStage
from sign_etl.stages.item import Item, SourceRef, Stage, passed
from sign_etl.stages.setup import Setup, clip_stages

FETCH_WORKERS = 8
WAIT_S = 0.2


@dataclass(slots=True)
class _Open:
    """A group in hand and the number of its clips that are not at their end."""

    group: Group
    left: int


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
        self._downloads = downloads or FETCH_WORKERS
        self._stages: list[list[Stage]] = []

    def run(self, groups: Iterable[Group], stop: threading.Event, emit: Emit) -> None:
        """See `Runner`."""
        fetch = FetchStage(self._setup)
        clips: queue.Queue[tuple[Item, _Open] | None] = queue.Queue()
        # Bounds what is fetched and not yet built, so the disk holds a few sources, not all.
        window = threading.Semaphore(2 * (self._jobs + self._downloads))
        finished = threading.Lock()

        def end(item: Item, opened: _Open) -> None:
            emit(Finished(item))
            with finished:
                opened.left -= 1
                last = opened.left == 0
            if last:
                window.release()

        def enqueue(opened: _Open, source: SourceRef) -> None:
            for clip in opened.group.clips:
                emit(Passed(fetch.name))
                clips.put((Item(clip, source), opened))

        def download(opened: _Open) -> None:
            try:
                if stop.is_set():
                    return
                found = fetch.run(opened.group.source, stop)
            except Stopped:
                return
            except BaseException as error:
                _broken(error, stop, emit)
                return
            if isinstance(found, Reject):
                for clip in opened.group.clips:
                    end(Item(clip, reject=found), opened)
            else:
                enqueue(opened, found)

        def build(stages: list[Stage]) -> None:
            while (work := _next(clips, stop)) is not None:
                item, opened = work
                try:
                    for reached in _stepwise(stages, item, stop):
                        item = reached
                        if item.reject is None:
                            emit(Passed(passed(item)[-1]))
                except Stopped:
                    return
                except BaseException as error:
                    _broken(error, stop, emit)
                    return
                if item.reject is None and item.quality is None:
                    return  # stopped between two stages: the next run goes on
                end(item, opened)

        self._stages = [clip_stages(self._setup) for _ in range(self._jobs)]
        slots = [
            threading.Thread(target=build, args=(stages,), name=f"slot-{number}", daemon=True)
            for number, stages in enumerate(self._stages)
        ]
        for slot in slots:
            slot.start()
        try:
            with ThreadPoolExecutor(self._downloads, thread_name_prefix="fetch") as pool:
                for group in groups:
                    while not window.acquire(timeout=WAIT_S) and not stop.is_set():
                        pass
                    if stop.is_set():
                        break
                    opened = _Open(group, len(group.clips))
                    if group.fetched is not None:
                        enqueue(opened, group.fetched)
                    else:
                        pool.submit(download, opened)
        except BaseException as error:
            _broken(error, stop, emit)
        finally:
            for _ in slots:
                clips.put(None)
            for slot in slots:
                slot.join()
            fetch.close()
            for stages in self._stages:
                for stage in stages:
                    stage.close()

    def abort(self) -> None:
        """See `Runner`."""
        for stages in self._stages:
            for stage in stages:
                stage.interrupt()


def _stepwise(stages: list[Stage], item: Item, stop: threading.Event) -> Iterator[Item]:
    for stage in stages:
        if item.reject is not None or stop.is_set():
            return
        if not stage.applies(item):
            continue
        item = stage.look(item) or stage.run(item)
        yield item


def _next(
    clips: queue.Queue[tuple[Item, _Open] | None], stop: threading.Event
) -> tuple[Item, _Open] | None:
    while not stop.is_set():
        try:
            return clips.get(timeout=WAIT_S)
        except queue.Empty:
            continue
    return None


def _broken(error: BaseException, stop: threading.Event, emit: Emit) -> None:
    stop.set()
    emit(Broken(error))


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

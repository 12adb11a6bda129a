"""How clips come into a run: their sources are fetched a little ahead of what is being built."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable

from sign_etl.core.errors import Stopped
from sign_etl.run.runner import Broken, Emit, Finished, Group, Passed
from sign_etl.schema.outcome import Reject
from sign_etl.stages.fetch import FetchStage
from sign_etl.stages.item import Item, SourceRef
from sign_etl.stages.setup import Setup

DOWNLOADS = 8
WAIT_S = 0.2


class Intake:
    """Fetches sources in threads of its own, one process for all, which keeps the hosts' limits.

    Args:
        setup: what the stages need.
        downloads: sources fetched at a time; None for the default.
        ahead: sources that are fetched and not at their end, at most: what lies on the disk.
        put: takes a clip with its source; may wait.
        stop: begin nothing new.
        emit: as of the runner.
    """

    def __init__(
        self,
        setup: Setup,
        *,
        downloads: int | None,
        ahead: int,
        put: Callable[[Item], None],
        stop: threading.Event,
        emit: Emit,
    ) -> None:
        self._fetch = FetchStage(setup)
        self._downloads = downloads or DOWNLOADS
        self._room = threading.Semaphore(ahead + self._downloads)
        self._put = put
        self._stop = stop
        self._emit = emit
        self._left: dict[str, int] = {}
        """Clips of each source in hand that are not at their end."""
        self._counting = threading.Lock()

    def run(self, groups: Iterable[Group]) -> None:
        """Hand on all clips of all groups; returns when that is done or `stop` is set."""
        todo: queue.SimpleQueue[Group | None] = queue.SimpleQueue()

        def download() -> None:
            while (group := todo.get()) is not None:
                self._download(group)

        # Daemons: one that hangs for good must not keep a run alive that has ended.
        threads = [
            threading.Thread(target=download, name=f"fetch-{number}", daemon=True)
            for number in range(self._downloads)
        ]
        try:
            for thread in threads:
                thread.start()
            for group in groups:
                while not self._room.acquire(timeout=WAIT_S) and not self._stop.is_set():
                    pass
                if self._stop.is_set():
                    break
                self._left[group.source.id] = len(group.clips)
                if group.fetched is not None:
                    self._hand_on(group, group.fetched)
                else:
                    todo.put(group)
        except BaseException as error:
            broken(error, self._stop, self._emit)
        finally:
            for _ in threads:
                todo.put(None)
            for thread in threads:
                thread.join()
            self._fetch.close()

    def end(self, item: Item) -> None:
        """A clip is at its end."""
        self._emit(Finished(item))
        source = item.clip.source.id
        with self._counting:
            self._left[source] -= 1
            last = self._left[source] == 0
            if last:
                del self._left[source]
        if last:
            self._room.release()

    def _download(self, group: Group) -> None:
        try:
            if self._stop.is_set():
                return
            start_s = time.perf_counter()
            found = self._fetch.run(group.source, self._stop)
            share_s = (time.perf_counter() - start_s) / len(group.clips)
            if isinstance(found, Reject):
                for clip in group.clips:
                    self.end(Item(clip, reject=found))
            else:
                self._hand_on(group, found, share_s)
        except Stopped:
            return
        except BaseException as error:
            broken(error, self._stop, self._emit)

    def _hand_on(self, group: Group, source: SourceRef, seconds: float | None = None) -> None:
        for clip in group.clips:
            worker = threading.current_thread().name
            self._emit(Passed(self._fetch.name, clip.key, seconds, worker))
            self._put(Item(clip, source))


def broken(error: BaseException, stop: threading.Event, emit: Emit) -> None:
    """The run cannot go on: no clip is to blame."""
    stop.set()
    emit(Broken(error))

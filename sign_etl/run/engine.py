"""The engine: drives a runner over a plan, writes the journal, packs shards as they fill up.

It holds results of unfinished shards only; everything else is in files, so that a million clips
need no more memory than a thousand, and a killed engine loses nothing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from sign_etl.core.seams import seam
from sign_etl.run.events import EventLog
from sign_etl.run.journal import Journal, Result, result_of
from sign_etl.run.plan import Plan
from sign_etl.run.progress import Progress, Tally, stage_names
from sign_etl.run.rulings import NO_RULINGS, Rulings, met
from sign_etl.run.runner import Broken, Event, Finished, Group, Passed, Runner, Said
from sign_etl.run.shards import Packer
from sign_etl.run.stall import Watch
from sign_etl.schema.outcome import Reason
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.stages.fetch import FetchStage, release
from sign_etl.stages.item import Item, SourceRef, Stage, is_cut, passed, through
from sign_etl.stages.setup import Setup, clip_stages

GRACE_S = 10.0
"""After a stop, what is in hand has so long to finish; then its processes are killed."""
GIVE_UP_S = 40.0
"""After a stop: what could not be killed either is left behind."""
PROGRESS_S = 0.5
PASSES = 3
"""A shard whose bytes the store has lost is built again; so often, not for ever."""

MakeRunner = Callable[[], Runner]


def run(
    plan: Plan,
    setup: Setup,
    build: Path,
    journal: Journal,
    make_runner: MakeRunner,
    *,
    stop: threading.Event,
    events: EventLog,
    progress: Callable[[Progress], None] | None = None,
    rulings: Rulings = NO_RULINGS,
) -> None:
    """Bring every clip of `plan` to its end and every shard onto the disk.

    Args:
        plan: what to build.
        setup: what the stages need.
        build: the build folder.
        journal: of this build; holds what earlier runs have done.
        make_runner: a fresh runner for each pass.
        stop: set from outside to end early; then the plan is simply not finished.
        events: the log of the run.
        progress: called about twice a second.
        rulings: what is decided about clips beforehand.

    Raises:
        SignEtlError: what broke the run, such as a full disk.
    """
    for _ in range(PASSES):
        engine = _Engine(plan, setup, build, journal, stop, events, progress, rulings)
        engine.drive(make_runner())
        if not engine.lost or stop.is_set():
            return


class _Engine:
    """One pass over the plan."""

    def __init__(
        self,
        plan: Plan,
        setup: Setup,
        build: Path,
        journal: Journal,
        stop: threading.Event,
        events: EventLog,
        progress: Callable[[Progress], None] | None,
        rulings: Rulings,
    ) -> None:
        self._plan = plan
        self._rulings = rulings
        self._setup = setup
        self._private_hosts = setup.choices().fetch.allow_private_hosts
        self._journal = journal
        self._known = journal.latest()
        self._stop = stop
        self._events = events
        self._progress = progress
        self._packer = Packer(plan, setup, build)
        self._open: dict[str, set[str]] = {}
        """Keys of the clips of each source in hand that are not at their end."""
        limit_s = setup.choices().pools.stall_s
        self._watch = Watch(limit_s, build / STATE_FOLDER, self._in_hand)
        self._packing: list[Future[list[str]]] = []
        self._tally = Tally(stage_names(setup, plan), len(plan))
        self._packed = 0
        self._started = time.monotonic()
        self._shown = 0.0
        self.lost: list[str] = []

    def drive(self, runner: Runner) -> None:
        """Run to the end or to the stop; raises what broke the run."""
        inbox: queue.Queue[Event | None] = queue.Queue(maxsize=10_000)

        def work() -> None:
            try:
                runner.run(self._groups(inbox.put), self._stop, inbox.put)
            except BaseException as error:
                self._stop.set()
                inbox.put(Broken(error))
            finally:
                inbox.put(None)

        worker = threading.Thread(target=work, name="runner", daemon=True)
        broken: BaseException | None = None
        with ThreadPoolExecutor(1, thread_name_prefix="pack") as pool:
            worker.start()
            abort_at: float | None = None
            aborted = False
            while True:
                try:
                    event = inbox.get(timeout=PROGRESS_S)
                    if event is None:
                        break
                    if isinstance(event, Broken):
                        # What breaks because we break it off is no error.
                        broken = broken or (None if aborted else event.error)
                    elif isinstance(event, Passed):
                        self._watch.beat()
                        self._tally.passed(event.stage)
                        self._events.passed(event)
                    elif isinstance(event, Said):
                        self._show(force=True, message=event.message)
                    elif broken is None:
                        broken = self._finish(event, pool)
                except queue.Empty:
                    pass
                broken = broken or self._collect(wait=False)
                if broken is None and (stalled := self._watch.stalled()):
                    broken = stalled
                    self._stop.set()
                    abort_at = time.monotonic()  # there is nothing to wait for
                if self._stop.is_set():
                    abort_at = abort_at or time.monotonic() + GRACE_S
                    if time.monotonic() > abort_at + GIVE_UP_S:
                        break  # it hangs where nothing reaches it; its threads are daemons
                    if time.monotonic() > abort_at and not aborted:
                        aborted = True
                        runner.abort()
                self._show()
            broken = broken or self._collect(wait=True)
        self._show(force=True)
        self._journal.close()
        if broken is not None:
            raise broken

    def _groups(self, emit: Callable[[Event], None]) -> Iterator[Group]:
        """What is left to do; what is done already goes straight to `emit`."""
        fetch = FetchStage(self._setup)
        stages = clip_stages(self._setup)
        try:
            for source, clips in self._plan.groups():
                if self._stop.is_set():
                    return
                demand, ruled = self._rulings.over(clips, self._known)
                source, fetched, locked = met(demand, source, fetch.look(source), self._setup)
                self._open[source.id] = {clip.key for clip in clips}
                todo = []
                for clip in clips:
                    if clip.key in ruled:
                        result = ruled[clip.key]
                        emit(Finished(Item(clip, reject=result.reject), result))
                        continue
                    item = self._done(Item(clip, fetched), stages, locked)
                    if item is None:
                        todo.append(clip)
                        continue
                    for name in passed(item):
                        emit(Passed(name, item.clip.key))
                    emit(Finished(item))
                if todo:
                    present = fetched if fetched is not None and fetched.present else None
                    if fetched is not None and all(is_cut(stages, clip, fetched) for clip in todo):
                        present = fetched  # what is left to do begins behind it
                    same = tuple(replace(clip, source=source) for clip in todo)
                    yield Group(source, same, present)
        finally:
            fetch.close()
            for stage in stages:
                stage.close()

    def _done(self, item: Item, stages: list[Stage], locked: SourceRef | None) -> Item | None:
        if locked is not None:  # the store may know what became of bytes that nobody has any more
            found = through(stages, replace(item, source=locked), work=False)
            if found is not None:
                return found
        known = self._known.get(item.clip.key)
        if known is not None and known.reject is not None and self._stands(known, item):
            return item.rejected(known.reject)
        return None if item.source is None else through(stages, item, work=False)

    def _stands(self, known: Result, item: Item) -> bool:
        """True where the reject of an earlier run is this run's too, without another try."""
        assert known.reject is not None
        reason = known.reject.reason
        if reason is Reason.REVOKED or reason in (self._rulings.retried or ()):
            return reason is Reason.REVOKED
        if not known.final or reason.from_bytes:
            return False  # what follows from the bytes is in the store, under present parameters
        if item.source is not None:
            return known.source == item.source.sha256
        if self._setup.media is not None:
            return False  # the file may have been replaced, and looking costs nothing
        if reason is not Reason.ADDRESS_REFUSED or not self._private_hosts:
            return True
        if self._private_hosts is True:
            return "private" not in known.reject.detail
        return known.reject.detail.startswith("redirect")  # the named hosts are the sources' own

    def _in_hand(self) -> list[str]:
        return [key for keys in self._open.copy().values() for key in sorted(keys.copy())]

    def _finish(self, event: Finished, pool: ThreadPoolExecutor) -> BaseException | None:
        """Note the end of a clip; what fails here stops the others in order, like any error."""
        try:
            self._note(event, pool)
        except BaseException as error:
            self._stop.set()
            return error
        return None

    def _note(self, event: Finished, pool: ThreadPoolExecutor) -> None:
        self._watch.beat()
        item = event.item
        result = event.result or result_of(item)
        if self._known.get(result.key) != result:
            self._journal.append(result)
        if item.reject is not None:
            self._tally.rejected(item.reject)
            self._events.reject(result, item.note)
        seam("engine.before-release", result.key)
        self._release(item)
        seam("engine.before-pack", result.key)
        shard = self._packer.add(result)
        if shard is not None:
            self._packing.append(pool.submit(self._packer.pack, shard))

    def _release(self, item: Item) -> None:
        source_id = item.clip.source.id
        self._open[source_id].discard(item.clip.key)
        if self._open[source_id]:
            return
        del self._open[source_id]
        if item.source is not None:
            release(item.source)

    def _collect(self, *, wait: bool) -> BaseException | None:
        waiting = []
        error: BaseException | None = None
        for future in self._packing:
            if not wait and not future.done():
                waiting.append(future)
            elif (failed := future.exception()) is not None:
                error = failed
                self._stop.set()
            else:
                self.lost += future.result()
                self._packed += 1
                self._watch.beat()
        self._packing = waiting
        return error

    def _show(self, *, force: bool = False, message: str | None = None) -> None:
        now = time.monotonic()
        if self._progress is None or (now - self._shown < PROGRESS_S and not force):
            return
        self._shown = now
        shards = self._packed, len(self._packer.shards)
        self._progress(self._tally.progress(shards, now - self._started, message))

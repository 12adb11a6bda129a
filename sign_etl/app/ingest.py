"""`ingest`: from a data set's name to a verified build.

Running it again finishes what is missing and repeats nothing that is done.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sign_etl.app.claim import claim, refuse_strange
from sign_etl.app.drift import drift, words
from sign_etl.app.locked import compare_held, find_lock, hold, rule
from sign_etl.app.noticed import missing_notes, split_notes
from sign_etl.app.ownership import Share, owned, share_of
from sign_etl.app.policy import beyond, minded
from sign_etl.app.prepare import IngestRequest, Prepared, prepare
from sign_etl.app.remembered import remember
from sign_etl.app.report import policy_problems
from sign_etl.app.stopping import stop_on_signals
from sign_etl.core.errors import UsageError
from sign_etl.core.files import disk_errors
from sign_etl.reader.lock import Lock
from sign_etl.run import engine
from sign_etl.run.events import EVENTS_FILE, EventLog
from sign_etl.run.finish import publish, write_lock
from sign_etl.run.progress import Progress
from sign_etl.run.rulings import Rulings
from sign_etl.run.runner import Runner
from sign_etl.schema.outcome import Reason
from sign_etl.schema.pipeline import PoolsConfig
from sign_etl.schema.records import STATE_FOLDER, ManifestRecord
from sign_etl.shard.pack import load_packed
from sign_etl.stages.setup import Setup

__all__ = ["IngestRequest", "IngestResult", "ingest"]


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What came out.

    Attributes:
        build: the build folder.
        counts: requested clips by outcome.
        reasons: rejects by reason.
        shards: number of shards.
        size_bytes: of all shards.
        seconds: of this run.
        problems: what exceeds the policy; then the exit code is 1.
        published: False where only some shards were asked for.
        notes: what is worth knowing and no problem.
    """

    build: Path
    counts: dict[str, int]
    reasons: dict[str, int]
    shards: int
    size_bytes: int
    seconds: float
    problems: tuple[str, ...]
    published: bool = True
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 within policy, else 1."""
        return 1 if self.problems else 0

    @classmethod
    def of(
        cls,
        build: Path,
        manifest: ManifestRecord,
        seconds: float,
        *,
        problems: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> IngestResult:
        """What a published build came to."""
        return cls(
            build=build,
            counts=manifest.counts,
            reasons=manifest.reasons,
            shards=len(manifest.shards),
            size_bytes=sum(shard.size_bytes for shard in manifest.shards),
            seconds=seconds,
            problems=problems,
            notes=notes,
        )


def ingest(
    request: IngestRequest, *, progress: Callable[[Progress], None] | None = None
) -> IngestResult:
    """Build a data set.

    Args:
        request: what to build.
        progress: called about twice a second.

    Raises:
        ConfigError: a wrong name or setting, or the folder holds a build of another pipeline.
        Stopped: a signal ended the run early; the same call goes on.
        DiskError: the disk is full; likewise.
        AccountingError: the numbers do not add up; nothing was published.

    Example:
        >>> settings = ("pose={}", "normalise.short_side=64")
        >>> request = IngestRequest(
        ...     "folder", out=Path("builds/one"), media=Path("clips"), limit=1, settings=settings
        ... )
        >>> ingest(request).counts
        {'written': 1}
    """
    prepared = prepare(request, tell=_teller(progress))
    lock = find_lock(request, prepared.build)
    if lock is not None:
        hold(prepared, lock)
    return make(request, prepared, lock, progress=progress)


def make(
    request: IngestRequest,
    prepared: Prepared,
    lock: Lock | None = None,
    *,
    retried: frozenset[Reason] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> IngestResult:
    """Make the build that was prepared.

    Args:
        request: how to run.
        prepared: what to build.
        lock: what it is held to, None for whatever is found.
        retried: only rejects with these reasons are tried again; None for all that may come back.
        progress: called about twice a second.

    Raises:
        SignEtlError: as `ingest`.
    """
    started = time.monotonic()
    build = prepared.build
    events = EventLog(build / STATE_FOLDER / EVENTS_FILE)
    refuse_strange(build)
    with disk_errors(build), owned(build, request.shards):
        claim(prepared, update=request.update, part=request.shards is not None)
        remember(prepared)
        rulings = rule(build, lock, retried)
        share = share_of(prepared.plan, prepared.setup, build, request.shards)
        events.write("start", clips=len(share.plan), plan=prepared.plan.digest)
        if prepared.access.licence_accepted:
            card = prepared.recipe.card
            events.write("licence", dataset=prepared.recipe.name, accepted=card.licence)
        _run(request, prepared, share, rulings, events, progress)
        if not share.whole:
            return _part_result(share, build, time.monotonic() - started)
        manifest = publish(
            prepared.plan,
            prepared.setup,
            build,
            share.journal,
            recipe_version=prepared.recipe.version,
            card=prepared.recipe.card,
            licence_accepted=prepared.access.licence_accepted,
            synonyms=prepared.synonyms,
        )
        drifted = drift(build, prepared.setup, prepared.plan, share.journal.latest())
    held = compare_held(build, rulings.lock)
    seconds = time.monotonic() - started
    events.write("published", counts=manifest.counts, seconds=round(seconds, 3))
    return IngestResult.of(
        build,
        manifest,
        seconds,
        problems=(
            *beyond(prepared.pipeline.policy, prepared.plan, share.journal, manifest),
            *policy_problems(build, minded(prepared.pipeline.policy)),
            *held.problems,
        ),
        notes=(
            *missing_notes(prepared.plan, share.journal.latest().values()),
            *split_notes(prepared),
            *held.notes,
            *words(drifted),
        ),
    )


def _run(
    request: IngestRequest,
    prepared: Prepared,
    share: Share,
    rulings: Rulings,
    events: EventLog,
    progress: Callable[[Progress], None] | None,
) -> None:
    with stop_on_signals() as stop:

        def show(snapshot: Progress) -> None:
            stop.keep()
            if progress is not None:
                progress(snapshot)

        try:
            engine.run(
                share.plan,
                share.setup,
                prepared.build,
                share.journal,
                lambda: _runner(request, share.setup, prepared.pipeline.pools),
                stop=stop,
                events=events,
                progress=show,
                rulings=rulings,
            )
        finally:
            share.journal.close()
            if stop.is_set():
                if share.whole:
                    write_lock(share.plan, share.setup, prepared.build, share.journal.latest())
                events.write("stopped")
        if stop.is_set():
            raise stop.error("run the same command again to go on")


def _part_result(share: Share, build: Path, seconds: float) -> IngestResult:
    counts, reasons = Counter[str](), Counter[str]()
    for result in share.journal.latest().values():
        counts[result.outcome.value] += 1
        if result.reject is not None:
            reasons[result.reject.reason.value] += 1
    paths = (path for path, *_ in share.plan.shards())
    sizes = [shard.size_bytes for path in paths if (shard := load_packed(build, path))]
    return IngestResult(
        build=build,
        counts=dict(sorted(counts.items())),
        reasons=dict(sorted(reasons.items())),
        shards=len(sizes),
        size_bytes=sum(sizes),
        seconds=seconds,
        problems=(),
        published=False,
    )


def _teller(progress: Callable[[Progress], None] | None) -> Callable[[str], None] | None:
    """Lines of a download as progress without numbers."""
    if progress is None:
        return None
    return lambda line: progress(Progress(0, {}, {}, (0, 0), 0.0, message=line))


def _runner(request: IngestRequest, setup: Setup, pools: PoolsConfig) -> Runner:
    if request.runner == "local":
        from sign_etl.run.local import LocalRunner

        return LocalRunner(
            setup,
            jobs=request.jobs or pools.normalise.workers,
            downloads=pools.fetch.workers,
        )
    if request.runner == "ray":
        from sign_etl.run.ray import RayRunner

        return RayRunner(setup, address=request.ray_address, cpus=request.jobs)
    raise UsageError(f"unknown runner `{request.runner}`", hint="known are: local, ray")

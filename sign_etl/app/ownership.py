"""Who may write to a build: one run for all of it, or several for some of its shards each.

Kernel locks, so that those of a killed process are free. A run for some shards has a journal and a
place for downloads of its own; the next run for the whole takes the journals in.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from sign_etl.core.errors import UsageError
from sign_etl.core.files import sweep
from sign_etl.run.journal import JOURNAL, PART_JOURNALS, Journal
from sign_etl.run.plan import Plan
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.stages.setup import Setup


@dataclass(frozen=True, slots=True)
class Share:
    """What one run works on.

    Attributes:
        plan: its clips.
        setup: of the stages; downloads of different runs do not meet.
        journal: its own.
        whole: False for some shards only: then nothing is published at the end.
    """

    plan: Plan
    setup: Setup
    journal: Journal
    whole: bool


@contextmanager
def owned(build: Path, shards: tuple[int, int] | None) -> Iterator[None]:
    """Hold the build, or some shards of it, while the block runs.

    Raises:
        UsageError: another run holds it, or the folder cannot be made.
    """
    state = build / STATE_FOLDER
    try:
        state.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise UsageError(
            f"cannot make the folder {build}: {os.strerror(error.errno or 0).lower()}",
            hint="give another folder with --out",
        ) from error
    with (state / "run.lock").open("w") as lock:
        if shards is None:
            _hold(lock, fcntl.LOCK_EX, build)
            # Nobody else writes here now: what a killed process left may go.
            for folder in (build, state, state / "shards", *_split_folders(build)):
                sweep(folder)
            yield
            return
        _hold(lock, fcntl.LOCK_SH, build)
        with (state / f"run-{_named(shards)}.lock").open("w") as own:
            _hold(own, fcntl.LOCK_EX, build)
            yield


def share_of(plan: Plan, setup: Setup, build: Path, shards: tuple[int, int] | None) -> Share:
    """What a run for these shards works on; the whole takes in the journals of parts.

    Raises:
        UsageError: the plan has no such shards.
    """
    state = build / STATE_FOLDER
    if shards is None:
        journal = Journal(state / JOURNAL)
        journal.take_in(sorted(state.glob(PART_JOURNALS)))
        return Share(plan, setup, journal, whole=True)
    name = _named(shards)
    return Share(
        plan.part(*shards),
        replace(setup, sources=f"{setup.sources}-{name}"),
        Journal(state / PART_JOURNALS.replace("*", name)),
        whole=False,
    )


def _named(shards: tuple[int, int]) -> str:
    return f"{shards[0]}-{shards[1]}"


def _hold(lock: IO[str], kind: int, build: Path) -> None:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"another run is working on {build}", hint=f"watch it: sign-etl status {build}"
        ) from None


def _split_folders(build: Path) -> list[Path]:
    return [path for path in build.iterdir() if path.is_dir() and path.name != STATE_FOLDER]

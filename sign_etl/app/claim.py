"""Whose folder is this? A build takes a folder for its own, or is refused."""

from __future__ import annotations

from pathlib import Path

from sign_etl.app.prepare import Prepared
from sign_etl.core.errors import ConfigError, SignEtlError
from sign_etl.reader.lock import open_lock
from sign_etl.reader.manifest import MANIFEST
from sign_etl.run.finish import head_of
from sign_etl.run.journal import JOURNAL, Journal, Result
from sign_etl.run.lock import drift, drift_lines
from sign_etl.run.plan import PLAN_FILE, Plan
from sign_etl.schema.outcome import Reason, StageName
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.shard.pack import remove

NAMED = 3
"""Differences that are told."""


def claim(prepared: Prepared, *, update: bool, part: bool) -> None:
    """Make the folder this build's own, or refuse; runs for a part never change its plan.

    Raises:
        ConfigError: it holds another build.
    """
    build, plan = prepared.build, prepared.plan
    saved = build / STATE_FOLDER / PLAN_FILE
    if saved.exists():
        try:
            previous = Plan.load(saved)
        except (OSError, ValueError):
            previous = None
        if previous is not None and previous.digest == plan.digest:
            return
        if previous is not None and not part and plan.grows_from(previous):
            plan.save(saved)
            return
        if not update or part:
            what = (
                "a build of another version of sign-etl"
                if previous is None
                else f"a build of another pipeline or selection{_differences(prepared)}"
            )
            raise ConfigError(
                f"{build} holds {what}",
                hint="give another folder with --out, or change this one with --update",
            )
        (build / MANIFEST).unlink(missing_ok=True)
        if previous is not None:
            _remove_left_over(build, previous, plan)
        _forget(Journal(build / STATE_FOLDER / JOURNAL), plan)
    plan.save(saved)


def refuse_strange(build: Path) -> None:
    """Before anything is written or swept: a folder that holds other things is left alone.

    Raises:
        ConfigError: it holds something else.
    """
    if not build.is_dir() or (build / STATE_FOLDER / PLAN_FILE).exists():
        return
    if any(path.name != STATE_FOLDER for path in build.iterdir()):
        raise ConfigError(
            f"{build} exists and is no build of sign-etl", hint="give another folder with --out"
        )


def _differences(prepared: Prepared) -> str:
    """In which choices, where the build has a lock that tells them: defaults may be others now."""
    try:
        lock = open_lock(prepared.build)
    except SignEtlError:
        return ""
    forbidding, _ = drift(lock.head, head_of(prepared.plan, prepared.setup))
    first = list(drift_lines([each for each in forbidding if each.name != "plan"]))[:NAMED]
    return f": {'; '.join(first)}" if first else ""


def _forget(journal: Journal, plan: Plan) -> None:
    """Keep what holds for another pipeline too: dead links, and what the store knows."""
    wanted = set(plan.table["key"].to_pylist())

    def holds(result: Result) -> bool:
        reject = result.reject
        if reject is None:
            return True
        return reject.stage is StageName.FETCH and reject.reason is not Reason.TOO_LARGE

    latest = journal.latest()
    journal.compact({key: latest[key] for key in latest if key in wanted and holds(latest[key])})


def _remove_left_over(build: Path, previous: Plan, plan: Plan) -> None:
    wanted = {path for path, *_ in plan.shards()}
    for path, *_ in previous.shards():
        if path not in wanted:
            remove(build, path)

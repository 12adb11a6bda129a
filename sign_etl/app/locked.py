"""`ingest --locked`: the same bytes as a lock says, or a refusal that says what differs."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sign_etl.app.prepare import IngestRequest, Prepared
from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.core.files import atomic_open
from sign_etl.reader.lock import LOCK_FILE, Lock, open_lock
from sign_etl.reader.lock_diff import diff_lines
from sign_etl.run.finish import head_of
from sign_etl.run.lock import drift, drift_lines
from sign_etl.run.rulings import Rulings, Tombstones
from sign_etl.schema.outcome import Outcome, Reason
from sign_etl.schema.records import STATE_FOLDER

GIVEN_LOCK = "given.lock"
"""The lock that a build is held to, kept beside its state: its own one is written anew."""
NAMED = 3


@dataclass(frozen=True, slots=True)
class Held:
    """What a build came to that was held to a lock.

    Attributes:
        problems: what is not as the lock says.
        notes: what differs and may.
    """

    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_lock(request: IngestRequest, build: Path) -> Lock | None:
    """The lock that a request means, None where it is not held to one.

    Raises:
        UsageError: there is none.
        VerifyError: it is damaged or of another version.
    """
    if not request.locked and request.lock is None:
        return None
    if request.lock is not None:
        return open_lock(request.lock)
    neighbour = Path(request.pipeline).expanduser().with_suffix(".lock")
    for path in (build / STATE_FOLDER / GIVEN_LOCK, build / LOCK_FILE, neighbour):
        if path.is_file():
            return open_lock(path)
    raise UsageError(
        f"there is no lock: neither {build / LOCK_FILE} nor {neighbour}",
        hint="name one with --lock FILE",
    )


def hold(prepared: Prepared, lock: Lock) -> None:
    """Refuse what cannot give the bytes of the lock, before anything runs.

    Raises:
        ConfigError: another data set, pipeline, plan, stage or model, or clips without an end.
    """
    forbidding, _ = drift(lock.head, head_of(prepared.plan, prepared.setup))
    # Another choice makes another plan: the choice is the cause, and enough to say.
    causes = [each for each in forbidding if each.name != "plan"] or forbidding
    if causes:
        first, *others = drift_lines(causes)
        more = f" (and {len(others)} more)" if len(others) > NAMED else ""
        told = "; ".join([first, *others[:NAMED]]) + more
        by_plan = causes[0].name == "plan"
        raise ConfigError(
            f"{lock.path} is of another build: {told}",
            hint="the annotations or files differ: use those that the lock was made from"
            if by_plan
            else "build with what the lock names, or without --locked",
        )
    pending = sum(line["outcome"] == Outcome.PENDING for line in lock.lines())
    if pending:
        raise ConfigError(
            f"{lock.path} is of a run that was stopped: {pending:,} of {len(lock):,} clips have"
            " no end",
            hint="finish that build first, or `sign-etl lock merge` it with another one",
        )


def rule(build: Path, lock: Lock | None, retried: frozenset[Reason] | None) -> Rulings:
    """What is decided about the clips of a build; keeps a copy of the lock in it."""
    kept = build / STATE_FOLDER / GIVEN_LOCK
    revoked = Tombstones.load(build)
    if lock is None:
        if retried is None:
            kept.unlink(missing_ok=True)  # from here on the build goes its own way
        return Rulings(revoked, retried=retried)
    if lock.path.absolute() != kept.absolute():
        with lock.path.open("rb") as given, atomic_open(kept) as file:
            shutil.copyfileobj(given, file)
    return Rulings(revoked, lock=open_lock(kept))


def compare_held(build: Path, lock: Lock | None) -> Held:
    """Hold what came out against the lock.

    Raises:
        VerifyError: a lock is damaged.
    """
    if lock is None:
        return Held()
    made = open_lock(build)
    _, moving = drift(lock.head, made.head)
    lost: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for difference in diff_lines(lock, made):
        locked, present = difference.first, difference.second
        assert locked is not None
        assert present is not None
        if "outcome" in difference.kinds:
            reason = present.get("reason", present["outcome"])
            (others if reason == Reason.REVOKED else lost)[reason] += 1
        elif "outputs" in difference.kinds:
            same = locked.get("video") == present.get("video")
            others["keypoints" if same else "videos"] += 1
    problems, notes = [], [f"not as in the lock: {told}" for told in drift_lines(moving)]
    if others[Reason.REVOKED]:
        notes.append(f"{_clips(others[Reason.REVOKED])} of the lock are revoked here")
    if lost:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(lost.items()))
        problems.append(f"{_clips(lost.total())} did not end as in the lock: {reasons}")
    if others["videos"]:
        problems.append(f"{_clips(others['videos'])} have other normalised videos than the lock")
    if others["keypoints"]:
        told = f"{_clips(others['keypoints'])} have other keypoints than the lock"
        (notes if moving else problems).append(told)
    if problems:
        problems[-1] += f": `sign-etl lock diff {build / STATE_FOLDER / GIVEN_LOCK} {build}`"
    return Held(tuple(problems), tuple(notes))


def _clips(number: int) -> str:
    return f"{number:,} clip{'' if number == 1 else 's'}"

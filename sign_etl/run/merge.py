"""Two locks of one plan become one: what either laboratory found."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import ConfigError, VerifyError
from sign_etl.core.files import atomic_open
from sign_etl.reader.lock import Line, Lock
from sign_etl.reader.lock_diff import diff_heads
from sign_etl.run.lock import BINDING
from sign_etl.schema.outcome import Outcome, Reason
from sign_etl.schema.records import dump


@dataclass(frozen=True, slots=True)
class Conflict:
    """A clip that two locks do not agree on."""

    key: str
    what: str


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of it.

    Attributes:
        clips: lines of the merged lock.
        outcomes: their number by outcome.
        gained: clips that only the second lock has as samples.
        conflicts: clips that the two do not agree on; then nothing was written.
    """

    clips: int
    outcomes: dict[str, int]
    gained: int
    conflicts: tuple[Conflict, ...]


def merge(first: Lock, second: Lock, out: Path) -> Merged:
    """Write the union of two locks.

    A clip that either has as a sample is one, unless it was revoked: a tombstone wins. Where both
    say the same, the line of the first stands.

    Args:
        first: a lock.
        second: another one of the same plan, pipeline, stages and models.
        out: the file to write.

    Raises:
        ConfigError: they are not of the same build.
        VerifyError: one is damaged.
    """
    for difference in diff_heads(first.head, second.head):
        if difference.name.partition(".")[0] in BINDING:
            raise ConfigError(
                f"the locks are of different builds: `{difference.name}` differs",
                hint=f"see all of it: sign-etl lock diff {first.path} {second.path}",
            )
    conflicts: list[Conflict] = []
    outcomes: Counter[str] = Counter()
    gained = 0
    with suppress(_ConflictError), atomic_open(out) as file:
        file.write((canonical_json(dump(first.head)) + "\n").encode("utf-8"))
        for line in first.lines():
            other = second.get(line["key"])
            if other is None:
                raise VerifyError(
                    f"{second.path} has no line of {line['key']}: it is not whole",
                    hint="take a whole copy of it, or let `sign-etl ingest` write it anew",
                )
            what = conflict(line, other)
            if what is not None:
                conflicts.append(Conflict(line["key"], what))
            best = max((line, other), key=_weight)
            gained += best is not line and best["outcome"] == Outcome.WRITTEN
            outcomes[best["outcome"]] += 1
            file.write((canonical_json(best) + "\n").encode("utf-8"))
        if conflicts:
            raise _ConflictError
    return Merged(sum(outcomes.values()), dict(sorted(outcomes.items())), gained, tuple(conflicts))


def conflict(first: Line, second: Line) -> str | None:
    """What two lines of one clip do not agree on, None where both may be true."""
    if Reason.REVOKED in (first.get("reason"), second.get("reason")):
        return None
    one, other = first.get("sha256"), second.get("sha256")
    if one is None or other is None:
        return None
    if one != other:
        return f"sha256 {one[:12]} and {other[:12]}"
    if first["outcome"] != second["outcome"]:
        reasons = [line["reason"] for line in (first, second) if "reason" in line]
        if any(reason in set(Reason) and Reason(reason).from_bytes for reason in reasons):
            return f"{_end(first)} and {_end(second)} of the same bytes"
    return None


class _ConflictError(Exception):
    """Leaves the atomic write without a file."""


def _end(line: Line) -> str:
    return str(line.get("reason", line["outcome"]))


def _weight(line: Line) -> tuple[bool, bool, bool, bool, bool]:
    """What tells more counts more; `max` takes the first of equals."""
    reason = line.get("reason")
    return (
        reason == Reason.REVOKED,
        line["outcome"] == Outcome.WRITTEN,
        "sha256" in line,
        line["outcome"] != Outcome.PENDING,
        reason in set(Reason) and not Reason(reason).retryable,
    )

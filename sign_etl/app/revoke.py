"""`revoke`: a source or a clip leaves a build, and stays out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sign_etl.app.near import near_name
from sign_etl.app.ownership import owned, share_of
from sign_etl.app.remembered import Remembered, recall
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.core.files import disk_errors
from sign_etl.reader.lock import open_lock
from sign_etl.run.events import EVENTS_FILE, EventLog
from sign_etl.run.finish import publish, write_lock
from sign_etl.run.journal import Journal
from sign_etl.run.revoke import Revoked
from sign_etl.run.revoke import revoke as _revoke
from sign_etl.schema.records import REPORT_PAGE, STATE_FOLDER, LockHead


@dataclass(frozen=True, slots=True)
class RevokeResult:
    """What was done.

    Attributes:
        revoked: what was taken out.
        written: samples that the build has now.
        published: False where the build was not finished before either.
    """

    revoked: Revoked
    written: int
    published: bool


def revoke(
    build: Path, *, sources: tuple[str, ...] = (), clips: tuple[str, ...] = ()
) -> RevokeResult:
    """Take sources and clips out of a build, out of its lock's promises and out of its store.

    Args:
        build: the build folder.
        sources: ids of sources, with all their clips.
        clips: keys of single clips.

    Raises:
        UsageError: no build, or it knows no such source or clip; nothing was changed.
        VerifyError: a shard is damaged.

    Example:
        >>> revoke(Path("builds/one"), sources=("greek/γεια σου.mp4",)).written
        0
    """
    if not sources and not clips:
        raise UsageError("nothing is named", hint=f"sign-etl revoke {build} SOURCE")
    recalled = recall(build)
    _refuse_unknown(build, recalled.plan.table, sources, clips)
    with disk_errors(build), owned(build, None):
        journal = share_of(recalled.plan, recalled.setup, build, None).journal
        head = _head(build)
        (build / REPORT_PAGE).unlink(missing_ok=True)  # it has pictures of them
        revoked = _revoke(
            recalled.plan, recalled.setup, build, journal, sources=sources, keys=clips
        )
        events = EventLog(build / STATE_FOLDER / EVENTS_FILE)
        events.write("revoke", clips=list(revoked.keys), shards=list(revoked.shards))
        written = _publish(build, recalled, journal, head)
    return RevokeResult(revoked, written or 0, written is not None)


def _head(build: Path) -> LockHead | None:
    """What the shards were made with, which another version of sign-etl would not know."""
    try:
        return open_lock(build).head
    except (UsageError, VerifyError):
        return None


def _publish(
    build: Path, recalled: Remembered, journal: Journal, head: LockHead | None
) -> int | None:
    """Publish again where all clips are at their end; number of samples, None where not."""
    latest = journal.latest()
    if any(latest.get(key) is None for key in recalled.plan.clip_keys()):
        write_lock(recalled.plan, recalled.setup, build, latest, head)
        return None
    manifest = publish(
        recalled.plan,
        recalled.setup,
        build,
        journal,
        recipe_version=recalled.recipe_version,
        card=recalled.card,
        licence_accepted=recalled.licence_accepted,
        synonyms=recalled.synonyms,
        head=head,
    )
    return manifest.counts.get("written", 0)


def _refuse_unknown(
    build: Path, table: pa.Table, sources: tuple[str, ...], clips: tuple[str, ...]
) -> None:
    for what, column, words in (("source", "source_id", sources), ("clip", "key", clips)):
        for word in words:
            if pc.index(table[column], word).as_py() < 0:
                other = "key" if column == "source_id" else "source_id"
                hint = near_name(word, table[column])
                if pc.index(table[other], word).as_py() >= 0:
                    hint = f"it is a {'clip: --clip KEY' if other == 'key' else 'source'}"
                raise UsageError(f"{build} has no {what} `{word}`", hint=hint)

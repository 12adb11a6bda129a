"""`lock check | diff | merge`: locks against builds, stores, files and each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.app.remembered import SETUP_FILE, recall
from sign_etl.core.canonical import sha256_bytes
from sign_etl.core.errors import UsageError
from sign_etl.core.store import Store, open_store
from sign_etl.media.local import MediaFolder
from sign_etl.reader import Build, open_build
from sign_etl.reader.lock import Line, Lock, open_lock
from sign_etl.reader.lock_diff import KINDS, diff_heads, diff_lines
from sign_etl.reader.shards import VERIFY_HINT
from sign_etl.run.lock import BINDING
from sign_etl.run.merge import merge as _merge
from sign_etl.schema.feature_set import feature_member
from sign_etl.schema.lineage_replies import (
    ConflictPart,
    HeadPart,
    LockCheck,
    LockDiff,
    LockedClipPart,
    LockMerge,
)
from sign_etl.schema.outcome import Outcome, Reject
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.schema.replies import ProblemPart
from sign_etl.shard.pack import cast_keypoints
from sign_etl.shard.problems import capped

NAMED = 20
"""So many problems are named."""
_MEDIA_HINT = "bring back the files that the build was made from"


def check(target: Path, *, store: str | None = None, media: bool = False) -> LockCheck:
    """Is what is there what the lock says?

    Args:
        target: a build, or a lock by itself.
        store: where outputs are looked for; default the store that the build was made with.
        media: also hash the source files that the build was made from.

    Raises:
        UsageError: there is no lock, or nothing is known of the media.
        VerifyError: a build that did not finish, a lock or a shard that is damaged.

    Example:
        >>> check(Path("builds/one")).sound
        True
    """
    lock = open_lock(target)
    checked = _Checked()
    outcomes: Counter[str] = Counter(line["outcome"] for line in lock.lines())
    looked = _store(target, store)
    problems: list[ProblemPart] = []
    if target.is_dir():
        with open_build(target) as build:
            problems += _told(_against_build(build, lock, looked, checked), VERIFY_HINT)
        if media:
            problems += _told(_against_media(target, lock), _MEDIA_HINT)
    elif media:
        raise UsageError(
            "a lock by itself does not know the names of its files",
            hint="name the folder of the build, or leave --media out",
        )
    else:
        for line in lock.lines():
            _outputs(looked, line, checked)
    return LockCheck(
        lock=str(lock.path),
        sound=not problems,
        problems=tuple(problems),
        clips=sum(outcomes.values()),
        outcomes=dict(sorted(outcomes.items())),
        samples=checked.samples,
        store=looked.url if looked else None,
        stored=checked.stored,
        missing=checked.missing,
    )


def diff(first: Path, second: Path, *, examples: int = NAMED) -> LockDiff:
    """Compare two locks.

    Args:
        first: a build, or a lock by itself.
        second: likewise.
        examples: how many clips are shown.

    Raises:
        UsageError: there is none.
        VerifyError: one is damaged.

    Example:
        >>> diff(Path("builds/one"), Path("builds/one")).same
        True
    """
    one, other = open_lock(first), open_lock(second)
    heads = diff_heads(one.head, other.head)
    counts: Counter[str] = Counter()
    clips: list[LockedClipPart] = []
    for difference in diff_lines(one, other):
        counts.update(difference.kinds)
        if len(clips) < examples:
            clips.append(
                LockedClipPart(
                    key=difference.key,
                    kinds=difference.kinds,
                    first=_plain(difference.first),
                    second=_plain(difference.second),
                )
            )
    binding = any(head.name.partition(".")[0] in BINDING for head in heads)
    return LockDiff(
        first=str(one.path),
        second=str(other.path),
        same=not counts and not binding,
        head=tuple(HeadPart(name=h.name, first=h.first, second=h.second) for h in heads),
        counts={kind: counts[kind] for kind in KINDS if counts[kind]},
        clips=tuple(clips),
    )


def merge(first: Path, second: Path, out: Path) -> LockMerge:
    """Write the union of two locks of one plan; nothing is written where they contradict.

    Args:
        first: a lock, or the build that has one.
        second: likewise.
        out: the file to write.

    Raises:
        ConfigError: they are of different builds.
        UsageError: there is none.
        VerifyError: one is damaged.

    Example:
        >>> merge(Path("builds/one"), Path("builds/one"), Path("both.lock")).gained
        0
    """
    merged = _merge(open_lock(first), open_lock(second), out)
    return LockMerge(
        out=None if merged.conflicts else str(out),
        clips=merged.clips,
        outcomes=merged.outcomes,
        gained=merged.gained,
        conflicts=tuple(ConflictPart(key=each.key, what=each.what) for each in merged.conflicts),
    )


@dataclass
class _Checked:
    samples: int = 0
    stored: int = 0
    missing: int = 0


def _store(target: Path, store: str | None) -> Store | None:
    if store is None and (target / STATE_FOLDER / SETUP_FILE).exists():
        store = recall(target).setup.store
    return open_store(store) if store is not None else None


def _against_build(
    build: Build, lock: Lock, store: Store | None, checked: _Checked
) -> Iterator[str]:
    manifest = build.manifest
    for name in ("plan", "pipeline", "stages", "poses", "features"):
        if getattr(lock.head, name) != getattr(manifest, name):
            yield f"its head: `{name}` is not the manifest's"
    dtype = str(manifest.pipeline.get("pack", {}).get("dtype", "float16"))
    lines = lock.lines()
    for row in _ends(build):
        line = next(lines, None)
        if line is None or line["key"] != row["key"]:
            yield f"{row['key']}: the ledger has it here, the lock does not"
            return
        if (line["outcome"], line.get("reason")) != (row["outcome"], row["reason"]):
            yield f"{row['key']}: {row['outcome']} in the ledger, {line['outcome']} in the lock"
        elif line["outcome"] == Outcome.WRITTEN:
            checked.samples += 1
            yield from _sample(build, line, _outputs(store, line, checked), dtype)
    for line in lines:
        yield f"{line['key']}: the ledger does not have it"


def _ends(build: Build) -> Iterator[dict[str, Any]]:
    table = build.ledger.select(["key", "outcome", "reason"])
    for batch in table.to_batches(max_chunksize=65_536):
        yield from batch.to_pylist()


def _outputs(store: Store | None, line: Line, checked: _Checked) -> dict[str, bytes]:
    """Keypoints of a clip that the store has, by backend; counts what it has and what not."""
    wanted = dict(line.get("poses", {}))
    if store is None or line["outcome"] != Outcome.WRITTEN:
        return {}
    found = {name: data for name, sha256 in wanted.items() if (data := store.by_digest(sha256))}
    video = line.get("video")
    has_video = video is None or store.by_digest(video) is not None
    whole = len(found) == len(wanted) and has_video
    checked.stored += whole
    checked.missing += not whole
    return found


def _sample(build: Build, line: Line, stored: dict[str, bytes], dtype: str) -> Iterator[str]:
    sample = build.sample(line["key"])
    if sample.has_video and sha256_bytes(build.read(sample, "mp4")) != line.get("video"):
        yield f"{sample.key}: its video is not the one in the lock"
    for name in sample.features:
        packed = build.read(sample, feature_member(name))
        if sha256_bytes(packed) != line.get("features", {}).get(name):
            yield f"{sample.key}: its features {name} are not those in the lock"
    for backend in sample.backends:
        if backend not in line.get("poses", {}):
            yield f"{sample.key}: the lock has no keypoints of `{backend}`"
        elif backend in stored:
            packed = build.read(sample, f"{backend}.npy")
            if cast_keypoints(stored[backend], dtype) != packed:
                yield f"{sample.key}: its {backend} keypoints are not those in the lock"


def _told(found: Iterator[str], hint: str) -> list[ProblemPart]:
    named = capped(found, NAMED, "more problems")
    return [ProblemPart(message=message, hint=hint) for message in named]


def _against_media(target: Path, lock: Lock) -> Iterator[str]:
    """Source files under --media whose bytes are not those of the lock."""
    recalled = recall(target)
    if recalled.setup.media is None:
        raise UsageError(
            f"{target} was made from downloads, which are not kept",
            hint="`ingest --locked` downloads and compares them",
        )
    folder = MediaFolder(Path(recalled.setup.media))
    for source, clips in recalled.plan.groups():
        lines = (lock.get(clip.key) for clip in clips)
        known = {line["sha256"] for line in lines if line is not None and "sha256" in line}
        found = folder.fetch(source) if known else None
        if isinstance(found, Reject):
            yield f"source {source.id}: {found.reason}"
        elif found is not None and known != {found.sha256}:
            yield f"source {source.id}: other bytes (sha256 {found.sha256[:12]})"


def _plain(line: Line | None) -> dict[str, Any] | None:
    return None if line is None else dict(line)

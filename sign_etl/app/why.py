"""`why`: where a clip came from and how it was made; what became of a source.

Everything is read from the published build: manifest, index, ledger, lock and the sample itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from sign_etl.app.near import near_name
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.reader import Build, open_build
from sign_etl.reader.lock import Line, Lock, open_lock
from sign_etl.run.events import EVENTS_FILE, read_events
from sign_etl.schema.lineage_replies import MemberPart, SourceClipPart, WhyClip, WhySource
from sign_etl.schema.records import STATE_FOLDER

ANNOTATED = (
    *("annotation_id", "split", "label", "gloss", "text", "language", "signer"),
    *("start_s", "end_s"),
)
_LOCKED = ("sha256", "size_bytes", "fps", "duration_s")
_END = ("outcome", "stage", "reason", "detail")


def why_clip(build: Path, key: str) -> WhyClip:
    """Everything that is known of one clip.

    Args:
        build: the build folder.
        key: of the clip, written or not.

    Raises:
        UsageError: no build, or no such clip.
        VerifyError: the build is unfinished or damaged.

    Example:
        >>> why_clip(Path("builds/one"), "folder-greek-mp4-386e031c1773").outcome
        'written'
    """
    with open_build(build) as opened:
        row = _row(opened, key)
        lock = _lock(opened)
        line = _line(lock, key)
        record = opened.record(key) if key in opened else None
        return WhyClip(
            key=key,
            build=str(build),
            clip={name: row[name] for name in ANNOTATED if row[name] is not None},
            **{name: row[name] for name in _END},
            flags=tuple(row["flags"]),
            source=_source(row["source_id"], line) | (record["source"] if record else {}),
            sample=_sample(opened, key),
            members=_members(opened, key),
            frames=_frames(record) if record else None,
            digests={name: line[name] for name in ("video", "poses", "features") if name in line},
            poses=record["poses"] if record else {},
            pipeline=dict(opened.manifest.pipeline),
            versions=_versions(opened, lock),
            times=_times(build, line),
            licence=opened.manifest.licence,
        )


def why_source(build: Path, source: str) -> WhySource:
    """What became of one source.

    Args:
        build: the build folder.
        source: its id, case-sensitive.

    Raises:
        UsageError: no build, or no such source.
        VerifyError: the build is unfinished or damaged.

    Example:
        >>> why_source(Path("builds/one"), "greek/γεια σου.mp4").outcomes
        {'written': 1}
    """
    with open_build(build) as opened:
        table = opened.ledger
        rows = table.filter(pc.equal(table["source_id"], source)).to_pylist()
        if not rows:
            hint = near_name(source, table["source_id"])
            if pc.index(table["key"], source).as_py() >= 0:
                hint = f"it is a clip: sign-etl why {build} {source}"
            raise UsageError(f"{build} has no source `{source}`", hint=hint)
        lock = _lock(opened)
        lines = [_line(lock, row["key"]) for row in rows]
        told = max(lines, key=lambda line: "sha256" in line)
        notes = {name: text for line in lines for name, text in line.get("notes", {}).items()}
        return WhySource(
            build=str(build),
            source=_source(source, told) | notes,
            outcomes=dict(sorted(Counter(row["outcome"] for row in rows).items())),
            clips=tuple(
                SourceClipPart(
                    **{name: row[name] for name in SourceClipPart.model_fields if name in row}
                )
                for row in rows
            ),
        )


def _row(opened: Build, key: str) -> dict[str, Any]:
    table = opened.ledger
    place = pc.index(table["key"], key).as_py()
    if place >= 0:
        row: dict[str, Any] = table.slice(place, 1).to_pylist()[0]
        return row
    same = table.filter(pc.equal(table["annotation_id"], key))["key"].to_pylist()
    if same:
        hint = f"clips of that annotation: {', '.join(same[:3])}"
    elif pc.index(table["source_id"], key).as_py() >= 0:
        hint = f"it is a source: sign-etl why {opened.path} --source {key}"
    else:
        hint = near_name(key, table["key"]) or f"keys look like `{table['key'][0].as_py()}`"
    raise UsageError(f"{opened.path} has no clip `{key}`", hint=hint)


def _lock(opened: Build) -> Lock | None:
    try:
        lock = open_lock(opened.path)
    except (UsageError, VerifyError):
        return None
    return lock if lock.head.plan == opened.manifest.plan else None


def _line(lock: Lock | None, key: str) -> Line:
    """The line of one clip, found by reading on: quicker than an index for a few clips."""
    if lock is None:
        return {}
    mark = json.dumps(key, ensure_ascii=False).encode("utf-8")
    for text in lock.raw_lines():
        if mark in text and (line := json.loads(text))["key"] == key:
            found: Line = line
            return found
    return {}


def _source(source_id: str, line: Line) -> dict[str, Any]:
    known = {"id": source_id, "address": line.get("url")}
    return known | {name: line[name] for name in _LOCKED if name in line}


def _sample(opened: Build, key: str) -> dict[str, Any] | None:
    if key not in opened:
        return None
    sample = opened.sample(key)
    return {
        "shard": sample.shard,
        "frames": sample.frames,
        "fps": sample.fps,
        "width": sample.width,
        "height": sample.height,
        "quality": dict(sample.quality),
    }


def _members(opened: Build, key: str) -> dict[str, MemberPart]:
    if key not in opened:
        return {}
    return {
        name: MemberPart(offset=member.offset, size_bytes=member.size_bytes)
        for name, member in opened.sample(key).members.items()
    }


def _frames(record: Mapping[str, Any]) -> dict[str, Any]:
    """Which part of the source the frames show."""
    video = dict(record["video"])
    times = video.pop("source_us", None)
    if times:
        video |= {"first_s": times[0] / 1e6, "last_s": times[-1] / 1e6}
    return {"frames": record["frames"]} | video


def _versions(opened: Build, lock: Lock | None) -> dict[str, Any]:
    manifest = opened.manifest
    known: dict[str, Any] = {
        "recipe": f"{manifest.recipe} {manifest.recipe_version}",
        "plan": manifest.plan,
        "stages": dict(manifest.stages),
    }
    if lock is not None:
        known |= {
            "sign_etl": lock.head.sign_etl,
            "packages": dict(lock.head.packages),
            "cpu_flags": list(lock.head.cpu_flags),
        }
    return known


def _times(build: Path, line: Line) -> dict[str, str]:
    times = dict(line.get("notes", {}))
    for _, event in read_events(build / STATE_FOLDER / EVENTS_FILE):
        if event["event"] == "published":
            times["published_at"] = str(event["at"])
    return times

"""The journal of a build: what became of each source and clip so far, one JSON line each.

One process appends to it, line by line; a kill leaves at most one torn last line, which is ignored.
It holds only references: the store has the bytes. Status, ledger and lock are computed from it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import canonical_json, hash64
from sign_etl.core.files import atomic_open, disk_errors
from sign_etl.core.seams import seam
from sign_etl.schema.outcome import Outcome, Reject
from sign_etl.stages.item import Item

JOURNAL = "journal.jsonl"
PART_JOURNALS = "journal-*.jsonl"
"""Of runs for some shards each; the next run for the whole takes them in."""
_WRITTEN = (
    *("source", "size_bytes", "video", "poses", "features", "quality", "flags", "facts", "notes"),
)
LINE_BYTES = 2048
"""Most lines are shorter."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one clip.

    Attributes:
        key: of the clip.
        reject: where its way ended; None where it is ready to be packed.
        source: sha256 of its source, None where there is none.
        size_bytes: of its source.
        video: fingerprint of the `normalise` entry, or of `import` for keypoints of others.
        poses: fingerprints of the pose entries by backend.
        features: fingerprints of the features by set.
        quality: fingerprint of the `quality` entry.
        flags: what is odd about it.
        facts: what the lock says of it: frame rate and length of the source, digests of outputs.
        notes: what differs between runs, such as times; two results may be equal without.
    """

    key: str
    reject: Reject | None = None
    source: str | None = None
    size_bytes: int | None = None
    video: str | None = None
    poses: Mapping[str, str] = field(default_factory=dict)
    features: Mapping[str, str] = field(default_factory=dict)
    quality: str | None = None
    flags: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def outcome(self) -> Outcome:
        """`written` where it is ready; `pack` and the accounting gate see to it."""
        return Outcome.WRITTEN if self.reject is None else self.reject.outcome

    @property
    def final(self) -> bool:
        """True where another run would not try the clip again by itself."""
        return self.reject is None or not self.reject.reason.retryable


def result_of(item: Item) -> Result:
    """The result that an item at its end amounts to."""
    facts: dict[str, Any] = {}
    flags: tuple[str, ...] = ()
    notes: dict[str, str] = {}
    if item.source is not None and item.source.retrieved_at is not None:
        notes["retrieved_at"] = item.source.retrieved_at
    elif item.source is None and item.clip.source.url is not None:
        notes["tried_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    if item.video is not None:
        source = item.video.facts["source"]
        facts = {
            "fps": source.get("real_fps") or source.get("average_fps"),
            "duration_s": source.get("duration_s"),
            "video": item.video.blobs["video"].sha256 if "video" in item.video.blobs else None,
            "poses": {name: pose.blobs["keypoints"].sha256 for name, pose in item.poses.items()},
        }
        if item.features:
            facts["features"] = {
                name: entry.blobs["features"].sha256 for name, entry in item.features.items()
            }
        flags = tuple(sorted(item.video.facts["flags"]))
    return Result(
        key=item.clip.key,
        reject=item.reject,
        source=item.source.sha256 if item.source else None,
        size_bytes=item.source.size_bytes if item.source else None,
        video=item.video.fingerprint if item.video else None,
        poses={name: entry.fingerprint for name, entry in item.poses.items()},
        features={name: entry.fingerprint for name, entry in item.features.items()},
        quality=item.quality.fingerprint if item.quality else None,
        flags=flags,
        facts=facts,
        notes=notes,
    )


class Latest(Mapping[str, Result]):
    """The last result of each clip in a journal, read from the file when asked for.

    A million results are a gigabyte; their places in the file are a tenth of that. Thread-safe.
    """

    def __init__(self, path: Path, places: Mapping[int, int]) -> None:
        self._places = places
        self._file = os.open(path, os.O_RDONLY) if places else None

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        for offset in self._places.values():
            yield self._read(offset).key

    def __getitem__(self, key: str) -> Result:
        return self._read(self._places[hash64(key)])

    def __del__(self) -> None:
        if self._file is not None:
            os.close(self._file)

    def _read(self, offset: int) -> Result:
        assert self._file is not None
        line = b""
        while b"\n" not in line:
            line += os.pread(self._file, LINE_BYTES, offset + len(line))
        result = _parsed(line[: line.index(b"\n")])
        assert result is not None
        return result


class Journal:
    """The journal file of one build, with one writer.

    Args:
        path: of the file; created when the first line is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def results(self) -> Iterator[Result]:
        """All results in the order of writing; the last one of a key counts."""
        for _, result in self._lines():
            yield result

    def latest(self) -> Latest:
        """The last result of each clip, as of now."""
        return Latest(self._path, {hash64(result.key): offset for offset, result in self._lines()})

    def _lines(self) -> Iterator[tuple[int, Result]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            offset = 0
            for line in file:
                if not line.endswith(b"\n"):
                    return  # torn by a kill
                result = _parsed(line)
                if result is not None:
                    yield offset, result
                offset += len(line)

    def append(self, result: Result) -> None:
        """Add a result.

        Raises:
            DiskError: no space left.
        """
        with disk_errors(self._path):
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._mend()
                self._file = self._path.open("ab")
            seam("journal.before-append", result.key)
            self._file.write(_line(result))
            self._file.flush()
            seam("journal.after-append", result.key)

    def take_in(self, others: Iterable[Path]) -> None:
        """Append the results of other journals and remove their files.

        Killed in between it is simply done again: a result may stand in a journal twice.
        """
        for path in others:
            for result in Journal(path).results():
                self.append(result)
            self.close()
            seam("journal.before-drop", path)
            path.unlink()

    def compact(self, keep: Mapping[str, Result]) -> None:
        """Write the journal anew with these results only."""
        self.close()
        with atomic_open(self._path) as file:
            for result in keep.values():
                file.write(_line(result))

    def close(self) -> None:
        """Close the file; durable from here on."""
        if self._file is not None:
            with disk_errors(self._path):
                self._file.flush()
                seam("journal.before-sync", self._path)
                os.fsync(self._file.fileno())
                self._file.close()
            self._file = None

    def _mend(self) -> None:
        # A torn last line would swallow the next one: cut it off before the first append.
        if not self._path.exists():
            return
        with self._path.open("rb+") as file:
            data = file.read()
            end = data.rfind(b"\n") + 1
            if end != len(data):
                file.truncate(end)


def _parsed(line: bytes) -> Result | None:
    """A line as a result; None where another version wrote it: its clip is looked up again."""
    try:
        return _result(json.loads(line))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _line(result: Result) -> bytes:
    value: dict[str, Any] = {"key": result.key}
    if result.reject is not None:
        value["reject"] = result.reject.to_json()
    for name in _WRITTEN:
        content = getattr(result, name)
        if content:
            value[name] = content
    return canonical_json(value).encode("utf-8") + b"\n"


def _result(value: Mapping[str, Any]) -> Result:
    reject = value.get("reject")
    return Result(
        **{
            **value,
            "reject": Reject.from_json(reject) if reject else None,
            "flags": tuple(value.get("flags", ())),
        }
    )

"""The store: content-addressed outputs of the stages, the memory that makes a run resumable.

Two kinds of files. `objects/ab/cdef...` are bytes named by their sha256. `actions/STAGE/ab/FP.json`
say what a stage made of an input: facts, names of objects, or a reject. An action is written after
its objects, so whoever finds it finds them. Nothing is fsynced: after a power cut a file may be
empty, which shows because every reader checks digests, and costs one recomputation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import canonical_json, sha256_bytes, sha256_file
from sign_etl.core.files import OUTLIVED_S, atomic_open, disk_errors, publish, scratch, sweep
from sign_etl.core.seams import seam


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the store."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What a stage made of one input.

    Attributes:
        stage: name of the stage.
        fingerprint: digest of input, stage version, parameters and weights.
        facts: JSON facts about the output.
        blobs: output files by name.
        reject: set where the input cannot be processed; then there are no blobs.
    """

    stage: str
    fingerprint: str
    facts: Mapping[str, Any]
    blobs: Mapping[str, Blob]
    reject: Mapping[str, Any] | None = None


def open_store(url: str | Path) -> Store:
    """The store at a path, a `file://` address, or one that fsspec knows (`s3://bucket/folder`).

    Raises:
        UsageError: there is no such storage.
        MissingExtraError: its package is not installed.
    """
    scheme, separator, _ = str(url).partition("://")
    if not separator or scheme == "file":
        return Store(url)
    from sign_etl.core.remote_store import RemoteStore

    return RemoteStore(str(url))


def encoded(entry: Entry) -> bytes:
    """An entry as it stands in its file."""
    value: dict[str, Any] = {
        "facts": dict(entry.facts),
        "blobs": {name: [blob.sha256, blob.size_bytes] for name, blob in entry.blobs.items()},
    }
    if entry.reject is not None:
        value["reject"] = dict(entry.reject)
    return canonical_json(value).encode("utf-8")


class Store:
    """A store in a local folder, or on a network file system.

    Safe for many writers: all writes are renames, and equal names have equal content.

    Args:
        url: a path or `file://` URL.
    """

    _swept = False

    def __init__(self, url: str | Path) -> None:
        self.root = Path(str(url).removeprefix("file://")).expanduser().absolute()
        self.url = str(self.root)

    def get(self, stage: str, fingerprint: str) -> Entry | None:
        """The entry with this fingerprint, or None (also where its file is damaged)."""
        try:
            value = json.loads(self._action_path(stage, fingerprint).read_bytes())
            blobs = {
                name: Blob(sha256, size_bytes)
                for name, (sha256, size_bytes) in value["blobs"].items()
            }
            return Entry(stage, fingerprint, value["facts"], blobs, value.get("reject"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(
        self,
        stage: str,
        fingerprint: str,
        *,
        facts: Mapping[str, Any],
        files: Mapping[str, Path] | None = None,
        known: Mapping[str, str] | None = None,
        reject: Mapping[str, Any] | None = None,
    ) -> Entry:
        """Record what a stage made.

        Args:
            stage: name of the stage.
            fingerprint: see `Entry`.
            facts: JSON values.
            files: output files by name; they are moved into the store.
            known: sha256 of those of them that were hashed while they were written.
            reject: JSON form of the reject, instead of files.
        """
        blobs = {
            name: self.adopt(path, (known or {}).get(name)) for name, path in (files or {}).items()
        }
        return self._record(Entry(stage, fingerprint, dict(facts), blobs, reject))

    def adopt(self, path: Path, sha256: str | None = None) -> Blob:
        """Move a finished file (of `scratch()`) into the objects."""
        blob = Blob(sha256 or sha256_file(path), path.stat().st_size)
        target = self._place(blob)
        target.parent.mkdir(parents=True, exist_ok=True)
        with disk_errors(target):
            publish(path, target, durable=False)
        return blob

    def path(self, blob: Blob) -> Path:
        """Where the bytes of `blob` are, or would be."""
        return self._place(blob)

    def has(self, blob: Blob) -> bool:
        """True if the bytes are there with the right size (content is checked by `read`)."""
        try:
            return self._place(blob).stat().st_size == blob.size_bytes
        except OSError:
            return False

    def complete(self, entry: Entry) -> bool:
        """True if every blob of `entry` is there."""
        return all(self.has(blob) for blob in entry.blobs.values())

    def read(self, blob: Blob) -> bytes | None:
        """The bytes of `blob`, or None where they are missing or damaged (then also removed)."""
        try:
            data = self.path(blob).read_bytes()
        except OSError:
            return None
        if sha256_bytes(data) != blob.sha256:
            self.drop(blob)
            return None
        return data

    def by_digest(self, sha256: str) -> bytes | None:
        """The bytes with this digest, for those who do not know their size; changes nothing."""
        try:
            data = self._object_path(sha256).read_bytes()
        except OSError:
            return None
        return data if sha256_bytes(data) == sha256 else None

    def drop(self, blob: Blob) -> None:
        """Remove the bytes of `blob`; its actions stay and count as incomplete."""
        self._place(blob).unlink(missing_ok=True)

    def forget(self, stage: str, fingerprint: str) -> None:
        """Remove an entry; its objects stay, see `drop`."""
        self._action_path(stage, fingerprint).unlink(missing_ok=True)

    def check(self) -> None:
        """Try to write.

        Raises:
            OSError, StorageError: it cannot be written.
        """
        with self.scratch() as folder:
            (folder / "check").write_bytes(b"sign-etl")

    def scratch(self) -> Any:
        """A private folder on the store's own disk, for files to be adopted: a context manager."""
        folder = self.root / "scratch"
        if not self._swept:
            self._swept = True
            sweep(folder, older_than_s=OUTLIVED_S)
        return scratch(folder)

    def _record(self, entry: Entry) -> Entry:
        """Write an action; the entry that counts from here on comes back."""
        path = self._action_path(entry.stage, entry.fingerprint)
        seam("store.before-action", path)
        with atomic_open(path, durable=False) as file:
            file.write(encoded(entry))
        return entry

    def _place(self, blob: Blob) -> Path:
        return self._object_path(blob.sha256)

    def _object_path(self, sha256: str) -> Path:
        return self.root / "objects" / sha256[:2] / sha256[2:]

    def _action_path(self, stage: str, fingerprint: str) -> Path:
        return self.root / "actions" / stage / fingerprint[:2] / f"{fingerprint}.json"

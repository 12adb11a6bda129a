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
from sign_etl.core.errors import UsageError
from sign_etl.core.files import atomic_open, disk_errors, publish, scratch


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


class Store:
    """A store in a local folder (or a network file system; object stores come through fsspec).

    Safe for many writers: all writes are renames, and equal names have equal content.

    Args:
        url: a path or `file://` URL.
    """

    def __init__(self, url: str | Path) -> None:
        text = str(url)
        scheme, separator, rest = text.partition("://")
        if separator and scheme != "file":
            raise UsageError(
                f"a store on `{scheme}` is not supported yet",
                hint="give --store a folder, on a shared file system for a cluster",
            )
        self.root = Path(rest if separator else text).expanduser().absolute()

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
        value: dict[str, Any] = {
            "facts": dict(facts),
            "blobs": {name: [blob.sha256, blob.size_bytes] for name, blob in blobs.items()},
        }
        if reject is not None:
            value["reject"] = dict(reject)
        path = self._action_path(stage, fingerprint)
        with atomic_open(path, durable=False) as file:
            file.write(canonical_json(value).encode("utf-8"))
        return Entry(stage, fingerprint, dict(facts), blobs, reject)

    def adopt(self, path: Path, sha256: str | None = None) -> Blob:
        """Move a finished file (of `scratch()`) into the objects."""
        blob = Blob(sha256 or sha256_file(path), path.stat().st_size)
        target = self.path(blob)
        target.parent.mkdir(parents=True, exist_ok=True)
        with disk_errors(target):
            publish(path, target, durable=False)
        return blob

    def path(self, blob: Blob) -> Path:
        """Where the bytes of `blob` are, or would be."""
        return self.root / "objects" / blob.sha256[:2] / blob.sha256[2:]

    def has(self, blob: Blob) -> bool:
        """True if the bytes are there with the right size (content is checked by `read`)."""
        try:
            return self.path(blob).stat().st_size == blob.size_bytes
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

    def drop(self, blob: Blob) -> None:
        """Remove the bytes of `blob`; its actions stay and count as incomplete."""
        self.path(blob).unlink(missing_ok=True)

    def scratch(self) -> Any:
        """A private folder on the store's own disk, for files to be adopted: a context manager."""
        return scratch(self.root / "scratch")

    def _action_path(self, stage: str, fingerprint: str) -> Path:
        return self.root / "actions" / stage / fingerprint[:2] / f"{fingerprint}.json"

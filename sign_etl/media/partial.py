"""What an interrupted download leaves behind, and what a later one may build on.

Beside the bytes stands a note: how many of them are meant, their sha256, and the validator that
the server gave. The digest makes the note trustworthy without any fsync: after a power cut the
bytes either still have it, or the download starts over.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any, Protocol

import httpx

from sign_etl.core.canonical import CHUNK_BYTES, canonical_json, digest
from sign_etl.core.files import atomic_open
from sign_etl.core.seams import seam
from sign_etl.schema.clip import Source


class Hasher(Protocol):
    """A running digest of `hashlib`."""

    def update(self, data: bytes, /) -> None:
        """Eat `data`."""

    def hexdigest(self) -> str:
        """The digest of what was eaten so far."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes that may be built on.

    Attributes:
        size_bytes: how many.
        validator: what the server must confirm.
        total_bytes: size of the whole, None where it was not announced.
        hasher: has eaten those bytes.
    """

    size_bytes: int
    validator: str
    total_bytes: int | None
    hasher: Hasher


class Partial:
    """The unfinished file of one source in the caller's folder.

    Args:
        folder: the caller's private folder.
        source: whose file; other headers or another address make another file.
    """

    def __init__(self, folder: Path, source: Source) -> None:
        name = digest([source.id, source.url, source.headers])[:32]
        self.final = folder / f"{name}.media"
        self.path = folder / f"{name}.part"
        self._note = folder / f"{name}.part.json"

    @property
    def resumable(self) -> bool:
        """True if a later call may find something to build on."""
        return self._note.is_file()

    @property
    def size_bytes(self) -> int:
        """Bytes of the unfinished file, 0 where there is none."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def load(self) -> Progress | None:
        """What a former attempt or process left, None if it is nothing to build on."""
        try:
            note = json.loads(self._note.read_bytes())
            size_bytes, total_bytes = int(note["size_bytes"]), note["total_bytes"]
            hasher = hashlib.sha256()
            with self.path.open("rb") as file:
                left = size_bytes
                while left and (chunk := file.read(min(left, CHUNK_BYTES))):
                    hasher.update(chunk)
                    left -= len(chunk)
            if left or size_bytes <= 0 or hasher.hexdigest() != note["sha256"]:
                return None
            return Progress(size_bytes, str(note["validator"]), total_bytes, hasher)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def append(self, progress: Progress) -> IO[bytes]:
        """Open the file behind the bytes of `progress`; what follows them is cut off."""
        file = self.path.open("r+b")
        file.truncate(progress.size_bytes)
        file.seek(progress.size_bytes)
        return file

    def start_over(self) -> IO[bytes]:
        """Open an empty file."""
        self._note.unlink(missing_ok=True)
        return self.path.open("wb")

    def note(
        self, size_bytes: int, sha256: str, *, validator: str, total_bytes: int | None
    ) -> None:
        """Remember that so many bytes (already handed to the system) have this digest."""
        value: dict[str, Any] = {
            "size_bytes": size_bytes,
            "sha256": sha256,
            "validator": validator,
            "total_bytes": total_bytes,
        }
        with atomic_open(self._note, durable=False) as file:
            file.write(canonical_json(value).encode("utf-8"))

    def finish(self) -> Path:
        """Give the finished file its name."""
        seam("fetch.before-rename", self.final)
        os.replace(self.path, self.final)
        self._note.unlink(missing_ok=True)
        return self.final

    def discard(self) -> None:
        """Remove everything: nobody will build on it."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def strong_validator(headers: httpx.Headers) -> str | None:
    """What If-Range may carry: a strong ETag, else a Last-Modified that is old enough.

    A date is strong only where the answer itself is at least a second younger (RFC 9110, section
    8.8.2.2): two versions written within one second would share it.
    """
    etag = headers.get("etag", "").strip()
    if etag:
        return etag if etag.startswith('"') else None
    modified = headers.get("last-modified", "").strip()
    try:
        age = parsedate_to_datetime(headers.get("date", "")) - parsedate_to_datetime(modified)
    except (ValueError, TypeError, IndexError):
        return None
    return modified if age.total_seconds() >= 1 else None


def any_validator(headers: httpx.Headers) -> str | None:
    """The ETag, else the Last-Modified, for the record."""
    return headers.get("etag") or headers.get("last-modified") or None

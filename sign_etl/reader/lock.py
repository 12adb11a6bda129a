"""`build.lock` as readers need it: which bytes stand behind each clip, line by line.

A lock of a million clips is half a gigabyte of text, so nobody holds it: lines are read one after
the other, or each by its place in the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from sign_etl.core.canonical import hash64
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.schema.records import LockHead

LOCK_FILE = "build.lock"
SCHEMA = str(get_args(LockHead.model_fields["schema_"].annotation)[0])
LINE_BYTES = 2048
"""Most lines are shorter."""
_COPY_HINT = "take a copy of it, or let `sign-etl ingest` write it anew"

Line = Mapping[str, Any]


class Lock:
    """A lock, read when it is asked.

    Args:
        path: of the file.
        head: its first line.

    Attributes:
        path: of the file.
        head: what decided about the bytes.
    """

    def __init__(self, path: Path, head: LockHead) -> None:
        self.path = path
        self.head = head
        self._found: dict[int, int] | None = None
        self._file: int | None = None

    def __len__(self) -> int:
        """Number of clips."""
        return len(self._places)

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            os.close(self._file)  # type: ignore[arg-type]

    def get(self, key: str) -> Line | None:
        """The line of one clip, see `sign_etl.schema.records.LockLine`; None without one.

        Thread-safe after the first call, which reads the whole file once.

        Raises:
            VerifyError: the file is damaged.
        """
        offset = self._places.get(hash64(key))
        if offset is None:
            return None
        if self._file is None:
            self._file = os.open(self.path, os.O_RDONLY)
        text = b""
        while b"\n" not in text:
            part = os.pread(self._file, LINE_BYTES, offset + len(text))
            if not part:
                break
            text += part
        return parse_line(text.partition(b"\n")[0], self.path)

    def lines(self) -> Iterator[Line]:
        """All lines in plan order.

        Raises:
            VerifyError: the file is damaged.
        """
        for text in self.raw_lines():
            yield parse_line(text, self.path)

    def raw_lines(self) -> Iterator[bytes]:
        """All lines in plan order, as they stand in the file."""
        with self.path.open("rb") as file:
            next(file, None)
            for text in file:
                yield text.rstrip(b"\n")

    @property
    def _places(self) -> dict[int, int]:
        if self._found is None:
            places: dict[int, int] = {}
            with self.path.open("rb") as file:
                offset = len(next(file, b""))
                for text in file:
                    places[hash64(parse_line(text, self.path)["key"])] = offset
                    offset += len(text)
            self._found = places
        return self._found


def open_lock(path: Path) -> Lock:
    """Open the lock of a build, or a lock by itself.

    Args:
        path: the folder of a build, or a file.

    Raises:
        UsageError: there is none.
        VerifyError: it is damaged or of another version.
    """
    file = path / LOCK_FILE if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            first = opened.readline()
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(
            f"there is no lock at {file}", hint="every `sign-etl ingest` writes BUILD/build.lock"
        ) from None
    try:
        value = json.loads(first)
        found = value["schema"]
    except (ValueError, KeyError, TypeError):
        raise VerifyError(
            f"{file} is no lock: its first line is not the head of one",
            hint="name a build, or the build.lock that `sign-etl ingest` wrote",
        ) from None
    if found != SCHEMA:
        raise VerifyError(
            f"{file} has the format `{found}`, this sign-etl reads `{SCHEMA}`",
            hint="pip install --upgrade sign-etl",
        )
    try:
        return Lock(file, LockHead.model_validate(value))
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise VerifyError(
            f"{file} is damaged: its first line has a wrong `{where}`", hint=_COPY_HINT
        ) from None


def parse_line(text: bytes, path: Path) -> Line:
    """A line of a lock.

    Raises:
        VerifyError: it is none; the lock is damaged.
    """
    try:
        value = json.loads(text)
        if isinstance(value["key"], str) and isinstance(value["outcome"], str):
            line: Line = value
            return line
    except (ValueError, KeyError, TypeError):
        pass
    raise VerifyError(
        f"{path} is damaged: `{text[:40].decode('utf-8', 'replace')}` is no line of a lock",
        hint=_COPY_HINT,
    )


def lock_lines(build: Path, *, plan: str) -> Iterator[Line] | None:
    """The lines of a build's lock, one a requested clip; torn ones are left out.

    Args:
        build: the build folder.
        plan: digest of the plan, as the manifest has it.

    Returns:
        None where there is no lock, or where it is of another plan: the manifest does not vouch
        for it.
    """
    try:
        lock = open_lock(build)
    except (UsageError, VerifyError, OSError):
        return None
    return _readable(lock) if lock.head.plan == plan else None


def _readable(lock: Lock) -> Iterator[Line]:
    for text in lock.raw_lines():
        try:
            yield parse_line(text, lock.path)
        except VerifyError:
            continue

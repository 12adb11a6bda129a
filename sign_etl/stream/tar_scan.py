"""What is in a foreign tar: its samples with the places of their members, and what is wrong."""

from __future__ import annotations

import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from sign_etl.core.errors import UsageError

Dots = Literal["auto", "first", "last"]
ProblemKind = Literal[
    "duplicate-key", "duplicate-member", "interleaved", "missing-member", "no-extension",
    "truncated", "unreadable-json",
]  # fmt: skip
TEXT_BYTES = 1 << 20
"""JSON and text members beyond this are not read."""
_FIRST = re.compile(r"^((?:.*/)?[^./][^./]*)\.([^/]+)$", re.DOTALL)
_LAST = re.compile(r"^((?:.*/)?[^/]+)\.([^./]+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something odd or broken.

    Attributes:
        shard: the tar, relative to the folder.
        key: of the sample; the member's name where there is none; where a tar breaks off between
            two samples, the last one before.
        problem: of a closed list.
        ext: the member that is concerned, empty where none is.
    """

    shard: str
    key: str
    problem: ProblemKind
    ext: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes of a member are; `crc32` is None where they were not read."""

    offset: int
    size_bytes: int
    crc32: int | None


@dataclass(slots=True)
class Scanned:
    """A sample of a foreign tar.

    Attributes:
        key: its name, folders included.
        shard: the tar, relative to the folder.
        members: places by member name.
        facts: what its `.json` says.
        label: class name.
        label_number: content of `.cls`.
        text: sentence.
        frames: first axis of the first array, 0 where there is none.
        array_shapes: shape of each array.
    """

    key: str
    shard: str
    members: dict[str, Place] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    label: str | None = None
    label_number: int | None = None
    text: str | None = None
    frames: int = 0
    array_shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShardScan:
    """One tar.

    Attributes:
        path: relative to the folder.
        size_bytes: of the file.
        samples: in order of first appearance.
        problems: what is wrong in it.
    """

    path: str
    size_bytes: int
    samples: tuple[Scanned, ...]
    problems: tuple[Problem, ...]


def scan_shard(folder: Path, path: Path, *, dots: Dots, checksums: bool) -> ShardScan:
    """Samples of one tar, with what their small members tell.

    Members of one key may stand anywhere in the tar: reading by offset does not mind, other readers
    do, so it is noted.

    Raises:
        UsageError: the file is compressed or no tar.
    """
    shard = path.relative_to(folder).as_posix()
    size = path.stat().st_size
    pattern = _LAST if dots == "last" else _FIRST
    samples: dict[str, Scanned] = {}
    problems: list[Problem] = []
    last = ""
    with path.open("rb") as data:
        for name, offset, length in _members(path, size):
            if not name:
                problems.append(Problem(shard, last, "truncated", ""))
                break
            match = pattern.match(name)
            if match is None:
                problems.append(Problem(shard, name, "no-extension", ""))
                continue
            key, ext = match[1], match[2].lower()
            if offset + length > size:
                problems.append(Problem(shard, key, "truncated", ext))
                samples.pop(key, None)
                continue
            if key in samples and key != last:
                problems.append(Problem(shard, key, "interleaved", ext))
            last = key
            sample = samples.setdefault(key, Scanned(key, shard))
            if ext in sample.members:
                problems.append(Problem(shard, key, "duplicate-member", ext))
                continue
            crc32 = _crc32(data, offset, length) if checksums else None
            sample.members[ext] = Place(offset, length, crc32)
            data.seek(offset)
            if not _learn(sample, ext, data, length):
                problems.append(Problem(shard, key, "unreadable-json", ext))
    return ShardScan(shard, size, tuple(samples.values()), tuple(problems))


def _members(path: Path, size: int) -> Iterator[tuple[str, int, int]]:
    """Name, offset and size of each plain file; the last one may reach beyond the end.

    A tar that ends without an end mark, or has a damaged header, ends with a nameless member that
    reaches beyond the end.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it keeps all of them otherwise
                name = member.name.removeprefix("./")
                tail = name.rpartition("/")[2]
                if member.isreg() and not (tail.startswith("__") and tail.endswith("__")):
                    yield name, member.offset_data, member.size
                if member.offset_data + member.size > size:
                    return
            end = tar.offset
    except tarfile.ReadError as error:
        if "unexpected end" not in str(error):
            raise UsageError(
                f"{path.name} is compressed or no tar", hint="unpack it: offsets need plain tars"
            ) from None
        end = size
    with path.open("rb") as file:
        file.seek(end)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            yield "", size, 1


def _learn(sample: Scanned, ext: str, data: IO[bytes], length: int) -> bool:
    """Take from a member what it tells about its sample; False where it is not what it claims."""
    if ext.endswith("npy"):
        shape = _array_shape(data)
        if shape:
            sample.array_shapes[ext] = shape
            sample.frames = sample.frames or shape[0]
    elif length <= TEXT_BYTES and ext in ("json", "txt", "cls"):
        text = data.read(length).decode("utf-8", "replace").strip()
        if ext == "txt":
            sample.text = text or sample.text
        elif ext == "cls":
            sample.label_number = int(text) if text.isdecimal() and len(text) < 8 else None
            sample.label = sample.label if sample.label_number is not None else text or None
        else:
            return _learn_json(sample, text)
    return True


def _learn_json(sample: Scanned, text: str) -> bool:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if isinstance(facts, dict):
        sample.facts = facts
        for name in ("text", "caption", "translation"):
            if sample.text is None and isinstance(facts.get(name), str):
                sample.text = facts[name] or None
        label = facts.get("label")
        if isinstance(label, str | int) and not isinstance(label, bool) and label != "":
            sample.label = str(label)
    return True


def _array_shape(data: IO[bytes]) -> tuple[int, ...]:
    try:
        version = np.lib.format.read_magic(data)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        return tuple(int(each) for each in read(data)[0])
    except ValueError:
        return ()


def _crc32(data: IO[bytes], offset: int, length: int) -> int:
    data.seek(offset)
    crc32 = 0
    while length:
        part = data.read(min(length, 1 << 20))
        crc32 = zlib.crc32(part, crc32)
        length -= len(part)
    return crc32

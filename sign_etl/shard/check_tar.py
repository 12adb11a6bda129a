"""A shard read back through `tarfile` and held against its rows of the index, side by side."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from sign_etl.shard.check_sample import Rules, check_row, check_sample
from sign_etl.shard.tar import BLOCK, END_BLOCKS, RECORD

ZEROED = ("mtime", "uid", "gid")


def check_tar(
    path: Path,
    rows: Iterator[Mapping[str, Any]],
    rules: Rules,
    *,
    on_sample: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """Problems of one shard, each beginning with the key where one is known.

    Args:
        path: the tar.
        rows: its rows of the index, in order.
        rules: what the samples of the build have in common.
        on_sample: called for each sample that was read back.
    """
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            yield from _side_by_side(tar, file, rows, rules, on_sample)
    except (tarfile.TarError, OSError, EOFError):
        yield "cannot be read as a tar to its end"


def _side_by_side(
    tar: tarfile.TarFile,
    file: IO[bytes],
    rows: Iterator[Mapping[str, Any]],
    rules: Rules,
    on_sample: Callable[[], None],
) -> Iterator[str]:
    end = 0
    for row in rows:
        key = row["key"]
        contents: dict[str, bytes] = {}
        yield from (f"{key}: {problem}" for problem in check_row(row, rules))
        for member in row["members"]:
            wanted = f"{key}.{member['name']}"
            info = tar.next()
            tar.members = []  # type: ignore[attr-defined]  # tarfile would keep every header
            if info is None or info.name != wanted:
                found = f"`{info.name}`" if info else "the end"
                yield f"{key}: has {found} where the index says `{wanted}`"
                return  # nothing after this can be matched
            yield from (f"{key}: {wanted} {problem}" for problem in _check_header(info, end))
            end = info.offset_data + info.size + (-info.size % BLOCK)
            if (info.offset_data, info.size) != (member["offset"], member["size_bytes"]):
                yield (
                    f"{key}: {wanted} has {info.size} bytes from {info.offset_data} on, the index "
                    f"says {member['size_bytes']} from {member['offset']} on"
                )
            file.seek(info.offset_data)
            data = file.read(info.size)
            if len(data) != info.size:
                yield f"{key}: {wanted} breaks off"
                return
            if zlib.crc32(data) != member["crc32"]:
                yield f"{key}: {wanted} has another crc32 than the index says"
            contents[member["name"]] = data
        on_sample()
        yield from (f"{key}: {problem}" for problem in check_sample(row, contents, rules))
    info = tar.next()
    if info is not None:
        yield f"has `{info.name}`, which the index does not name"
        return
    size = file.seek(0, 2)
    end += END_BLOCKS * BLOCK
    if size != end + (-end % RECORD):
        yield f"has {size:,} bytes, its members and end mark need {end + (-end % RECORD):,}"


def _check_header(info: tarfile.TarInfo, end: int) -> Iterator[str]:
    if not info.isreg():
        yield "is no regular file"
    if info.offset_data != end + BLOCK:
        yield f"does not follow the member before it (byte {end})"
    yield from (
        f"has {name} {getattr(info, name)} instead of 0" for name in ZEROED if getattr(info, name)
    )

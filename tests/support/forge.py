"""Changes to a tiny build that keep its digests, offsets and checksums in order.

What such a build says is wrong then shows only to whoever looks at the content.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
from tiny_build import reseal

from sign_etl.schema.tables import INDEX, LEDGER, read_table, write_table
from sign_etl.shard.tar import TarWriter

Row = dict[str, Any]


def change_member(build: Path, key: str, member: str, change: Callable[[bytes], bytes]) -> None:
    """Put other bytes into a member; its shard, the index and the manifest follow."""
    rows = read_table(build / "index.parquet", INDEX).to_pylist()
    shard = next(row["shard"] for row in rows if row["key"] == key)
    with tarfile.open(build / shard) as tar:
        contents = {info.name: _content(tar, info) for info in tar}
    name = f"{key}.{member}"
    contents[name] = change(contents[name])
    places = {}
    with (build / shard).open("wb") as file:
        writer = TarWriter(file)
        for member_name, data in contents.items():
            places[member_name] = writer.add(member_name, data)
        writer.finish()
    for row in rows:
        for entry in row["members"] if row["shard"] == shard else ():
            place = places[f"{row['key']}.{entry['name']}"]
            entry.update(offset=place.offset, size_bytes=place.size_bytes, crc32=place.crc32)
    write_table(build / "index.parquet", pa.Table.from_pylist(rows, INDEX))
    reseal(build)


def change_index(build: Path, change: Callable[[list[Row]], object]) -> None:
    """Edit the rows of the index; the manifest follows."""
    _change_table(build / "index.parquet", INDEX, change)
    reseal(build)


def change_ledger(build: Path, change: Callable[[list[Row]], object]) -> None:
    """Edit the rows of the ledger; the manifest's digests follow, its counts do not."""
    _change_table(build / "ledger.parquet", LEDGER, change)
    reseal(build)


def _change_table(path: Path, schema: pa.Schema, change: Callable[[list[Row]], object]) -> None:
    rows = read_table(path, schema).to_pylist()
    change(rows)
    write_table(path, pa.Table.from_pylist(rows, schema))


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(info)
    assert file is not None
    return file.read()

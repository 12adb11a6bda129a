"""Arrow schemas of the published tables, and the one way to write them.

Parquet bytes depend on how a table was chunked before, so a table is combined into one chunk and
written in row groups of a fixed size; equal tables then give equal files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sign_etl.core.files import atomic_open

ROW_GROUP = 65_536

_BLOB = pa.struct(
    [
        pa.field("name", pa.string(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("size_bytes", pa.int64(), nullable=False),
        pa.field("crc32", pa.uint32(), nullable=False),
    ]
)

_CLIP = [
    pa.field("key", pa.string(), nullable=False),
    pa.field("annotation_id", pa.string(), nullable=False),
    pa.field("source_id", pa.string(), nullable=False),
    pa.field("split", pa.string(), nullable=False),
    pa.field("label", pa.string()),
    pa.field("label_id", pa.int32()),
    pa.field("gloss", pa.string()),
    pa.field("text", pa.string()),
    pa.field("language", pa.string(), nullable=False),
    pa.field("signer", pa.string()),
    pa.field("start_s", pa.float64(), nullable=False),
    pa.field("end_s", pa.float64()),
]

INDEX = pa.schema(
    [
        *_CLIP,
        pa.field("fps", pa.float64(), nullable=False),
        pa.field("frames", pa.int32(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
        pa.field("quality", pa.map_(pa.string(), pa.float64()), nullable=False),
        pa.field("extra", pa.map_(pa.string(), pa.string()), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("members", pa.list_(_BLOB), nullable=False),
    ],
    metadata={"schema": "sign-etl/index/1"},
)
"""One row per written sample, in shard order; `members` name the extension (`json`, `mp4`,
`blazepose.npy`) and say where the bytes of the member begin in the tar `shard`."""

PLAN = pa.schema(
    [
        *_CLIP,
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("names", pa.list_(pa.string()), nullable=False),
        pa.field("headers", pa.map_(pa.string(), pa.string()), nullable=False),
        pa.field("trimmed", pa.bool_(), nullable=False),
        pa.field("frames_fps", pa.float64()),
        pa.field("keypoints", pa.string()),
        pa.field("part", pa.string()),
        pa.field("declared_fps", pa.float64()),
        pa.field("bbox", pa.list_(pa.float64())),
        pa.field("extra", pa.map_(pa.string(), pa.string()), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("source_rank", pa.int64(), nullable=False),
    ],
    metadata={"schema": "sign-etl/plan/1"},
)
"""One row per requested clip, in canonical order; `source_rank` orders the sources for the run."""

LEDGER = pa.schema(
    [
        *_CLIP,
        pa.field("shard", pa.string(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("stage", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("retryable", pa.bool_(), nullable=False),
        pa.field("flags", pa.list_(pa.string()), nullable=False),
    ],
    metadata={"schema": "sign-etl/ledger/1"},
)
"""One row per requested clip, in plan order, with its outcome."""


def write_table(path: Path, table: pa.Table) -> None:
    """Write `table` as Parquet (zstd), atomically; equal tables give equal bytes."""
    table = table.combine_chunks()
    with atomic_open(path) as file:
        pq.write_table(
            table,
            file,
            row_group_size=ROW_GROUP,
            compression="zstd",
            use_dictionary=True,
            write_statistics=True,
            store_schema=True,
        )


def numbers(values: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    """A column of numbers without nulls as numpy sees it; read-only, shared where possible.

    `to_numpy` would import pandas where it is installed: a second and 60 MB in every worker.
    """
    if isinstance(values, pa.ChunkedArray):
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    array: NDArray[Any] = np.from_dlpack(values)
    return array


def column(values: NDArray[Any]) -> pa.Array:
    """Numbers as a column without nulls; memory is shared.

    `pa.array` would import pandas, as in `numbers`.
    """
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def read_table(path: Path, expected: pa.Schema, columns: tuple[str, ...] | None = None) -> pa.Table:
    """Read a published table, or some columns of it, and check that it has the expected ones.

    Raises:
        ValueError: another schema name or other columns.
    """
    # Not `pq.read_table`: it loads pyarrow.dataset, and that loads pandas, for a second or two.
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        name = (schema.metadata or {}).get(b"schema", b"").decode()
        wanted = expected.metadata[b"schema"].decode()
        if name != wanted or not schema.equals(expected, check_metadata=False):
            raise ValueError(f"{path.name} is `{name or 'no sign-etl table'}`, not `{wanted}`")
        table = file.read(columns=list(columns) if columns else None)
    return table.replace_schema_metadata(schema.metadata)

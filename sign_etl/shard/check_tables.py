"""Index and ledger against each other and against the counts of the manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sign_etl.schema.outcome import Outcome, Reason, StageName
from sign_etl.schema.records import ManifestRecord
from sign_etl.schema.tables import INDEX, LEDGER, numbers

NAMED = 3
"""So many keys stand in a message."""

SHARED = [name for name in LEDGER.names if name in INDEX.names and name != "key"]


def check_index(index: pa.Table, manifest: ManifestRecord) -> Iterator[str]:
    """Problems of the index by itself and against the manifest."""
    yield from (f"index.parquet: {problem}" for problem in _twice(index))
    shards = {shard.path: shard for shard in manifest.shards}
    counts = _counts(index["shard"])
    for path in sorted(counts.keys() - shards.keys()):
        yield f"index.parquet: has {counts[path]} rows of {path}, which the manifest does not name"
    for path, shard in shards.items():
        if counts.get(path, 0) != shard.samples:
            yield f"{path}: has {counts.get(path, 0)} rows in the index, {shard.samples} samples"
    split_of = index.group_by(["shard", "split"]).aggregate([([], "count_all")]).to_pylist()
    for row in split_of:
        if row["shard"] in shards and row["split"] != shards[row["shard"]].split:
            yield f"{row['shard']}: holds samples of the split `{row['split']}`"
    paths = numbers(index["shard"].combine_chunks().dictionary_encode().indices)
    if len(paths) and np.count_nonzero(np.diff(paths)) + 1 != len(counts):
        yield "index.parquet: is not in shard order"
    yield from _differences("samples by split", _counts(index["split"]), manifest.splits)


def check_ledger(
    ledger: pa.Table, index: pa.Table | None, manifest: ManifestRecord
) -> Iterator[str]:
    """Problems of the ledger by itself, against the manifest, and against the index."""
    yield from (f"ledger.parquet: {problem}" for problem in _twice(ledger))
    requested = sum(manifest.counts.values())
    if len(ledger) != requested:
        yield f"ledger.parquet: has {len(ledger)} rows, the manifest counts {requested} clips"
    outcomes = _counts(ledger["outcome"])
    yield from _differences("clips by outcome", outcomes, manifest.counts)
    yield from _differences("rejects by reason", _counts(ledger["reason"]), manifest.reasons)
    for column, words in (("outcome", Outcome), ("reason", Reason), ("stage", StageName)):
        known = {str(word) for word in words}
        for word in sorted(_counts(ledger[column]).keys() - known):
            yield f"ledger.parquet: `{word}` is no {column}"
    written = ledger.filter(pc.equal(ledger["outcome"], str(Outcome.WRITTEN)))
    if written["reason"].null_count != len(written):
        yield "ledger.parquet: gives reasons for written clips"
    if index is not None:
        yield from _compare(written.sort_by("key"), index.sort_by("key"))


def _compare(written: pa.Table, index: pa.Table) -> Iterator[str]:
    if not _same(written["key"], index["key"]):
        left, right = set(written["key"].to_pylist()), set(index["key"].to_pylist())
        if left - right:
            yield f"ledger.parquet: says written, not in the index: {_named(left - right)}"
        if right - left:
            yield f"ledger.parquet: does not say written, in the index: {_named(right - left)}"
        return
    for column in SHARED:
        if not _same(written[column], index[column]):
            pairs = zip(
                written["key"].to_pylist(),
                written[column].to_pylist(),
                index[column].to_pylist(),
                strict=True,
            )
            keys = {key for key, one, other in pairs if one != other}
            yield f"ledger.parquet: {column} differs from the index: {_named(keys)}"


def _twice(table: pa.Table) -> Iterator[str]:
    if pc.count_distinct(table["key"]).as_py() != len(table):
        counts = _counts(table["key"])
        yield f"has keys twice: {_named({key for key, count in counts.items() if count > 1})}"


def _differences(what: str, found: Mapping[str, int], stated: Mapping[str, int]) -> Iterator[str]:
    for word in sorted(found.keys() | stated.keys()):
        one, other = found.get(word, 0), stated.get(word, 0)
        if one != other:
            yield f"manifest.json: {what}: {other} {word}, but there are {one}"


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    values = pc.value_counts(column.drop_null()).to_pylist()
    return {entry["values"]: entry["counts"] for entry in values}


def _same(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    return bool(one.equals(other))


def _named(keys: set[str]) -> str:
    names = sorted(keys)
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more

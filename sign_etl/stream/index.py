"""The samples of one or several builds as columns: nothing here is a Python object per sample.

A million rows cost about 60 bytes each in numpy; keys and texts stay in Arrow until a batch wants
them. Where the columns come from is in `sign_etl.stream.sources`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sign_etl.core.canonical import digest
from sign_etl.core.errors import ConfigError, UsageError, near_miss
from sign_etl.schema.tables import numbers
from sign_etl.stream.base import Filters, MemberNames
from sign_etl.stream.shots import few_of_each
from sign_etl.stream.sources import Source, open_source

_INDEX_HINT = "`sign-etl verify` checks a build; for tars of others run `sign-etl index` again"
_WEIGHT, _WEIGHT_HINT = "a `weight` of the annotations", "write numbers from 0 on, and build again"
TEXT_COLUMNS = ("key", "split", "label", "text", "gloss", "language", "signer")


@dataclass(frozen=True, slots=True)
class MemberColumns:
    """Where the bytes of one member are, for all N samples.

    Attributes:
        offset: (N,) int64, first byte in the shard.
        size_bytes: (N,) int64, -1 where the sample lacks the member.
        crc32: (N,) int64 of the data, -1 where it is not known.
    """

    offset: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    crc32: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """Strings out of Arrow memory; its own `take` costs a hundred times as much.

    Attributes:
        ends: (N + 1,) where each string begins in `data`, and where the last one ends.
        data: all of them in UTF-8.
        blank: True where all are empty.
    """

    ends: NDArray[np.int64]
    data: NDArray[np.uint8]
    blank: bool

    def take(self, rows: Sequence[int]) -> list[str]:
        """The strings of some rows."""
        if self.blank:
            return [""] * len(rows)
        wanted, data = np.asarray(rows, np.int64), self.data.data
        begins, ends = self.ends[wanted].tolist(), self.ends[wanted + 1].tolist()
        return [str(data[a:b], "utf-8") for a, b in zip(begins, ends, strict=True)]

    @classmethod
    def of(cls, column: Any) -> TextColumn:
        """The strings of an Arrow column, empty for null."""
        parts = [pa.array([], pa.large_string()), *pc.fill_null(column, "").chunks]
        whole = pa.concat_arrays([part.cast(pa.large_string()) for part in parts])
        _, ends, data = whole.buffers()
        count = len(whole)
        begins = (
            np.frombuffer(ends, np.int64, count + 1, whole.offset * 8) if count else np.zeros(1)
        )
        texts = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
        return cls(begins.astype(np.int64), texts, bool(count == 0 or begins[-1] == begins[0]))


@dataclass(frozen=True, slots=True)
class Index:
    """N samples of one or several builds.

    Attributes:
        sources: the builds, in the order in which they were given.
        labels: class names of all sources; `label_id` counts in here.
        shards: paths relative to their build.
        shard_source: (S,) int16, the source of each shard.
        shard: (N,) int32, number in `shards`.
        frames: (N,) int32, 0 where a foreign data set does not tell.
        label_id: (N,) int32, -1 without label.
        weight: (N,) float32, 1 unless the annotations have a column `weight`.
        fps: (N,) float32.
        width: (N,) int32 in pixels.
        height: (N,) int32 in pixels.
        members: by name.
        table: the text columns, an Arrow table.
        dataset_hash: 32 hex digits that bind the shards, their digests and the labels.
    """

    sources: tuple[Source, ...]
    labels: tuple[str, ...]
    shards: tuple[str, ...]
    shard_source: NDArray[np.int16]
    shard: NDArray[np.int32]
    frames: NDArray[np.int32]
    label_id: NDArray[np.int32]
    weight: NDArray[np.float32]
    fps: NDArray[np.float32]
    width: NDArray[np.int32]
    height: NDArray[np.int32]
    members: Mapping[str, MemberColumns]
    table: Any
    dataset_hash: str

    def __len__(self) -> int:
        """N."""
        return len(self.shard)

    @property
    def source(self) -> NDArray[np.int16]:
        """(N,) int16, number in `sources`."""
        return self.shard_source[self.shard]

    def column(self, name: str) -> Any:
        """A text column as an Arrow array: key, split, label, text, gloss, language or signer."""
        return self.table.column(name)

    def has(self, names: MemberNames) -> NDArray[np.bool_]:
        """(N,) True where a sample has the members that `names` gives for its source."""
        found = np.zeros(len(self), bool)
        for number, given in enumerate(names):
            there = self.source == number
            for name in (given,) if isinstance(given, str) else given:
                known = self.members.get(name)
                there = there & (known is not None and known.size_bytes >= 0)
            found |= there
        return found

    def rows(self, filters: Filters | None = None) -> NDArray[np.int64]:
        """Row numbers of the samples that pass `filters`, ascending.

        Raises:
            ConfigError: a filter names a split, label, signer or language that does not occur.
            UsageError: nothing is left.
        """
        filters = filters or Filters()
        keep = np.ones(len(self), bool)
        for name, values in (
            ("split", filters.splits),
            ("label", filters.labels),
            ("signer", filters.signers),
            ("language", filters.languages),
        ):
            if values:
                keep &= self._one_of(name, values)
        keep &= (self.frames >= filters.min_frames) | (self.frames == 0)
        if filters.max_frames:
            keep &= self.frames <= filters.max_frames
        some = keep.any()
        if filters.filled == "label":
            keep &= self.label_id >= 0
        elif filters.filled:
            said = pc.utf8_trim_whitespace(pc.fill_null(self.column(filters.filled), ""))
            keep &= _bools(pc.not_equal(said, ""))
        if not keep.any():
            what = f"has a {filters.filled}" if some else "passes the filters"
            raise UsageError(f"no sample {what}", hint="`sign-etl report` shows what the build has")
        rows = np.flatnonzero(keep)
        return few_of_each(self, rows, filters.shots, filters.seed) if filters.shots else rows

    def _one_of(self, name: str, values: Sequence[str]) -> NDArray[np.bool_]:
        column = self.column(name)
        known = tuple(value for value in pc.unique(column).to_pylist() if value is not None)
        for value in values:
            if value not in known:
                hint = near_miss(value, known) or f"it has {', '.join(sorted(known)[:8]) or 'none'}"
                raise ConfigError(f"the data has no {name} `{value}`", hint=hint)
        return _bools(pc.is_in(column, value_set=pa.array(list(values), pa.string())))


def open_index(
    inputs: Sequence[str | Path],
    *,
    labels: Literal["raw", "normal"] = "raw",
    cache: Path | None = None,
    cache_bytes: int | None = None,
) -> Index:
    """The samples of all `inputs`, one after the other.

    Args:
        inputs: build folders; folders of foreign tars after `sign-etl index`; fsspec addresses of
            either (`s3://bucket/builds/x`); `clearml://PROJECT/NAME`.
        labels: `normal` brings variants of a word, and classes of several builds, together.
        cache: folder for shards that are not local; default the user's cache folder.
        cache_bytes: so much of it may be filled; default no limit.

    Raises:
        UsageError: no input, or one that is no data set.
        VerifyError: a build is unfinished or damaged.
        MissingExtraError: an address needs a package that is not installed.
    """
    if not inputs:
        raise UsageError("no data set given", hint="name at least one build folder")
    opened = [open_source(each, cache=cache, cache_bytes=cache_bytes) for each in inputs]
    sources, tables = zip(*opened, strict=True)
    names, maps = _unite([s.labels if labels == "raw" else s.normal_labels for s in sources])
    shards, shard_source = list[str](), list[int]()
    shard_columns, label_columns = [], []
    for number, (source, table) in enumerate(zip(sources, tables, strict=True)):
        paths = list(source.shard_sizes)
        found = pc.index_in(table["shard"], value_set=pa.array(paths, pa.string()))
        if found.null_count:
            raise UsageError(f"{source.name}: a shard of its index is missing", hint=_INDEX_HINT)
        shard_columns.append(numbers(found.cast(pa.int32())) + len(shards))
        ids = numbers(pc.fill_null(table["label_id"], -1).cast(pa.int32()))
        label_columns.append(maps[number][ids])  # the last place stands for -1
        shards += paths
        shard_source += [number] * len(paths)
    texts = [table.select([*TEXT_COLUMNS]) for table in tables]
    table = pa.concat_tables(texts, promote_options="default").combine_chunks()
    return Index(
        sources=sources,
        labels=names,
        shards=tuple(shards),
        shard_source=np.array(shard_source, np.int16),
        shard=np.concatenate(shard_columns).astype(np.int32),
        frames=_column(tables, "frames", np.int32),
        label_id=np.concatenate(label_columns).astype(np.int32),
        weight=_weights(tables),
        fps=_column(tables, "fps", np.float32),
        width=_column(tables, "width", np.int32),
        height=_column(tables, "height", np.int32),
        members=_members(tables),
        table=table,
        dataset_hash=digest([labels, [[s.name, s.digest] for s in sources]])[:32],
    )


def _unite(labels: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], list[NDArray[np.int32]]]:
    """All class names in order of appearance, and for each source its numbers in there."""
    places: dict[str, int] = {}
    maps = []
    for names in labels:
        mine = [places.setdefault(name, len(places)) for name in names]
        maps.append(np.array([*mine, -1], np.int32))
    return tuple(places), maps


def _column(tables: Sequence[Any], name: str, dtype: Any) -> NDArray[Any]:
    return np.concatenate([numbers(table[name]) for table in tables]).astype(dtype)


def _weights(tables: Sequence[Any]) -> NDArray[np.float32]:
    columns = []
    for table in tables:
        extra = table["extra"].combine_chunks()
        found = pc.map_lookup(extra, pa.scalar("weight"), "first")
        filled = pc.fill_null(found, "1")
        try:
            columns.append(numbers(filled.cast(pa.float32())))
        except pa.ArrowInvalid:
            raise ConfigError(f"{_WEIGHT} is no number", hint=_WEIGHT_HINT) from None
    weights = np.concatenate(columns)
    if len(odd := weights[~(np.isfinite(weights) & (weights >= 0))]):
        raise ConfigError(f"{_WEIGHT} is {odd[0]:g}", hint=_WEIGHT_HINT)
    return weights


def _members(tables: Sequence[Any]) -> dict[str, MemberColumns]:
    total = sum(len(table) for table in tables)
    found: dict[str, MemberColumns] = {}
    first = 0
    for table in tables:
        lists = table["members"].combine_chunks()
        parents = numbers(pc.list_parent_indices(lists)) + first
        blobs = pc.list_flatten(lists)
        names = blobs.field("name").dictionary_encode()
        codes = numbers(names.indices)
        crc = pc.fill_null(blobs.field("crc32").cast(pa.int64()), -1)
        columns = [numbers(blobs.field("offset")), numbers(blobs.field("size_bytes")), numbers(crc)]
        for code, name in enumerate(names.dictionary.to_pylist()):
            if name not in found:
                found[name] = MemberColumns(*(np.full(total, -1, np.int64) for _ in range(3)))
            mine = codes == code
            place = parents[mine]
            into = found[name]
            for target, column in zip(
                (into.offset, into.size_bytes, into.crc32), columns, strict=True
            ):
                target[place] = column[mine]
        first += len(table)
    return found


def _bools(column: Any) -> NDArray[np.bool_]:
    filled = pc.fill_null(column, False).cast(pa.uint8())
    return numbers(filled).astype(bool)

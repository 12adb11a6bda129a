"""The plan: every requested clip in canonical order with its shard, before anything runs.

Inside a split, sources are sorted by a seeded hash and keep their clips together; the row of clips
is cut into shards of a fixed count; inside a shard, clips are sorted by a seeded hash of the key.
So a shard touches few sources, and neither a limit nor a reject moves any other clip.

A plan is an Arrow table and never a list of objects: a million clips are a few hundred megabytes.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sign_etl.core.canonical import canonical_json, sha256_bytes
from sign_etl.core.errors import AnnotationError, ConfigError, near_miss
from sign_etl.schema.clip import Clip, Source, slugify
from sign_etl.schema.pipeline import Pipeline, SplitConfig
from sign_etl.schema.tables import PLAN, numbers, read_table, write_table

BATCH = 65_536
SPLIT_ORDER = ("train", "val", "dev", "test")
"""These splits come first, in this order; others follow by name."""
MAX_FOLDER = 32
"""Characters of a split's folder before its hash: a shard has it twice in its path."""
DIGESTED = (
    *("key", "shard", "split", "label", "gloss", "text", "language", "signer"),
    *("declared_fps", "bbox", "extra"),
)
"""Columns that decide about bytes; the key stands for source and span, an address may change."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build will hold.

    Attributes:
        table: one row per requested clip, see `sign_etl.schema.tables.PLAN`.
        labels: class names; the index is the label id.
        official: True where the data set numbers its classes itself.
        digest: of everything that decides which clips stand in which shards.
        family: the same without the limit: a plan of the same family with a higher limit grows.
    """

    table: pa.Table
    labels: tuple[str, ...]
    official: bool
    digest: str
    family: str = ""

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def shards(self) -> list[tuple[str, int, int]]:
        """Shards in order, as (path, first row, number of rows)."""
        coded = self.table["shard"].combine_chunks().dictionary_encode()
        codes = numbers(coded.indices)
        if not len(codes):
            return []
        starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
        ends = np.append(starts[1:], len(codes))
        paths = coded.dictionary.to_pylist()
        return [
            (paths[codes[start]], int(start), int(end - start))
            for start, end in zip(starts, ends, strict=True)
        ]

    def clip_keys(self) -> Iterator[str]:
        """Keys of the clips, in order."""
        for batch in self.table.select(["key"]).to_batches(max_chunksize=BATCH):
            yield from batch["key"].to_pylist()

    def clips(self, start: int, count: int) -> list[Clip]:
        """The clips of some rows."""
        return [_clip(row) for row in self.table.slice(start, count).to_pylist()]

    def groups(self) -> Iterator[tuple[Source, list[Clip]]]:
        """Sources in running order, each with all its clips (of all splits)."""
        ranks = numbers(self.table["source_rank"])
        order = np.argsort(ranks, kind="stable")

        def rows() -> Iterator[dict[str, Any]]:
            for start in range(0, len(order), BATCH):
                yield from self.table.take(order[start : start + BATCH]).to_pylist()

        for _, members in groupby(rows(), key=lambda row: row["source_rank"]):
            clips = [_clip(row) for row in members]
            yield clips[0].source, clips

    def save(self, path: Path) -> None:
        """Write the plan, so that status and lock need no recipe."""
        metadata = {
            **PLAN.metadata,
            b"labels": canonical_json(list(self.labels)).encode(),
            b"official": b"true" if self.official else b"false",
            b"digest": self.digest.encode(),
            b"family": self.family.encode(),
        }
        write_table(path, self.table.replace_schema_metadata(metadata))

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a saved plan.

        Raises:
            OSError, ValueError: it is missing or no plan.
        """
        table = read_table(path, PLAN)
        metadata = table.schema.metadata
        return cls(
            table,
            tuple(json.loads(metadata[b"labels"])),
            metadata[b"official"] == b"true",
            metadata[b"digest"].decode(),
            metadata.get(b"family", b"").decode(),
        )

    def grows_from(self, previous: Plan) -> bool:
        """True where this plan is `previous` with more clips, each old one in its old shard."""
        if not self.family or self.family != previous.family or len(self) < len(previous):
            return False
        columns = ["key", "shard"]
        rows = self.table.select(columns).to_pydict()
        places = dict(zip(rows["key"], rows["shard"], strict=True))
        old = previous.table.select(columns).to_pydict()
        return all(
            places.get(key) == shard for key, shard in zip(old["key"], old["shard"], strict=True)
        )


def make_plan(
    pipeline: Pipeline,
    clips: Iterable[Clip],
    *,
    dataset: str,
    recipe: tuple[str, str],
    labels: Sequence[str] | None,
) -> Plan:
    """Put clips into canonical order and cut them into shards.

    Args:
        pipeline: the choices.
        clips: all clips of the recipe, in any order, each key once.
        dataset: name for the shard files.
        recipe: name and version of the recipe.
        labels: the official order of class names, None for the sorted names.

    Raises:
        AnnotationError: two clips have one key, or a label is not in the official list.
        ConfigError: a selected split does not exist, or nothing is left.
    """
    table = _tabulate(clips)
    _refuse_duplicates(table)
    table = _assign_splits(table, pipeline.split, pipeline.seed)
    names, official = _labels(table, labels)
    table = _assign_label_ids(table, names)
    table = _select_splits(table, pipeline.select.splits)
    table = _order(table, pipeline, dataset)
    if not table.num_rows:
        raise ConfigError("the plan is empty: no clip is selected")
    identity = pipeline.identity()
    digest = _digest(table, identity, recipe, names)
    identity["select"].pop("limit")
    family = sha256_bytes(canonical_json([identity, recipe, names]).encode())
    return Plan(table, tuple(names), official, digest, family)


def _tabulate(clips: Iterable[Clip]) -> pa.Table:
    schema = PLAN.remove(PLAN.get_field_index("shard"))
    schema = schema.remove(schema.get_field_index("source_rank"))
    batches = []
    rows = iter(clips)
    while batch := list(islice(rows, BATCH)):
        batches.append(
            pa.RecordBatch.from_arrays(
                [pa.array(_column(batch, field.name), field.type) for field in schema],
                schema=schema,
            )
        )
    return pa.Table.from_batches(batches, schema=schema)


def _column(clips: list[Clip], name: str) -> list[Any]:
    if name == "source_id":
        return [clip.source.id for clip in clips]
    if name == "label_id":
        return [None] * len(clips)
    if name == "headers":
        return [clip.source.headers for clip in clips]
    if name == "extra":
        return [sorted(clip.extra.items()) for clip in clips]
    if name in ("url", "names", "trimmed", "frames_fps", "keypoints", "part"):
        return [getattr(clip.source, name) for clip in clips]
    return [getattr(clip, name) for clip in clips]


def _clip(row: dict[str, Any]) -> Clip:
    bbox = row["bbox"]
    return Clip(
        key=row["key"],
        dataset=row["dataset"],
        annotation_id=row["annotation_id"],
        source=Source(
            row["source_id"],
            row["url"],
            tuple(row["names"]),
            tuple((name, value) for name, value in row["headers"]),
            row["trimmed"],
            row["frames_fps"],
            row["keypoints"],
            row["part"],
        ),
        split=row["split"],
        label=row["label"],
        gloss=row["gloss"],
        text=row["text"],
        language=row["language"],
        signer=row["signer"],
        start_s=row["start_s"],
        end_s=row["end_s"],
        declared_fps=row["declared_fps"],
        bbox=(bbox[0], bbox[1], bbox[2], bbox[3]) if bbox else None,
        extra=dict(row["extra"]),
    )


def _refuse_duplicates(table: pa.Table) -> None:
    counts = pc.value_counts(table["key"])
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        key = twice[0]["values"].as_py()
        row = table.filter(pc.equal(table["key"], key)).slice(0, 1).to_pylist()[0]
        raise AnnotationError(
            f"duplicate clip id `{row['annotation_id']}` in source `{row['source_id']}`"
            f" ({len(twice)} such ids)",
            hint="give every annotated span an id of its own",
        )


def _assign_splits(table: pa.Table, config: SplitConfig, seed: int) -> pa.Table:
    if config.by == "column":
        split = pc.if_else(pc.equal(table["split"], ""), "train", table["split"])
    else:
        column = "signer" if config.by == "signer" else "source_id"
        held = pc.fill_null(table[column], "").dictionary_encode().combine_chunks()
        units = held.dictionary.to_pylist()
        if config.by == "signer" and units == [""]:
            raise ConfigError(
                "`split.by: signer` needs signers, the data set names none",
                hint="use `split.by: hash`",
            )
        order = np.argsort(_hashes(seed, units), kind="stable")
        tests = round(config.test * len(units))
        vals = round(config.val * len(units))
        names = np.array(["train"] * len(units), dtype=object)
        names[order[:tests]] = "test"
        names[order[tests : tests + vals]] = "val"
        split = pa.array(names[numbers(held.indices)], pa.string())
    return table.set_column(table.schema.get_field_index("split"), PLAN.field("split"), split)


def _labels(table: pa.Table, official: Sequence[str] | None) -> tuple[list[str], bool]:
    present = {_nfc(label) for label in pc.unique(table["label"]).to_pylist() if label is not None}
    if official is None:
        return sorted(present), False
    names = [_nfc(name) for name in official]
    unknown = sorted(present - set(names))
    if unknown:
        raise AnnotationError(
            f"label `{unknown[0]}` is not in the official list of {len(names)} classes",
            hint=near_miss(unknown[0], names),
        )
    return names, True


def _assign_label_ids(table: pa.Table, names: Sequence[str]) -> pa.Table:
    ids = {name: number for number, name in enumerate(names)}
    coded = table["label"].dictionary_encode().combine_chunks()
    values = pa.array([ids[_nfc(name)] for name in coded.dictionary.to_pylist()], pa.int32())
    index = table.schema.get_field_index("label_id")
    return table.set_column(index, PLAN.field("label_id"), values.take(coded.indices))


def _select_splits(table: pa.Table, wanted: Sequence[str]) -> pa.Table:
    if not wanted:
        return table
    known = pc.unique(table["split"]).to_pylist()
    for split in wanted:
        if split not in known:
            hint = near_miss(split, known) or f"known are: {', '.join(sorted(known))}"
            raise ConfigError(f"the data set has no split `{split}`", hint=hint)
    return table.filter(pc.is_in(table["split"], pa.array(list(wanted))))


def _order(table: pa.Table, pipeline: Pipeline, dataset: str) -> pa.Table:
    splits = table["split"].dictionary_encode().combine_chunks()
    split_names = splits.dictionary.to_pylist()
    ranked = sorted(split_names, key=_split_rank)
    split_rank = np.array([ranked.index(name) for name in split_names], np.int64)
    split_of = split_rank[numbers(splits.indices)] if len(split_names) else np.zeros(0, np.int64)

    sources = table["source_id"].dictionary_encode().combine_chunks()
    source_hash = _hashes(pipeline.seed, sources.dictionary.to_pylist())
    source_code = numbers(sources.indices)
    key_hash = _hashes(pipeline.seed, table["key"].to_pylist())

    by_source = np.lexsort((key_hash, source_code, source_hash[source_code], split_of))
    if pipeline.select.limit is not None:
        by_source = by_source[: pipeline.select.limit]
    split_of, source_code = split_of[by_source], source_code[by_source]
    key_hash = key_hash[by_source]
    # Number inside the split, and so the shard.
    starts = np.searchsorted(split_of, np.arange(len(ranked)))
    shard_of = (np.arange(len(split_of)) - starts[split_of]) // pipeline.pack.shard_clips
    in_shard = np.lexsort((key_hash, shard_of, split_of))

    first_seen = np.full(len(source_hash), len(by_source), np.int64)
    np.minimum.at(first_seen, source_code, np.arange(len(by_source)))
    folders = split_folders(ranked)
    paths = [
        shard_path(dataset, folders[split], number)
        for split, number in zip(split_of[in_shard], shard_of[in_shard], strict=True)
    ]
    return (
        table.take(by_source[in_shard])
        .append_column(PLAN.field("shard"), pa.array(paths, pa.string()))
        .append_column(
            PLAN.field("source_rank"), pa.array(first_seen[source_code][in_shard], pa.int64())
        )
        .cast(PLAN)
    )


def split_folders(splits: Sequence[str]) -> list[str]:
    """A folder for each split: its name where that is a plain one, else one with a hash.

    So `Train` and `train`, or two names in another script, do not meet.
    """
    return [
        split if slugify(split) == split and 0 < len(split) <= MAX_FOLDER else _hashed(split)
        for split in splits
    ]


def _hashed(split: str) -> str:
    readable = slugify(split)[:MAX_FOLDER].strip("-_") or "split"
    return f"{readable}-{hashlib.sha256(split.encode()).hexdigest()[:6]}"


def shard_path(dataset: str, folder: str, number: int) -> str:
    """Path of a shard in its build, such as `train/wlasl-train-000000.tar`."""
    return f"{folder}/{dataset}-{folder}-{number:06d}.tar"


def _hashes(seed: int, names: Sequence[str]) -> NDArray[np.uint64]:
    """The first 64 bits of sha256(seed, name), which order clips and sources."""
    prefix = f"{seed}\0".encode()
    packed = b"".join(hashlib.sha256(prefix + name.encode("utf-8")).digest()[:8] for name in names)
    return np.frombuffer(packed, dtype=">u8").astype(np.uint64)


def _digest(
    table: pa.Table, identity: dict[str, Any], recipe: tuple[str, str], labels: Sequence[str]
) -> str:
    hasher = hashlib.sha256()
    hasher.update(canonical_json([identity, recipe, list(labels)]).encode())
    for name in DIGESTED:
        hasher.update(name.encode())
        for batch in table.select([name]).to_batches(max_chunksize=BATCH):
            # JSON values between commas: no two columns look alike, wherever the batches end.
            values = json.dumps(batch[name].to_pylist(), ensure_ascii=False)
            hasher.update(f"{values[1:-1]}, ".encode("utf-8", "surrogatepass"))
    return hasher.hexdigest()


def _split_rank(name: str) -> tuple[int, str]:
    return (SPLIT_ORDER.index(name) if name in SPLIT_ORDER else len(SPLIT_ORDER), name)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)

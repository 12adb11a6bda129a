"""Making a plan: splits, label ids, canonical order, shards.

Inside a split, sources are sorted by a seeded hash and keep their clips together; the row of clips
is cut into shards of a fixed count; inside a shard, clips are sorted by a seeded hash of the key.
So a shard touches few sources, and neither a limit nor a reject moves any other clip.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sign_etl.core.canonical import canonical_json, nfc, sha256_bytes
from sign_etl.core.errors import AnnotationError, ConfigError, near_miss, near_or_all
from sign_etl.run.plan import BATCH, Plan, tabulate
from sign_etl.schema.clip import Clip
from sign_etl.schema.pipeline import Pipeline, SplitConfig
from sign_etl.schema.tables import PLAN, numbers
from sign_etl.shard.names import shard_path, split_folder

SPLIT_ORDER = ("train", "val", "dev", "test")
"""These splits come first, in this order; others follow by name."""


DIGESTED = (
    *("key", "shard", "split", "label", "gloss", "text", "language", "signer"),
    *("declared_fps", "bbox", "extra"),
)
"""Columns that decide about bytes; the key stands for source and span, an address may change."""


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
    table = tabulate(clips)
    _refuse_duplicates(table)
    table = _assign_splits(table, pipeline.split, pipeline.seed)
    names, official = _labels(table, labels)
    table = _assign_label_ids(table, names)
    table = _select_splits(table, pipeline.select.splits)
    table = _order(table, pipeline, dataset)
    if not table.num_rows:
        raise ConfigError(
            "the plan is empty: the annotations hold no clip",
            hint="name others with --annotations, or the files with --media",
        )
    identity = pipeline.identity()
    digest = _digest(table, identity, recipe, names)
    identity["select"].pop("limit")
    family = sha256_bytes(canonical_json([identity, recipe, names]).encode())
    return Plan(table, tuple(names), official, digest, family)


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
    present = {nfc(label) for label in pc.unique(table["label"]).to_pylist() if label is not None}
    if official is None:
        return sorted(present), False
    names = [nfc(name) for name in official]
    unknown = sorted(present - set(names))
    if unknown:
        raise AnnotationError(
            f"label `{unknown[0]}` is not in the official list of {len(names)} classes",
            hint=near_miss(unknown[0], names) or "correct the label, or the list of classes",
        )
    return names, True


def _assign_label_ids(table: pa.Table, names: Sequence[str]) -> pa.Table:
    ids = {name: number for number, name in enumerate(names)}
    coded = table["label"].dictionary_encode().combine_chunks()
    values = pa.array([ids[nfc(name)] for name in coded.dictionary.to_pylist()], pa.int32())
    index = table.schema.get_field_index("label_id")
    return table.set_column(index, PLAN.field("label_id"), values.take(coded.indices))


def _select_splits(table: pa.Table, wanted: Sequence[str]) -> pa.Table:
    if not wanted:
        return table
    known = pc.unique(table["split"]).to_pylist()
    for split in wanted:
        if split not in known:
            hint = near_or_all(split, sorted(known))
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
    folders = [split_folder(split) for split in ranked]
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

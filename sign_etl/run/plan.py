"""The plan: every requested clip in canonical order with its shard, before anything runs.

It is an Arrow table and never a list of objects: a million clips are a few hundred megabytes. How
it comes about stands in `sign_etl.run.planning`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import UsageError
from sign_etl.schema.clip import Clip, Source
from sign_etl.schema.tables import PLAN, numbers, read_table, write_table

PLAN_FILE = "plan.parquet"
BATCH = 65_536


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

    def part(self, first: int, last: int) -> Plan:
        """The plan of the shards `first` to `last` alone (numbers as in `shards()`, both in it).

        It keeps the digest of the whole: it is no other plan, only less of it.

        Raises:
            UsageError: the plan has no such shards.
        """
        shards = self.shards()
        if not 0 <= first <= last < len(shards):
            raise UsageError(
                f"the plan has no shards {first}-{last}",
                hint=f"it has {len(shards)}: 0-{len(shards) - 1}",
            )
        start = shards[first][1]
        count = shards[last][1] + shards[last][2] - start
        return replace(self, table=self.table.slice(start, count))

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
    def load(cls, path: Path, columns: tuple[str, ...] | None = None) -> Plan:
        """Read a saved plan.

        Args:
            path: the file.
            columns: only these of its table; then it can be counted but not run.

        Raises:
            OSError, ValueError: it is missing or no plan.
        """
        table = read_table(path, PLAN, columns)
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


def tabulate(clips: Iterable[Clip]) -> pa.Table:
    """Clips as the rows of a table that has no shards and no order yet."""
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
        return [sorted(clip.extra.items()) if clip.extra else () for clip in clips]
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

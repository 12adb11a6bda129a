"""The end of a run: the accounting gate, index, ledger, labels, lock, card, and last the manifest.

All of it is computed from plan, journal and shard records, never from counters of a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sign_etl.core.canonical import canonical_json, sha256_file
from sign_etl.core.errors import AccountingError
from sign_etl.core.files import atomic_open, write_json
from sign_etl.core.seams import seam
from sign_etl.reader.lock import LOCK_FILE
from sign_etl.reader.manifest import MANIFEST
from sign_etl.reader.tables import INDEX_FILE, LABELS_FILE, LEDGER_FILE
from sign_etl.recipes.base import RECIPES, DatasetCard
from sign_etl.run import documents
from sign_etl.run.journal import Journal, Latest
from sign_etl.run.lock import lock_head, lock_line
from sign_etl.run.plan import BATCH, Plan
from sign_etl.run.sets import feature_sets, pose_sets
from sign_etl.schema.labels import normal_labels
from sign_etl.schema.outcome import Outcome
from sign_etl.schema.records import (
    FileRecord,
    LabelsRecord,
    LockHead,
    ManifestRecord,
    ShardRecord,
    dump,
)
from sign_etl.schema.tables import INDEX, LEDGER, read_table, write_table
from sign_etl.shard.pack import Packed, load_packed
from sign_etl.shard.tar import member_names
from sign_etl.stages.setup import Setup, versions

_NO_SYNONYMS: Mapping[str, str] = MappingProxyType({})


def write_lock(
    plan: Plan, setup: Setup, build: Path, results: Latest, head: LockHead | None = None
) -> None:
    """Write `build.lock`: one line per requested clip, in plan order; also after an early stop."""
    with atomic_open(build / LOCK_FILE) as file:
        for record in _lock_lines(plan, head or head_of(plan, setup), results):
            file.write((canonical_json(record) + "\n").encode("utf-8"))


def publish(
    plan: Plan,
    setup: Setup,
    build: Path,
    journal: Journal,
    *,
    recipe_version: str,
    card: DatasetCard,
    licence_accepted: bool | None = None,
    synonyms: Mapping[str, str] = _NO_SYNONYMS,
    head: LockHead | None = None,
) -> ManifestRecord:
    """Write what a reader needs, the manifest last.

    Args:
        plan: every requested clip.
        setup: of the build.
        build: its folder.
        journal: what became of the clips.
        recipe_version: version of the recipe.
        card: what the manifest says of the data set.
        licence_accepted: whether the user accepted its terms; None where it has none.
        synonyms: raw label -> the data set's own canonical word, for the normal labels.
        head: what the shards were made with, where that was not this installation.

    Raises:
        AccountingError: plan, ledger and shards do not add up; nothing is published then.
    """
    results = journal.latest()
    index, shards = _read_back(plan, build)
    ledger = _ledger(plan, results)
    _gate(plan, index, ledger)
    labels = LabelsRecord(
        schema="sign-etl/labels/1",
        order="official" if plan.official else "sorted",
        labels=plan.labels,
        normal=normal_labels(plan.labels, synonyms),
    )
    if not (
        _holds(build / INDEX_FILE, index)
        and _holds(build / LEDGER_FILE, ledger)
        and _holds_labels(build / LABELS_FILE, labels)
    ):
        (build / MANIFEST).unlink(missing_ok=True)  # it must not stand beside other tables
    seam("finish.before-tables", build)
    write_table(build / INDEX_FILE, index)
    write_table(build / LEDGER_FILE, ledger)
    write_json(build / LABELS_FILE, dump(labels))
    head = head or head_of(plan, setup)
    write_lock(plan, setup, build, results, head)
    pipeline = setup.choices()
    manifest = ManifestRecord(
        schema="sign-etl/manifest/1",
        name=pipeline.name,
        dataset=pipeline.dataset.name or setup.recipe,
        recipe=setup.recipe,
        recipe_version=recipe_version,
        licence=card.licence,
        licence_accepted=licence_accepted,
        language=card.language,
        citation=card.citation,
        homepage=card.homepage,
        plan=plan.digest,
        pipeline=head.pipeline,
        stages=head.stages,
        poses=head.poses,
        features=head.features,
        counts=_counted(ledger["outcome"]),
        reasons=_counted(ledger["reason"].drop_null()),
        splits=_counted(index["split"]),
        shards=shards,
        files={
            name: FileRecord(
                sha256=sha256_file(build / name), size_bytes=(build / name).stat().st_size
            )
            for name in (INDEX_FILE, LEDGER_FILE, LABELS_FILE)
        },
    )
    texts = documents.render(manifest, index, labels, card.access)
    if not documents.stand(build, texts):
        (build / MANIFEST).unlink(missing_ok=True)  # as above
    manifest = manifest.model_copy(update={"documents": documents.write(build, texts)})
    seam("finish.before-manifest", build)
    write_json(build / MANIFEST, dump(manifest))
    return manifest


def head_of(plan: Plan, setup: Setup) -> LockHead:
    """The head of the lock that a build of `plan` with this installation has."""
    pipeline = setup.choices()
    recipe = RECIPES.get(setup.recipe)
    return lock_head(
        plan.digest,
        pipeline.identity(),
        versions(setup),
        pose_sets(setup),
        recipe=(recipe.name, recipe.version),
        dataset=pipeline.dataset.name or setup.recipe,
        licence=recipe.card.licence,
        features=feature_sets(setup),
    )


def _read_back(plan: Plan, build: Path) -> tuple[pa.Table, tuple[ShardRecord, ...]]:
    """The index and the shards; one shard's rows are in memory at a time."""
    batches, shards = [], []
    for path, *_ in plan.shards():
        packed = load_packed(build, path)
        if packed is None:
            continue
        _check_members(build, packed)
        rows = [
            {
                **row,
                "quality": [tuple(pair) for pair in row["quality"]],
                "extra": [tuple(pair) for pair in row["extra"]],
            }
            for row in packed.rows
        ]
        batches.append(pa.RecordBatch.from_pylist(rows, schema=INDEX))
        shards.append(
            ShardRecord(
                path=packed.path,
                split=rows[0]["split"],
                samples=len(rows),
                size_bytes=packed.size_bytes,
                sha256=packed.sha256,
            )
        )
    return pa.Table.from_batches(batches, schema=INDEX), tuple(shards)


def _check_members(build: Path, packed: Packed) -> None:
    expected = [
        f"{row['key']}.{member['name']}" for row in packed.rows for member in row["members"]
    ]
    try:
        found = list(member_names(build / packed.path))
    except (OSError, ValueError) as error:
        raise AccountingError(
            f"shard {packed.path} cannot be read back: {error}",
            hint="remove that file and run the same command again",
        ) from error
    if found != expected:
        raise AccountingError(
            f"shard {packed.path} holds {len(found)} members, {len(expected)} were written",
            hint="remove that file and run the same command again",
        )


def _ledger(plan: Plan, results: Latest) -> pa.Table:
    columns: dict[str, list[Any]] = {
        name: [] for name in ("outcome", "stage", "reason", "detail", "retryable", "flags")
    }
    for key in plan.clip_keys():
        result = results.get(key)
        reject = result.reject if result else None
        outcome = result.outcome if result else Outcome.PENDING
        columns["outcome"].append(outcome.value)
        columns["stage"].append(reject.stage.value if reject else None)
        columns["reason"].append(reject.reason.value if reject else None)
        columns["detail"].append(reject.detail if reject else None)
        columns["retryable"].append(result is None or not result.final)
        columns["flags"].append(result.flags if result else ())
    table = plan.table.select([name for name in LEDGER.names if name not in columns])
    for name, values in columns.items():
        table = table.append_column(LEDGER.field(name), pa.array(values, LEDGER.field(name).type))
    return table.select(LEDGER.names).cast(LEDGER).replace_schema_metadata(LEDGER.metadata)


def _holds(path: Path, table: pa.Table) -> bool:
    try:
        return bool(read_table(path, table.schema).equals(table))
    except (OSError, ValueError):
        return False


def _holds_labels(path: Path, labels: LabelsRecord) -> bool:
    try:
        return LabelsRecord.model_validate_json(path.read_bytes()) == labels
    except (OSError, ValueError):
        return False


def _gate(plan: Plan, index: pa.Table, ledger: pa.Table) -> None:
    """Ledger keys are the plan's, one row each; written keys are those read back from the tars."""
    if ledger["key"].combine_chunks() != plan.table["key"].combine_chunks():
        raise AccountingError(
            f"the ledger has {ledger.num_rows} rows, not one for each of {len(plan)} planned clips",
            hint="run the same command again; if it stays so, please report it",
        )
    written = ledger.filter(pc.equal(ledger["outcome"], Outcome.WRITTEN.value))["key"]
    if _sorted(written) != _sorted(index["key"]):
        raise AccountingError(
            f"{len(written)} clips count as written, {index.num_rows} are in the index",
            hint="run the same command again",
        )


def _sorted(keys: pa.ChunkedArray) -> pa.Array:
    whole = keys.combine_chunks()
    return whole.take(pc.array_sort_indices(whole))


def _lock_lines(plan: Plan, head: LockHead, results: Latest) -> Iterator[dict[str, Any]]:
    yield dump(head)
    columns = plan.table.select(["key", "source_id", "url"])
    for batch in columns.to_batches(max_chunksize=BATCH):
        for row in batch.to_pylist():
            yield lock_line(row, results.get(row["key"]))


def _counted(column: pa.ChunkedArray) -> dict[str, int]:
    rows = column.value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in sorted(rows, key=itemgetter("values"))}

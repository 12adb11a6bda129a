"""Taking sources or clips out of a build, for good.

Only their shards are written anew, from their own bytes, and under the same names: no neighbour
moves and nothing is fetched. The manifest goes first and comes last, so a kill in between leaves a
folder that no reader accepts, and the same call (or the next `ingest`) finishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sign_etl.reader.manifest import MANIFEST
from sign_etl.run import documents
from sign_etl.run.journal import Journal, Latest, Result
from sign_etl.run.plan import Plan
from sign_etl.run.rulings import REVOKED, Tombstones
from sign_etl.schema.clip import Source
from sign_etl.shard.rewrite import without
from sign_etl.stages import fetch
from sign_etl.stages.setup import Setup


@dataclass(frozen=True, slots=True)
class Revoked:
    """What was taken out.

    Attributes:
        keys: of the clips that are out now.
        already: those of them that were out before.
        shards: that were written anew or removed.
        objects: number of files that the store lost.
        copies: keys of other clips of the build whose sources had the same bytes.
    """

    keys: tuple[str, ...]
    already: tuple[str, ...]
    shards: tuple[str, ...]
    objects: int
    copies: tuple[str, ...]


def revoke(
    plan: Plan,
    setup: Setup,
    build: Path,
    journal: Journal,
    *,
    sources: Iterable[str] = (),
    keys: Iterable[str] = (),
) -> Revoked:
    """Take out all clips of some sources, and single clips; the build must be published after.

    Args:
        plan: of the build.
        setup: of the build.
        build: its folder, which the caller holds.
        journal: of the build.
        sources: ids of sources; their later clips stay out as well.
        keys: of single clips.

    Raises:
        VerifyError: a shard is damaged.
    """
    tombstones = Tombstones.load(build).over(sources, keys)
    rows = _concerned(plan.table, frozenset(sources), frozenset(keys))
    gone = frozenset(rows["key"].to_pylist())
    (build / MANIFEST).unlink(missing_ok=True)
    documents.withdraw(build)
    tombstones.save(build)
    history = [result for result in journal.results() if result.key in gone]
    latest = journal.latest()
    named = rows["key"].to_pylist()
    already = tuple(key for key in named if key in latest and latest[key].reject == REVOKED)
    objects = _clear(setup, history, latest, gone)
    for source in _whole_sources(plan.table, rows, gone):
        objects += fetch.forget(setup, source)
    _bury(journal, latest, named)
    dtype = setup.choices().pack.dtype

    def poses_of(key: str) -> dict[str, str]:
        return dict(latest[key].facts.get("poses", {}))

    paths = [
        path
        for path in pc.unique(rows["shard"]).to_pylist()
        if without(build, path, gone, poses_of, dtype=dtype)
    ]
    bytes_of = {result.source for result in history if result.source is not None}
    same_bytes = [
        result.key
        for result in latest.values()
        if result.source in bytes_of and result.key not in gone and result.reject is None
    ]
    return Revoked(
        keys=tuple(named),
        already=already,
        shards=tuple(paths),
        objects=objects,
        copies=_of_other_sources(plan.table, same_bytes, rows),
    )


def _bury(journal: Journal, latest: Latest, keys: Iterable[str]) -> None:
    """Write the tombstones of clips into the journal, once each."""
    for key in keys:
        known = latest.get(key)
        if known is None or known.reject != REVOKED:
            journal.append(Result(key, REVOKED))
    journal.close()


def _concerned(table: pa.Table, sources: frozenset[str], keys: frozenset[str]) -> pa.Table:
    mine = pc.or_(
        pc.is_in(table["source_id"], pa.array(sorted(sources), pa.string())),
        pc.is_in(table["key"], pa.array(sorted(keys), pa.string())),
    )
    return table.filter(mine)


def _of_other_sources(table: pa.Table, keys: list[str], rows: pa.Table) -> tuple[str, ...]:
    found = table.filter(pc.is_in(table["key"], pa.array(sorted(keys), pa.string())))
    return tuple(
        found.filter(pc.invert(pc.is_in(found["source_id"], pc.unique(rows["source_id"]))))[
            "key"
        ].to_pylist()
    )


def _whole_sources(table: pa.Table, rows: pa.Table, gone: frozenset[str]) -> Iterator[Source]:
    """Sources all of whose clips are gone: only their own bytes may go too."""
    ids = pc.unique(rows["source_id"])
    shared = table.filter(pc.is_in(table["source_id"], ids)).select(["source_id", "key"])
    alive = {row["source_id"] for row in shared.to_pylist() if row["key"] not in gone}
    for row in (
        rows.select(["source_id", "url"]).group_by(["source_id", "url"]).aggregate([]).to_pylist()
    ):
        if row["source_id"] not in alive:
            yield Source(row["source_id"], row["url"])


def _clear(setup: Setup, history: list[Result], latest: Latest, gone: frozenset[str]) -> int:
    """Remove what the stages made of the clips, ever, unless another clip of the build has it."""
    store = setup.open_store()
    named = {entry for result in history for entry in _entries(result)}
    blobs = {
        blob.sha256: blob
        for stage, fingerprint in named
        if (entry := store.get(stage, fingerprint)) is not None
        for blob in entry.blobs.values()
    }
    for result in latest.values():
        if result.key not in gone:
            named.difference_update(_entries(result))
            arrays = (result.facts.get(kind, {}) for kind in ("poses", "features"))
            alive = [sha256 for kind in arrays for sha256 in kind.values()]
            for sha256 in (result.facts.get("video"), *alive):
                blobs.pop(sha256, None)
    dropped = [blob for blob in blobs.values() if store.has(blob)]
    for blob in dropped:
        store.drop(blob)
    for stage, fingerprint in named:
        store.forget(stage, fingerprint)
    return len(dropped)


def _entries(result: Result) -> set[tuple[str, str]]:
    """Stage and fingerprint of each entry of the store that a result names."""
    video = {("normalise", result.video), ("import", result.video)} if result.video else set()
    quality = {("quality", result.quality)} if result.quality else set()
    poses = {(f"pose-{name}", print_) for name, print_ in result.poses.items()}
    features = {(f"features-{name}", print_) for name, print_ in result.features.items()}
    return video | quality | poses | features

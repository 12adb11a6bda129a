"""`revoke`: shards without the clip, tombstones that stay, a store that has forgotten."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from process import tree
from tiny_run import TinyRun, make_clip, tiny_run, write_videos

from sign_etl.core.errors import VerifyError
from sign_etl.reader import open_build
from sign_etl.reader.lock import open_lock
from sign_etl.run.revoke import Revoked, revoke
from sign_etl.run.rulings import Rulings, Tombstones
from sign_etl.shard.verify import verify

NAMES = ("a", "b", "c", "d", "e")


def finished(run: TinyRun) -> TinyRun:
    run.run(rulings=Rulings(Tombstones.load(run.build)))
    run.publish()
    return run


def taken_out(run: TinyRun, **names: Any) -> Revoked:
    journal = run.journal
    done = revoke(run.plan, run.setup, run.build, journal, **names)
    assert not (run.build / "manifest.json").exists()
    run.publish()
    return done


def key_of(run: TinyRun, name: str) -> str:
    rows = run.plan.table.select(["key", "annotation_id"]).to_pylist()
    return next(str(row["key"]) for row in rows if row["annotation_id"] == name)


def published(run: TinyRun) -> dict[str, str]:
    """Digests of all that is promised to be the same."""
    return {name: sha256 for name, sha256 in tree(run.build).items() if name != "build.lock"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    folder = tmp_path_factory.mktemp("revoke")
    media = write_videos(folder / "media", [f"{name}.mp4" for name in NAMES])
    clips = [make_clip(name, extra={"view": name}) for name in NAMES]
    clips.append(make_clip("a2", source="a.mp4", end_s=0.1))
    return finished(tiny_run(folder / "run", clips, media, pack={"shard_clips": 2}))


@pytest.fixture
def run(made: TinyRun, tmp_path: Path) -> TinyRun:
    return made.copy(tmp_path / "copy")


def test_only_its_shards_change_and_keep_their_names(run: TinyRun) -> None:
    before = tree(run.build)
    done = taken_out(run, sources=["c.mp4"])
    after = tree(run.build)
    assert done.keys == (key_of(run, "c"),)
    changed = {name for name in before if before[name] != after.get(name)}
    assert {name for name in changed if name.endswith(".tar")} == set(done.shards)
    assert len(done.shards) == 1
    assert verify(run.build).problems == ()
    with open_build(run.build) as build:
        assert key_of(run, "c") not in build
        [end] = [r for r in build.ledger.to_pylist() if r["key"] == key_of(run, "c")]
    assert (end["outcome"], end["reason"], end["retryable"]) == ("excluded", "revoked", False)
    line = open_lock(run.build).get(key_of(run, "c"))
    assert line is not None
    assert (line["reason"], line.get("sha256")) == ("revoked", None)


def test_the_shard_is_the_one_that_pack_writes_without_it(run: TinyRun, tmp_path: Path) -> None:
    """Byte for byte, and known to be so: the next run touches nothing."""
    other = run.copy(tmp_path / "other")
    Tombstones(frozenset({"a.mp4"})).save(other.build)
    finished(other)
    taken_out(run, sources=["a.mp4"])
    assert published(run) == published(other)
    state = tree(run.build / ".sign-etl" / "shards")
    finished(run)
    assert published(run) == published(other)
    assert tree(run.build / ".sign-etl" / "shards") == state


def test_no_store_is_needed(run: TinyRun, tmp_path: Path) -> None:
    other = run.copy(tmp_path / "other")
    taken_out(other, sources=["b.mp4"])
    shutil.rmtree(run.store.root)
    taken_out(run, sources=["b.mp4"])
    assert published(run) == published(other)


def test_the_store_forgets_it_and_nothing_else(run: TinyRun) -> None:
    kept = {result.facts["video"] for result in run.journal.latest().values()}
    [gone] = [r for r in run.journal.latest().values() if r.key == key_of(run, "d")]
    entry = run.store.get("normalise", gone.video or "")
    assert entry is not None
    done = taken_out(run, sources=["d.mp4"])
    assert done.objects == 1
    assert run.store.get("normalise", gone.video or "") is None
    assert not run.store.has(entry.blobs["video"])
    left = {path.parent.name + path.name for path in run.store.root.glob("objects/*/*")}
    assert left >= kept - {gone.facts["video"]}


def test_a_clip_goes_and_its_source_stays(run: TinyRun) -> None:
    done = taken_out(run, keys=[key_of(run, "a2")])
    assert (done.keys, done.copies) == ((key_of(run, "a2"),), ())
    finished(run)
    with open_build(run.build) as build:
        assert key_of(run, "a") in build
        assert key_of(run, "a2") not in build


def test_an_empty_shard_goes_altogether(run: TinyRun) -> None:
    with open_build(run.build) as build:
        shard = build.sample(key_of(run, "e")).shard
        sources = [sample.source_id for sample in build if sample.shard == shard]
    done = taken_out(run, sources=sources)
    assert shard in done.shards
    assert not (run.build / shard).exists()
    assert verify(run.build).problems == ()


def test_twice_is_once(run: TinyRun) -> None:
    taken_out(run, sources=["c.mp4"])
    before, journal = tree(run.build), (run.build / ".sign-etl/journal.jsonl").read_bytes()
    done = taken_out(run, sources=["c.mp4"])
    assert (done.shards, done.objects) == ((), 0)
    assert tree(run.build) == before
    assert (run.build / ".sign-etl/journal.jsonl").read_bytes() == journal


def test_copies_under_other_names_are_told_and_kept_whole(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])
    shutil.copy(media / "a.mp4", media / "twin.mp4")
    clips = [make_clip("a"), make_clip("b"), make_clip("twin")]
    run = finished(tiny_run(tmp_path / "run", clips, media))
    done = taken_out(run, sources=["a.mp4"])
    assert done.copies == (key_of(run, "twin"),)
    assert done.objects == 0
    # What the twin needs is still in the store: it is built without its file.
    before = published(run)
    shutil.rmtree(run.build / "train")
    finished(run)
    assert published(run) == before


def test_a_damaged_shard_is_not_copied(run: TinyRun) -> None:
    with open_build(run.build) as build:
        path = run.build / build.sample(key_of(run, "c")).shard
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(VerifyError, match="is damaged"):
        revoke(run.plan, run.setup, run.build, run.journal, sources=["c.mp4"])


def test_tombstones_add_up(tmp_path: Path) -> None:
    assert Tombstones.load(tmp_path) == Tombstones()
    Tombstones().over(["a"], ["k"]).save(tmp_path)
    Tombstones.load(tmp_path).over(["b"], []).save(tmp_path)
    found = Tombstones.load(tmp_path)
    assert found == Tombstones(frozenset({"a", "b"}), frozenset({"k"}))
    assert make_clip("x", source="a") in found
    assert make_clip("x", source="c") not in found

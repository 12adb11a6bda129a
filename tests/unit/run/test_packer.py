"""The packer: which shard is complete, what goes into it, and when it is left alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from process import tree
from tiny_run import TinyRun, make_clip, tiny_run, write_videos

from sign_etl.core.store import Blob
from sign_etl.reader.manifest import MANIFEST
from sign_etl.run.journal import Result
from sign_etl.run.shards import Packer
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.shard import pack as pack_module
from sign_etl.shard.pack import load_packed
from sign_etl.shard.tar import member_names

NAMES = [f"v{number}.mp4" for number in range(5)]
GONE = Reject(StageName.FETCH, Reason.LINK_DEAD, "status 404")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """Five clips in shards of two."""
    folder = tmp_path_factory.mktemp("built")
    media = write_videos(folder / "media", NAMES)
    clips = [make_clip(name.removesuffix(".mp4")) for name in NAMES]
    run = tiny_run(folder / "run", clips, media, pack={"shard_clips": 2})
    run.run()
    return run


@pytest.fixture
def run(built: TinyRun, tmp_path: Path) -> TinyRun:
    copied = built.copy(tmp_path / "run")
    (copied.build / MANIFEST).write_text("{}")
    return copied


def packer(run: TinyRun) -> Packer:
    return Packer(run.plan, run.setup, run.build)


def pack_all(run: TinyRun, results: list[Result]) -> list[str]:
    """Hand the results over, pack what is complete; returns the keys of lost bytes."""
    packing = packer(run)
    lost = []
    for result in results:
        path = packing.add(result)
        if path is not None:
            lost += packing.pack(path)
    return lost


def members(path: Path) -> list[str]:
    return list(member_names(path))


def first_shard(run: TinyRun) -> tuple[Path, str, str]:
    """The first shard with the keys of its two clips."""
    path, start, count = run.plan.shards()[0]
    first, second = (clip.key for clip in run.plan.clips(start, count))
    return run.build / path, first, second


def test_a_shard_is_complete_with_its_last_clip(run: TinyRun) -> None:
    packing = packer(run)
    results = run.journal.latest()
    for path, start, count in run.plan.shards():
        keys = [clip.key for clip in run.plan.clips(start, count)]
        for key in keys[:-1]:
            assert packing.add(results[key]) is None
            assert packing.add(results[key]) is None  # the same again is no second clip
        assert packing.add(results[keys[-1]]) == path


def test_a_shard_that_stands_is_left_alone(run: TinyRun) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.build.rglob("*.tar")}
    assert len(before) == 3
    assert pack_all(run, list(run.journal.results())) == []
    assert {path: path.stat().st_mtime_ns for path in run.build.rglob("*.tar")} == before
    assert (run.build / MANIFEST).exists()


def test_the_order_of_results_moves_no_byte(run: TinyRun) -> None:
    before = tree(run.build)
    for tar in run.build.rglob("*.tar"):
        tar.unlink()
    assert pack_all(run, list(run.journal.results())[::-1]) == []
    del before[MANIFEST]
    assert tree(run.build) == before
    assert len(before) == 3


def test_samples_are_whole_and_in_plan_order(run: TinyRun) -> None:
    for path, start, count in run.plan.shards():
        keys = [clip.key for clip in run.plan.clips(start, count)]
        wanted = [f"{key}.{kind}" for key in keys for kind in ("json", "mp4")]
        assert members(run.build / path) == wanted


def test_a_reject_leaves_a_gap_and_withdraws_the_manifest(run: TinyRun) -> None:
    shard, first, second = first_shard(run)
    others = {path: path.read_bytes() for path in run.build.rglob("*.tar") if path != shard}
    results = dict(run.journal.latest()) | {first: Result(first, GONE)}
    assert pack_all(run, list(results.values())) == []
    assert members(shard) == [f"{second}.json", f"{second}.mp4"]
    assert not (run.build / MANIFEST).exists()
    assert {path: path.read_bytes() for path in others} == others
    # It comes back: the shard is what it was.
    assert pack_all(run, list(run.journal.results())) == []
    assert len(members(shard)) == 4


def test_a_shard_without_samples_goes_away(run: TinyRun) -> None:
    shard, first, second = first_shard(run)
    results = dict(run.journal.latest()) | {key: Result(key, GONE) for key in (first, second)}
    assert pack_all(run, list(results.values())) == []
    assert not shard.exists()
    assert load_packed(run.build, str(shard.relative_to(run.build))) is None
    assert not (run.build / MANIFEST).exists()
    # Gone already: nothing changes, nothing is withdrawn.
    (run.build / MANIFEST).write_text("{}")
    assert pack_all(run, list(results.values())) == []
    assert (run.build / MANIFEST).exists()


@pytest.mark.parametrize("damage", ["missing", "other bytes"])
def test_lost_bytes_are_named_and_nothing_is_written(run: TinyRun, damage: str) -> None:
    shard, first, _ = first_shard(run)
    results = run.journal.latest()
    entry = run.store.get("normalise", results[first].video or "")
    assert entry is not None
    video = run.store.path(entry.blobs["video"])
    if damage == "missing":
        video.unlink()
    else:
        video.write_bytes(bytes(video.stat().st_size))
    shard.unlink()
    assert pack_all(run, list(results.values())) == [first]
    assert not shard.exists()
    assert not run.store.complete(entry)  # so the next pass builds it again
    run.run()
    assert members(shard)[0] == f"{first}.json"


@pytest.mark.parametrize("stage", ["normalise", "quality"])
def test_a_lost_entry_is_named(run: TinyRun, stage: str) -> None:
    shard, _, second = first_shard(run)
    results = run.journal.latest()
    fingerprint = results[second].video if stage == "normalise" else results[second].quality
    [action] = run.store.root.glob(f"actions/{stage}/*/{fingerprint}.json")
    action.write_bytes(b"")  # as after a power cut
    before = shard.read_bytes()
    assert pack_all(run, list(results.values())) == [second]
    assert shard.read_bytes() == before
    assert (run.build / MANIFEST).exists()


def test_a_shard_that_cannot_be_written_is_not_published(run: TinyRun) -> None:
    shard, _, _ = first_shard(run)
    shard.unlink()
    shard.mkdir()
    with pytest.raises(OSError, match="directory"):
        pack_all(run, list(run.journal.results()))
    assert not (run.build / MANIFEST).exists(), "withdrawn only after the shard changed"
    assert not list(shard.parent.glob(".tmp-*"))


def test_a_kill_between_a_shard_and_its_record(
    run: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new tar may be as long as the old one; then the old record would vouch for it."""
    shard, first, _ = first_shard(run)
    before = shard.read_bytes()
    results = dict(run.journal.latest())
    write_json = pack_module.write_json

    def killed(path: Path, value: Any) -> None:
        if value:
            raise KeyboardInterrupt
        write_json(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(pack_module, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            pack_all(run, list((results | {first: Result(first, GONE)}).values()))
    shard.write_bytes(shard.read_bytes().ljust(len(before), b"\0"))
    assert shard.read_bytes() != before
    assert pack_all(run, list(results.values())) == []
    assert shard.read_bytes() == before


def test_a_cut_shard_is_written_again(run: TinyRun) -> None:
    shard, _, _ = first_shard(run)
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-512])
    assert pack_all(run, list(run.journal.results())) == []
    assert shard.read_bytes() == whole


def test_a_result_tells_the_lock_which_bytes_it_means(run: TinyRun) -> None:
    facts = run.journal.latest()
    assert len({result.facts["video"] for result in facts.values()}) == len(NAMES)
    for result in facts.values():
        entry = run.store.get("normalise", result.video or "")
        assert entry is not None
        assert isinstance(entry.blobs["video"], Blob)
        assert entry.blobs["video"].sha256 == result.facts["video"]

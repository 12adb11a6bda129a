"""The end of a run: the accounting gate, what is published, and in which order."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from media import truncate
from process import tree
from tiny_run import CARD, TinyRun, make_clip, tiny_run, write_videos

from sign_etl.core.errors import AccountingError
from sign_etl.reader import open_build
from sign_etl.reader.manifest import MANIFEST
from sign_etl.run.finish import publish, write_lock
from sign_etl.run.journal import Journal, Result
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.shard.verify import verify

NAMES = [f"v{number}.mp4" for number in range(5)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """Seven clips in shards of two: five are built, one file is missing, one is no video."""
    folder = tmp_path_factory.mktemp("built")
    media = write_videos(folder / "media", NAMES)
    (media / "page.mp4").write_text("<!DOCTYPE html><html></html>")
    clips = [
        make_clip(name, label=f"λ{number % 2}", split="val" if number > 4 else "")
        for number, name in enumerate(("v0", "v1", "v2", "v3", "v4", "page", "missing"))
    ]
    run = tiny_run(folder / "run", clips, media, pack={"shard_clips": 2})
    run.run()
    return run


@pytest.fixture
def run(built: TinyRun, tmp_path: Path) -> TinyRun:
    return built.copy(tmp_path / "run")


def published(run: TinyRun) -> bool:
    return (run.build / MANIFEST).exists()


def first_tar(run: TinyRun) -> Path:
    return run.build / run.plan.shards()[0][0]


def test_what_is_published_adds_up(run: TinyRun) -> None:
    manifest = run.publish()
    assert manifest.counts == {"failed": 2, "written": 5}
    assert manifest.reasons == {"media-missing": 1, "not-media": 1}
    assert manifest.splits == {"train": 5}
    assert sum(shard.samples for shard in manifest.shards) == 5
    rows = pq.read_table(run.build / "ledger.parquet").to_pylist()
    assert [row["key"] for row in rows] == run.plan.table["key"].to_pylist()
    assert Counter(row["outcome"] for row in rows) == manifest.counts
    by_id = {row["annotation_id"]: row for row in rows}
    assert by_id["page"]["reason"] == "not-media"
    assert (by_id["page"]["retryable"], by_id["missing"]["retryable"]) == (False, True)
    # A shard of rejects only does not exist.
    assert not (run.build / "val").exists()
    assert verify(run.build).problems == ()
    with open_build(run.build) as build:
        assert {sample.label for sample in build} == {"λ0", "λ1"}
    labels = json.loads((run.build / "labels.json").read_text(encoding="utf-8"))
    assert (labels["labels"], labels["order"]) == (["λ0", "λ1"], "sorted")


def test_normal_labels_stand_beside_the_classes(run: TinyRun) -> None:
    run.publish()
    before = json.loads((run.build / "labels.json").read_bytes())
    assert before["normal"] == ["λ0", "λ1"]
    publish(
        run.plan,
        run.setup,
        run.build,
        run.journal,
        recipe_version="1",
        card=CARD,
        synonyms={"λ1": "LAMBDA (1)"},
    )
    assert json.loads((run.build / "labels.json").read_bytes()) == before | {
        "normal": ["λ0", "lambda"]
    }
    assert verify(run.build).problems == ()
    with open_build(run.build) as build:
        assert build.labels == ("λ0", "λ1")
        assert build.normal_labels == ("λ0", "lambda")


def test_publishing_twice_changes_nothing(run: TinyRun) -> None:
    run.publish()
    before = tree(run.build)
    run.run()
    run.publish()
    assert tree(run.build) == before


def test_a_removed_shard_is_caught_and_built_again(run: TinyRun) -> None:
    run.publish()
    before = tree(run.build)
    first_tar(run).unlink()
    (run.build / MANIFEST).unlink()
    with pytest.raises(AccountingError, match="5 clips count as written, 3 are in the index"):
        run.publish()
    assert not published(run)
    run.run()
    run.publish()
    assert tree(run.build) == before


def test_a_shard_with_other_members_is_caught(run: TinyRun) -> None:
    tar = first_tar(run)
    data = tar.read_bytes()
    tar.write_bytes(data.replace(b".json\0", b".jsom\0"))  # names in headers; now sums are wrong
    with pytest.raises(AccountingError, match=r"cannot be read back|holds"):
        run.publish()
    assert not published(run)


def test_a_written_clip_without_a_shard_is_caught(run: TinyRun) -> None:
    rejected = next(key for key, result in run.journal.latest().items() if result.reject)
    journal = run.journal
    journal.append(Result(rejected))  # says written, and no tar holds it
    journal.close()
    with pytest.raises(AccountingError, match="6 clips count as written, 5 are in the index"):
        run.publish()
    assert not published(run)


def test_a_rejected_clip_inside_a_shard_is_caught(run: TinyRun) -> None:
    written = next(key for key, result in run.journal.latest().items() if not result.reject)
    journal = run.journal
    journal.append(Result(written, Reject(StageName.FETCH, Reason.LINK_DEAD)))
    journal.close()
    with pytest.raises(AccountingError, match="4 clips count as written, 5 are in the index"):
        run.publish()
    run.run()  # the source is there: the clip is built, or its shard rewritten
    run.publish()
    assert published(run)


def test_a_clip_that_was_never_reached_is_pending(run: TinyRun) -> None:
    path = run.build / ".sign-etl" / "journal.jsonl"
    missing = next(key for key, result in run.journal.latest().items() if result.reject)
    kept = {key: result for key, result in run.journal.latest().items() if key != missing}
    Journal(path).compact(kept)
    manifest = run.publish()
    assert manifest.counts == {"failed": 1, "pending": 1, "written": 5}
    rows = {row["key"]: row for row in pq.read_table(run.build / "ledger.parquet").to_pylist()}
    assert (rows[missing]["outcome"], rows[missing]["retryable"]) == ("pending", True)


def test_lost_bytes_are_built_again(run: TinyRun) -> None:
    run.publish()
    before = tree(run.build)
    shutil.rmtree(run.store.root / "objects")
    for tar in run.build.rglob("*.tar"):
        tar.unlink()
    run.run()
    run.publish()
    assert tree(run.build) == before


def test_damaged_bytes_are_built_again(run: TinyRun) -> None:
    run.publish()
    before = tree(run.build)
    for number, path in enumerate(sorted((run.store.root / "objects").glob("*/*"))):
        if number % 2:
            truncate(path, 0.5)
        else:
            path.write_bytes(path.read_bytes()[::-1])  # the right size, so only a digest tells
    for tar in run.build.rglob("*.tar"):
        tar.unlink()
    run.run()
    run.publish()
    assert tree(run.build) == before


def test_the_manifest_is_withdrawn_before_a_table_changes(run: TinyRun) -> None:
    run.publish()
    missing = next(row for row in run.journal.results() if row.reject)
    journal = run.journal
    journal.append(Result(missing.key, Reject(StageName.FETCH, Reason.LINK_DEAD)))
    journal.close()
    labels = run.build / "labels.json"
    labels.unlink()
    labels.mkdir()  # the last table cannot be written, as on a disk that fills up there
    with pytest.raises(OSError, match="directory"):
        run.publish()
    assert not published(run), "a manifest beside a ledger that it does not describe"


def test_a_lock_of_a_run_that_was_stopped(run: TinyRun) -> None:
    results = run.journal.latest()
    half = dict(list(results.items())[:3])
    write_lock(run.plan, run.setup, run.build, half)
    head, *lines = map(json.loads, (run.build / "build.lock").read_text().splitlines())
    assert head["plan"] == run.plan.digest
    assert [line["key"] for line in lines] == run.plan.table["key"].to_pylist()
    assert Counter(line["outcome"] == "pending" for line in lines) == {True: 4, False: 3}

"""`ingest` as a function: which folders it takes, what an update keeps, when it is a success."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from process import tree
from tiny_run import write_videos

from sign_etl.app.ingest import IngestRequest, IngestResult, ingest
from sign_etl.app.plan import plan
from sign_etl.app.remembered import SETUP_FILE, recall
from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.reader.lock import open_lock
from sign_etl.run.finish import head_of
from sign_etl.run.journal import Journal, Result
from sign_etl.run.lock import drift
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.records import STATE_FOLDER

NAMES = [f"{label}/v{number}.mp4" for label in ("one", "two") for number in range(3)]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("media"), NAMES)


def build(out: Path, media: Path, *settings: str, **request: Any) -> IngestResult:
    base = ("pose={}", "normalise.short_side=64", "pack.shard_clips=2")
    return ingest(
        IngestRequest("folder", out, media=media, settings=(*base, *settings), jobs=1, **request)
    )


def journal(out: Path) -> Journal:
    return Journal(out / ".sign-etl" / "journal.jsonl")


def keys(out: Path) -> set[str]:
    return set(pq.read_table(out / "ledger.parquet")["key"].to_pylist())


def test_a_folder_that_holds_other_things_is_left_as_it_is(tmp_path: Path, media: Path) -> None:
    out = tmp_path / "precious"
    (out / "sub" / ".tmp-mine").mkdir(parents=True)
    (out / ".tmp-mine").write_text("mine")
    before = sorted(out.rglob("*"))
    with pytest.raises(ConfigError, match="is no build") as caught:
        build(out, media)
    assert caught.value.hint
    assert sorted(out.rglob("*")) == before


def test_an_empty_folder_and_one_that_is_missing_are_taken(tmp_path: Path, media: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "deep/missing"):
        assert build(tmp_path / name, media, limit=1).counts == {"written": 1}


def test_a_file_is_no_folder(tmp_path: Path, media: Path) -> None:
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises((UsageError, NotADirectoryError)):
            build(out, media)
    assert (tmp_path / "file").read_text() == "x"


def test_another_selection_needs_update(tmp_path: Path, media: Path) -> None:
    out = tmp_path / "build"
    build(out, media)
    before = tree(out)
    for change in ({"limit": 3}, {"settings": ("normalise.fps=5",)}):
        settings = change.pop("settings", ())
        with pytest.raises(ConfigError, match="another pipeline") as caught:
            build(out, media, *settings, **change)
        assert "--update" in (caught.value.hint or "")
        assert tree(out) == before
        if settings:
            told = "pipeline.normalise.fps: 25.0 in the lock, 5.0 here"
            assert caught.value.message.endswith(f" or selection: {told}")


def test_a_build_of_before_clips_had_a_tune_can_go_on(tmp_path: Path, media: Path) -> None:
    """Its identity and what it remembers have no such setting; bytes are those of `none`."""
    out, earlier = tmp_path / "build", "normalise.tune=none"
    build(out, media, earlier)
    before = tree(out)
    setup = out / STATE_FOLDER / SETUP_FILE
    value = json.loads(setup.read_bytes())
    assert value["setup"]["pipeline"]["normalise"].pop("tune") == "none"
    setup.write_text(json.dumps(value))
    recalled = recall(out)
    lock = open_lock(out)
    assert "tune" not in lock.head.pipeline["normalise"]
    assert drift(lock.head, head_of(recalled.plan, recalled.setup)) == ([], [])
    with pytest.raises(ConfigError, match="tune: none in the lock, fastdecode here"):
        build(out, media)
    assert build(out, media, earlier).counts == {"written": 6}
    assert tree(out) == before
    assert build(out, media, update=True).counts == {"written": 6}
    assert tree(out) != before


def test_a_smaller_selection_leaves_nothing_of_the_larger(tmp_path: Path, media: Path) -> None:
    out = tmp_path / "build"
    build(out, media)
    assert build(out, media, limit=3, update=True).counts == {"written": 3}
    fresh = tmp_path / "fresh"
    build(fresh, media, limit=3)
    assert tree(out) == tree(fresh)
    assert {result.key for result in journal(out).results()} == keys(out)
    # And back, from the store.
    assert build(out, media, update=True).counts == {"written": 6}


def test_an_update_forgets_what_another_pipeline_may_do_better(tmp_path: Path, media: Path) -> None:
    out = tmp_path / "build"
    build(out, media)
    first, second, third, *_ = journal(out).latest().values()

    def reject(known: Result, stage: StageName, reason: Reason) -> None:
        log = journal(out)
        log.append(Result(known.key, Reject(stage, reason), known.source, known.size_bytes))
        log.close()

    reject(first, StageName.NORMALISE, Reason.HUNG)
    reject(second, StageName.NORMALISE, Reason.CRASHED)
    assert build(out, media, "policy.max_failed=1").counts == {"failed": 2, "written": 4}
    # As of a pipeline with a backend that this one does not run.
    reject(third, StageName.POSE, Reason.CRASHED)
    assert build(out, media, "policy.max_failed=1").counts == {"failed": 3, "written": 3}
    made = build(out, media, "normalise.fps=5", update=True)
    assert made.counts == {"written": 6}


def test_what_exceeds_the_policy_is_a_problem(tmp_path: Path, media: Path) -> None:
    table = tmp_path / "clips.csv"
    rows = [f"{name},x" for name in NAMES] + [f"missing{number}.mp4,x" for number in range(4)]
    table.write_text("\n".join(["file,label", *rows, ""]))
    out = tmp_path / "build"
    made = build(out, media, annotations=table)
    assert (made.exit_code, made.counts) == (0, {"failed": 4, "written": 6})
    named = "`missing0.mp4`, `missing1.mp4`, `missing2.mp4`"
    assert made.notes == (f"4 files are not in the media folder, such as {named}",)
    made = build(out, media, "policy.max_fetch_failed=0.3", annotations=table)
    assert made.exit_code == 1
    words = "4 of 10 clips could not be fetched, policy.max_fetch_failed allows 30%"
    assert made.problems == (words,)
    # Six of six in a smaller selection: what was left out counts no more.
    table.write_text("\n".join(["file,label", *rows[:6], ""]))
    made = build(out, media, "policy.max_fetch_failed=0", annotations=table, update=True)
    assert (made.exit_code, made.problems, made.notes) == (0, (), ())
    # Without a setting the pipeline for folders takes a half for the wrong folder.
    table.write_text("\n".join(["file,label", *rows[:2], *rows[6:], ""]))
    made = build(out, media, annotations=table, update=True)
    words = "4 of 6 clips could not be fetched, policy.max_fetch_failed allows 50%"
    assert made.problems == (words,)


def test_a_mistyped_split_is_told(tmp_path: Path, media: Path) -> None:
    table = tmp_path / "clips.csv"
    splits = ("trian", "train", "trainval", "vla", "unseen")
    rows = [f"{name},x,{split}" for name, split in zip(NAMES, splits, strict=False)]
    table.write_text("\n".join(["file,label,split", *rows, "gone.mp4,x,test", ""]))
    notes = (
        "there is a split `trian`: did you mean `train`?",
        "there is a split `vla`: did you mean `val`?",
    )
    settings = ("pose={}", "normalise.short_side=64")
    request = IngestRequest("folder", media=media, annotations=table, settings=settings)
    assert plan(request).notes == notes
    made = build(tmp_path / "build", media, annotations=table)
    assert made.exit_code == 0
    assert made.notes[0] == "1 file is not in the media folder: `gone.mp4`"
    assert sorted(made.notes[1:]) == sorted(notes)


def test_a_mistyped_folder_of_a_split_is_told(tmp_path: Path) -> None:
    files = ("trian/HELLO/a.mp4", "val/HELLO/b.mp4", "tset/c.mp4", "unseen/HELLO/d.mp4")
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"only planned")
    request = IngestRequest("folder", media=tmp_path, settings=("pose={}",))
    assert plan(request).notes == ("there is a folder `trian`: did you mean `train`?",)


def test_nothing_written_is_a_problem(tmp_path: Path, media: Path) -> None:
    made = build(tmp_path / "build", media, "normalise.min_duration_s=60")
    assert made.exit_code == 1
    assert made.problems == ("not one clip was written",)
    assert made.counts == {"excluded": 6}
    assert json.loads((tmp_path / "build/manifest.json").read_text())["shards"] == []

"""`ingest --shards`: several runs on one build, and the run for the whole that publishes it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from process import tree
from tiny_run import write_videos

from sign_etl.app.ingest import IngestRequest, IngestResult, ingest
from sign_etl.app.status import status
from sign_etl.core.errors import ConfigError, UsageError

NAMES = [f"{label}/v{number}.mp4" for label in ("one", "two", "three") for number in range(3)]
SHARDS = 5
"""Nine clips, two in a shard."""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("media"), NAMES)


def build(
    out: Path, media: Path, shards: tuple[int, int] | None = None, *settings: str
) -> IngestResult:
    base = ("pose={}", "normalise.short_side=64", "pack.shard_clips=2")
    return ingest(
        IngestRequest(
            "folder", out, media=media, settings=(*base, *settings), jobs=1, shards=shards
        )
    )


def test_parts_and_the_whole_give_the_build_of_one_run(tmp_path: Path, media: Path) -> None:
    quiet = build(tmp_path / "quiet", media)
    out = tmp_path / "parts"
    last = build(out, media, (3, 4))
    assert (last.published, last.shards, last.counts) == (False, 2, {"written": 3})
    assert not (out / "manifest.json").exists()
    assert status(out)["outcomes"] == {"pending": 6, "written": 3}
    build(out, media, (0, 2))
    assert status(out)["outcomes"] == {"written": 9}
    whole = build(out, media)
    assert whole.published
    assert whole.counts == quiet.counts
    assert tree(out) == tree(tmp_path / "quiet")
    assert not list((out / ".sign-etl").glob("journal-*")), "taken in"
    assert status(out)["outcomes"] == {"written": 9}


def test_the_whole_takes_what_parts_have_done(tmp_path: Path, media: Path) -> None:
    out = tmp_path / "build"
    build(out, media, (0, 0))
    tar = next(out.rglob("*.tar"))
    written = tar.stat().st_mtime_ns
    build(out, media)
    assert tar.stat().st_mtime_ns == written


def test_runs_for_other_shards_work_side_by_side_and_the_whole_waits(
    tmp_path: Path, media: Path
) -> None:
    out = tmp_path / "build"
    build(out, media, (0, 0))
    state = out / ".sign-etl"
    with (state / "run.lock").open("w") as shared, (state / "run-1-1.lock").open("w") as own:
        # As a run for shard 1 on another node holds them.
        fcntl.flock(shared, fcntl.LOCK_SH)
        fcntl.flock(own, fcntl.LOCK_EX)
        build(out, media, (2, 2))
        with pytest.raises(UsageError, match="another run"):
            build(out, media, (1, 1))
        with pytest.raises(UsageError, match="another run"):
            build(out, media)


def test_shards_that_the_plan_does_not_have(tmp_path: Path, media: Path) -> None:
    for span in ((0, SHARDS), (3, 2)):
        with pytest.raises(UsageError, match="no shards") as caught:
            build(tmp_path / "build", media, span)
        assert caught.value.hint == f"it has {SHARDS}: 0-{SHARDS - 1}"


def test_a_part_never_changes_the_plan_of_a_build(tmp_path: Path, media: Path) -> None:
    out = tmp_path / "build"
    build(out, media)
    before = tree(out)
    with pytest.raises(ConfigError, match="another pipeline"):
        build(out, media, (0, 0), "normalise.short_side=48")
    assert tree(out) == before

"""`status --watch` reads the journal and the events of a run that another process makes."""

from __future__ import annotations

import json
from collections import deque
from datetime import datetime
from pathlib import Path

import pytest
from tiny_run import write_videos

from sign_etl.app.ingest import IngestRequest, ingest
from sign_etl.app.watching import look, watch
from sign_etl.cli.output import Output
from sign_etl.cli.watch import in_order, tell_watched, watched_line
from sign_etl.core.errors import UsageError

CLIPS = 4


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build of four clips."""
    folder = tmp_path_factory.mktemp("watch")
    media = write_videos(folder / "media", [f"one/v{number}.mp4" for number in range(CLIPS)])
    settings = ("pose={}", "normalise.short_side=64", "pack.shard_clips=2")
    ingest(
        IngestRequest(
            "folder",
            folder / "build",
            media=media,
            store=str(folder / "store"),
            settings=settings,
            jobs=1,
        )
    )
    return folder / "build"


def test_a_run_half_way(build: Path, tmp_path: Path) -> None:
    state = build / ".sign-etl"
    journal, events = (state / "journal.jsonl"), (state / "events.jsonl")
    whole = journal.read_bytes(), events.read_bytes()
    lines = whole[1].splitlines(keepends=True)
    assert b"published" in lines[-1]
    times = [datetime.fromisoformat(json.loads(line)["at"]).timestamp() for line in lines]
    try:
        # As it was between two clips, the last line of the events being written just now.
        events.write_bytes(b"".join(lines[:-1]) + b'{"at": "20')
        journal.write_bytes(b"".join(whole[0].splitlines(keepends=True)[:1]))
        seen: deque[tuple[float, int]] = deque()
        first = look(build, seen, times[0] + 10)
        assert (first.rate, first.eta_s, first.ended) == (None, None, False)
        assert first.status["outcomes"] == {"pending": 3, "written": 1}
        assert first.stages["normalise"] == pytest.approx(CLIPS / 10)
        journal.write_bytes(b"".join(whole[0].splitlines(keepends=True)[:2]))
        second = look(build, seen, times[0] + 20)
        assert (second.rate, second.eta_s) == (0.1, 20.0)
        line = watched_line(second)
        assert line.startswith("pending 2, written 2 of 4  shards 2/2")
        assert "ETA 0:20" in line
        late = look(build, seen, times[-1] + 500)
        assert (late.stages, late.rate) == ({}, None)
        assert "nothing new for" in watched_line(late)
    finally:
        journal.write_bytes(whole[0])
        events.write_bytes(whole[1])


def test_it_ends_with_the_run(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [found] = watch(build, every_s=60)
    assert found.ended
    assert found.status["outcomes"] == {"written": CLIPS}
    tell_watched(Output(), build, every_s=60)
    said = capsys.readouterr()
    assert said.out.startswith("written 4 of 4  shards 2/2")
    assert said.out.endswith("published\n")
    assert said.err == ""


def test_no_build(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no build"):
        next(watch(tmp_path))


def test_stages_stand_in_their_order() -> None:
    rates = {"quality": 1.0, "pose:rtmpose": 2.0, "pose:blazepose": 3.0, "fetch": 4.0, "new": 5.0}
    names = [name for name, _ in in_order(rates)]
    assert names == ["fetch", "pose:blazepose", "pose:rtmpose", "quality", "new"]

"""What commands say of a run: the time that its progress showed, and what looks like a slip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_built, tell_plan
from sign_etl.schema.build_replies import Demo, Plan


def test_the_time_told_is_that_of_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A demo draws before its run and judges behind it: neither is what the run waited for."""
    done = {"event": "done", "stage": "normalise", "worker": "1", "seconds": 38.0}
    events = [
        {"at": "2026-01-01T10:00:00.000+00:00", "event": "start"},
        {"at": "2026-01-01T10:00:40.000+00:00", **done},
        {"at": "2026-01-01T10:00:41.000+00:00", "event": "published"},
    ]
    (tmp_path / ".sign-etl").mkdir()
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (tmp_path / ".sign-etl" / "events.jsonl").write_text(lines)
    reply = Demo(
        build=str(tmp_path),
        counts={"written": 1},
        reasons={},
        shards=1,
        size_bytes=1,
        seconds=75.0,
        sheet="a.png",
        backend="truth",
        error_px=None,
        note=None,
    )
    tell_built(Output(), reply)
    said = capsys.readouterr().err
    assert said.startswith("In 0:41 the limit was normalise: 38.0 s a clip with 1 worker")


@pytest.mark.parametrize(
    ("ends", "told"),
    [(0, "0:09"), (2, "0:09 (assumed: no end is annotated for 2 clips)")],
)
def test_a_length_that_is_assumed_is_called_so(
    capsys: pytest.CaptureFixture[str], ends: int, told: str
) -> None:
    reply = Plan(
        name="x",
        clips=3,
        sources=3,
        shards=1,
        splits={"train": 3},
        labels=1,
        local_bytes=0,
        local_sources=0,
        seconds=9.0,
        disk_bytes={},
        digest="0123456789",
        open_ends=ends,
    )
    tell_plan(Output(), reply)
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("length")]
    assert line.removeprefix("length").strip() == told


def test_a_plan_warns_of_a_slip(capsys: pytest.CaptureFixture[str]) -> None:
    note = "there is a split `trian`: did you mean `train`?"
    reply = Plan(
        name="x",
        clips=1,
        sources=1,
        shards=1,
        splits={"trian": 1},
        labels=1,
        local_bytes=0,
        local_sources=0,
        seconds=1.0,
        disk_bytes={},
        digest="0123456789",
        notes=(note,),
    )
    tell_plan(Output(), reply)
    assert capsys.readouterr().err == f"warning: {note}\n"

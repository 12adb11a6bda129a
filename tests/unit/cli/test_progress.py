"""Progress: plain lines at intervals elsewhere, a live table on a terminal."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sign_etl.cli.gpu_use import GpuUse
from sign_etl.cli.output import Output
from sign_etl.cli.progress import ProgressDisplay, eta_s, progress_line
from sign_etl.run.progress import Progress, StageProgress


def snapshot(done: int, message: str | None = None) -> Progress:
    stages = {"fetch": StageProgress(done, 10, 2), "normalise": StageProgress(0, 8, 0)}
    return Progress(10, stages, {"link-dead": 2, "timeout": 9}, (0, 1), 65.0, message)


def test_line() -> None:
    assert progress_line(snapshot(5)) == (
        "1:05  fetch 5/10 (2 rejected)  normalise 0/8  shards 0/1  timeout 9, link-dead 2"
    )


def test_lines_come_at_intervals_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIGN_ETL_PROGRESS_S", "3600")
    with ProgressDisplay(Output()) as show:
        for done in range(8):
            show(snapshot(done))
    first, last = capsys.readouterr().err.splitlines()
    assert "fetch 0/10" in first
    assert "fetch 7/10" in last
    monkeypatch.setenv("SIGN_ETL_PROGRESS_S", "0")
    with ProgressDisplay(Output()) as show:
        for done in range(8):
            show(snapshot(done))
    assert len(capsys.readouterr().err.splitlines()) == 8


def test_messages_are_told_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SIGN_ETL_PROGRESS_S", "3600")
    with ProgressDisplay(Output()) as show:
        show(snapshot(0))
        show(snapshot(0, "waiting for host"))
    assert "waiting for host" in capsys.readouterr().err


@pytest.mark.parametrize("quiet_by", ["mode", "environment"])
def test_silence(
    quiet_by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if quiet_by == "environment":
        monkeypatch.setenv("SIGN_ETL_NO_PROGRESS", "1")
    with ProgressDisplay(Output("quiet" if quiet_by == "mode" else "human")) as show:
        show(snapshot(1, "hello"))
    assert capsys.readouterr() == ("", "")


def test_when_it_will_be_done() -> None:
    def at(done: int, seconds: float) -> Progress:
        stages = {"fetch": StageProgress(8, 10, 2), "quality": StageProgress(done, 8, 1)}
        return Progress(10, stages, {}, (0, 1), seconds)

    assert eta_s(at(0, 60)) is None
    assert eta_s(at(2, 1)) is None
    assert eta_s(at(2, 60)) == 60  # five of ten clips are at their end after a minute
    assert "ETA 1:00" in progress_line(at(2, 60))
    assert eta_s(at(7, 60)) is None


def test_gpus_as_the_drivers_tool_tells_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '1, 7'\necho '0, 83'\necho 'no, such'\nexec sleep 60\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with GpuUse() as gpus:
        until = time.monotonic() + 60
        while gpus.words().count("gpu") < 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert gpus.words() == "gpu 0 83 %, gpu 1 7 %"
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with GpuUse() as gpus:
        assert gpus.words() == ""

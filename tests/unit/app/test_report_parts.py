"""What a report says of time, links and other builds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from forge import change_index, change_ledger
from hygiene_build import motion, write_build

from sign_etl.app.dead_links import links
from sign_etl.app.report import report
from sign_etl.app.report_groups import clip_lengths
from sign_etl.app.throughput import throughput, words
from sign_etl.cli import main as cli
from sign_etl.reader import open_build
from sign_etl.viz import page_contents


def write_events(build: Path, events: list[tuple[float, dict[str, Any]]]) -> None:
    lines = [json.dumps({"at": f"2026-01-01T00:00:{at:06.3f}+00:00", **e}) for at, e in events]
    (build / ".sign-etl").mkdir(parents=True)
    (build / ".sign-etl" / "events.jsonl").write_text("\n".join(lines) + '\n{"at": "2026')


def done(stage: str, worker: str, seconds: float) -> dict[str, Any]:
    return {"event": "done", "stage": stage, "worker": worker, "seconds": seconds, "key": "k"}


def test_the_busiest_workers_are_the_limit(tmp_path: Path) -> None:
    start = {"event": "start"}
    work = [
        *[(1.0 + n, done("fetch", f"fetch-{n % 4}", 2.0)) for n in range(4)],
        *[(5.0 + n, done("normalise", "slot-0", 3.0)) for n in range(2)],
        (9.0, done("pose:made", "slot-0", 4.0)),
    ]
    write_events(tmp_path, [(0, start), (0.5, done("fetch", "fetch-0", 0.5)), (20, start)])
    two = throughput(tmp_path)
    assert two is not None
    assert (two.runs, two.seconds, two.limit) == (2, 0.5, "fetch")
    (tmp_path / ".sign-etl" / "events.jsonl").unlink()
    (tmp_path / ".sign-etl").rmdir()
    write_events(tmp_path, [(0, start), *work, (10, {"event": "published"})])
    found = throughput(tmp_path)
    assert found is not None
    # One slot did 10 s of work in 10 s; four downloaders did 8 s in 40.
    assert (found.limit, found.limit_busy) == ("normalise", 1.0)
    stages = {stage.stage: stage for stage in found.stages}
    assert (stages["fetch"].workers, stages["fetch"].busy) == (4, 0.2)
    assert stages["fetch"].most_per_s == pytest.approx(2.0)
    assert stages["normalise"].clips_per_s == pytest.approx(0.2)
    said = words(found)
    assert said == "the limit was normalise: 3.0 s a clip with 1 worker, at work 100% of the time"
    assert throughput(tmp_path / "elsewhere") is None
    assert words(None) is None


def test_only_the_last_run(tmp_path: Path) -> None:
    start = {"event": "start"}
    first = [(0, start), (4, done("fetch", "a", 4.0))]
    write_events(tmp_path, [*first, (30, start), (32, done("fetch", "a", 0.1))])
    last = throughput(tmp_path, last=True)
    assert last is not None
    assert (last.runs, last.seconds, last.stages[0].clips) == (1, 2.0, 1)
    assert str(words(last)).startswith("no stage was the limit: the busiest was fetch")


def test_dead_links_by_host_and_year(tmp_path: Path) -> None:
    def dead(host: str, year: str, reason: str = "link-dead") -> dict[str, Any]:
        line = {"url": f"https://{host}/v", "stage": "fetch", "reason": reason}
        return {**line, "notes": {"tried_at": f"{year}-03-01T00:00:00+00:00"}}

    lock = {
        "clip 0": dead("a.example", "2024"),
        "clip 1": dead("a.example", "2026", "video-unavailable"),
        "clip 2": dead("b.example", "2026", "timeout"),
        "clip 3": {"url": "https://a.example/fine"},
        "clip 4": {"url": "https://[broken", "stage": "normalise", "reason": "corrupt"},
    }
    write_build(tmp_path / "b", [motion(seed) for seed in range(5)], lock=lock)
    with open_build(tmp_path / "b") as build:
        found = links(build)
    assert found is not None
    assert (found.clips, found.dead, found.other_hosts) == (5, 2, 0)
    first = found.hosts[0]
    assert (first.host, first.clips, first.dead) == ("a.example", 3, 2)
    assert first.years == {"2024": 1, "2026": 1}
    others = {host.host: host.failed for host in found.hosts[1:]}
    assert others == {"b.example": {"timeout": 1}, "no host": {}}


def test_drift_between_builds(tmp_path: Path) -> None:
    motions = [motion(seed) for seed in range(4)]
    old, new = tmp_path / "old", tmp_path / "new"
    write_build(old, motions)
    keys = write_build(new, [motions[0] + 0.25, *motions[1:]])

    def move(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["key"] == keys[1]:
                row.update(split="test", label="elsewhere")

    change_index(new, move)
    change_ledger(new, move)
    change_ledger(
        new,
        lambda rows: [row.update(reason="timeout") for row in rows if row["reason"] == "link-dead"],
    )
    same = report(old, against=old).drift
    found = report(new, against=old).drift
    assert same is not None
    assert (same.moved, same.other_keypoints, same.class_distance) == ({}, 0, 0)
    assert all(one.here == one.there for one in same.measures)
    assert found is not None
    assert (found.both, found.only_here, found.only_there) == (4, 0, 0)
    assert (found.other_split, found.other_label, found.other_keypoints) == (1, 1, 1)
    assert found.moved == {"timeout here, link-dead there": 1}
    assert found.class_distance == 0.25


def test_the_cost_of_a_lower_precision_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = tmp_path / "b"
    write_build(build, [motion(0), motion(1)])
    assert report(build, poses=False).precision == ()
    px = {"median": 3.0, "p95": 3.5, "max": 9.0}
    measured = {
        "clips": 5,
        "points": 700,
        "px": px,
        "score": {"median": 0.0, "p95": 0.0, "max": 0.1},
        "one_sided": 0.004,
        "precisions": {"precision": "bf16", "det_precision": "fp32"},
    }
    (build / ".sign-etl").mkdir(exist_ok=True)
    found = {"rtmpose": measured, "other": {"not_measured": "no clip has points to compare"}}
    (build / ".sign-etl" / "drift.json").write_text(json.dumps(found))
    reply = report(build)
    assert reply.precision[0].px == px
    page = page_contents.keypoints(reply)
    assert "(precision: bf16, det_precision: fp32)" in page
    assert "3.00 px from those of fp32 in the median, 3.50 at the 95th" in page
    assert "is not measured: no clip has points to compare." in page
    assert cli.run(["report", str(build), "--quick"]) == 0
    assert "drift of `rtmpose` against fp32 on 5 clips: median 3.00," in capsys.readouterr().out


def test_long_clips_share_the_last_bin() -> None:
    found = clip_lengths([*(0.1 * n for n in range(1, 200)), 5000.0])
    assert found is not None
    assert sum(found.counts) == 200
    assert found.edges[-1] == 5000
    assert found.edges[-2] < 21
    assert clip_lengths([]) is None
    one = clip_lengths([2.0, 2.0])
    assert one is not None
    assert sum(one.counts) == 2

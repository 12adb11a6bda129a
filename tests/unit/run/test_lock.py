"""`build.lock`: which tools, which bytes, for dead clips too."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path

import pytest
from tiny_run import TinyRun, make_clip, make_setup, tiny_run, truth_setup, write_videos

import sign_etl
from sign_etl.core.canonical import canonical_json, sha256_file
from sign_etl.run.finish import pose_sets, write_lock
from sign_etl.run.journal import Result
from sign_etl.run.lock import lock_head, lock_line
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.records import LockHead, LockLine
from sign_etl.stages.setup import versions

ROW = {"key": "tiny-a-1", "source_id": "a.mp4", "url": None}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    folder = tmp_path_factory.mktemp("lock")
    media = write_videos(folder / "media", ["a.mp4"], fps=30, count=15)
    clips = [make_clip("a", declared_fps=25.0), make_clip("missing")]
    made = tiny_run(folder / "run", clips, media)
    made.run()
    write_lock(made.plan, made.setup, made.build, made.journal.latest())
    return made


def test_a_lock_is_canonical_json_lines_in_plan_order(run: TinyRun) -> None:
    text = (run.build / "build.lock").read_text(encoding="utf-8")
    head, *lines = map(json.loads, text.splitlines())
    LockHead.model_validate(head)
    for line in lines:
        LockLine.model_validate(line)
    assert [line["key"] for line in lines] == run.plan.table["key"].to_pylist()
    assert text == "".join(canonical_json(line) + "\n" for line in (head, *lines))


def test_it_says_which_bytes_a_clip_came_from(run: TinyRun) -> None:
    _, *lines = map(json.loads, (run.build / "build.lock").read_text().splitlines())
    by_source = {line["source_id"]: line for line in lines}
    path = Path(run.setup.media or "") / "a.mp4"
    written, missing = by_source["a.mp4"], by_source["missing.mp4"]
    assert written["sha256"] == sha256_file(path)
    assert written["size_bytes"] == path.stat().st_size
    assert written["fps"] == "30/1" or written["fps"] == "30"
    assert written["duration_s"] == pytest.approx(0.5, abs=0.05)
    objects = {entry.parent.name + entry.name for entry in run.store.root.glob("objects/*/*")}
    assert written["video"] in objects
    assert missing == {
        "key": missing["key"],
        "source_id": "missing.mp4",
        "outcome": "failed",
        "stage": "fetch",
        "reason": "media-missing",
    }


def test_the_head_names_the_tools(tmp_path: Path) -> None:
    pose = truth_setup(weights={"m.task": "ab" * 32}, options={"face": True})
    setup = make_setup(tmp_path, poses=(pose,))
    head = lock_head("f" * 64, setup.choices().identity(), versions(setup), pose_sets(setup))
    assert head.sign_etl == sign_etl.__version__
    assert set(head.stages) == {"fetch", "normalise", "pose:truth", "quality", "pack"}
    assert head.poses["truth"].weights == {"m.task": "ab" * 32}
    assert head.poses["truth"].options == {"face": True}
    assert head.packages["av"] == version("av")
    assert head.packages["numpy"] == version("numpy")
    assert head.cpu_flags[0] == platform.machine()
    assert "media" not in head.pipeline["dataset"]


def test_a_clip_that_was_not_reached_is_pending() -> None:
    assert lock_line(ROW, None) == {
        "key": "tiny-a-1",
        "source_id": "a.mp4",
        "outcome": "pending",
    }


def test_a_dead_clip_has_a_line_with_its_address() -> None:
    reject = Reject(StageName.FETCH, Reason.LINK_DEAD, "status 404")
    row = ROW | {"url": "https://example.org/a.mp4"}
    assert lock_line(row, Result("tiny-a-1", reject)) == {
        "key": "tiny-a-1",
        "source_id": "a.mp4",
        "url": "https://example.org/a.mp4",
        "outcome": "failed",
        "stage": "fetch",
        "reason": "link-dead",
        "detail": "status 404",
    }


def test_a_source_without_length_is_no_hole() -> None:
    facts = {"fps": None, "duration_s": 0.0, "video": "ab" * 32, "poses": {}}
    line = lock_line(ROW, Result("tiny-a-1", source="cd" * 32, size_bytes=0, facts=facts))
    assert line["duration_s"] == 0.0
    assert line["size_bytes"] == 0
    assert "fps" not in line
    assert "poses" not in line

"""`build.lock`: which tools, which bytes, for dead clips too."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import TinyRun, make_clip, make_setup, plan_of, tiny_run, truth_setup, write_videos

import sign_etl
from sign_etl.core.canonical import canonical_json, sha256_file
from sign_etl.run.finish import head_of, pose_sets, write_lock
from sign_etl.run.journal import Result
from sign_etl.run.lock import drift, drift_lines, lock_head, lock_line, result_from
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.records import LockHead, LockLine
from sign_etl.stages.setup import versions

DIGESTS = st.one_of(st.none(), st.just("cd" * 32))
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


@given(
    st.sampled_from(list(Reason)), st.sampled_from(list(StageName)), st.text(max_size=9), DIGESTS
)
def test_a_dead_clip_comes_back_from_its_line(
    reason: Reason, stage: StageName, detail: str, source: str | None
) -> None:
    """What another laboratory writes from the lock is what this one wrote."""
    dead = Result(
        "tiny-a-1",
        Reject(stage, reason, detail),
        source,
        None if source is None else 7,
        flags=("fps-differs",),
        facts={"fps": "25/1", "poses": {"truth": "ab" * 32}},
        notes={"tried_at": "2026-11-21T00:00:00+00:00"},
    )
    line = json.loads(canonical_json(lock_line(ROW, dead)))
    LockLine.model_validate(line)
    assert result_from(line) == dead
    assert lock_line(ROW, result_from(line)) == line


def test_notes_make_no_other_result() -> None:
    reject = Reject(StageName.FETCH, Reason.TIMEOUT)
    at = {"tried_at": "2026-11-21T00:00:00+00:00"}
    assert Result("k", reject, notes=at) == Result("k", reject)
    assert lock_line(ROW, Result("k", reject, notes=at))["notes"] == at


def test_drift_names_what_forbids_and_what_only_moves_bytes(tmp_path: Path) -> None:
    setup = make_setup(tmp_path, poses=(truth_setup(weights={"m.task": "ab" * 32}),))
    plan = plan_of([make_clip("a")])
    mine = head_of(plan, setup)
    assert drift(mine, mine) == ([], [])
    assert (mine.recipe, mine.licence) == ("folder", "yours")
    theirs = mine.model_copy(
        update={
            "stages": mine.stages | {"normalise": "0"},
            "poses": {
                "truth": mine.poses["truth"].model_copy(update={"weights": {"m.task": "cd"}})
            },
            "pipeline": mine.pipeline | {"normalise": mine.pipeline["normalise"] | {"fps": 9}},
            "packages": mine.packages | {"av": "0.1"},
            "cpu_flags": ("riscv",),
            "sign_etl": "0.0",
        }
    )
    forbidding, moving = drift(theirs, mine)
    assert [each.name for each in forbidding] == [
        "pipeline.normalise.fps",
        "poses.truth.weights.m.task",
        "stages.normalise",
    ]
    assert {each.name for each in moving} == {"packages.av", "cpu_flags"}
    told = list(drift_lines(forbidding))
    assert told[0] == "pipeline.normalise.fps: 9 in the lock, 25.0 here"
    assert told[1] == f"poses.truth.weights.m.task: cd in the lock, {'ab' * 6} here"

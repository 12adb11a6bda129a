"""An evaluation says how many clips it could not look at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pose_build import write_pose_build

from sign_etl.core.content import load_program

pytest.importorskip("accelerate")
from trained_runs import write_run

from sign_etl.stream.index import open_index


def test_damaged_clips_are_told(tmp_path: Path) -> None:
    build = write_pose_build(tmp_path / "build", [5] * 12, splits=("train", "test"))
    run = write_run(tmp_path / "run", build, {"name": "islr"})
    index = open_index([build])
    row = index.column("split").to_pylist().index("test")
    with (build / index.shards[index.shard[row]]).open("r+b") as file:
        file.seek(int(index.members["made.npy"].offset[row]))
        file.write(b"not numpy")
    load_program("evaluate").evaluate(run, [str(build)], "test")
    found = json.loads((run / "results/test/metrics.json").read_text())
    assert (found["clips"], found["damaged"]) == (5, 1)
    assert "## Results on `test`, 5 clips and 1 damaged" in (run / "README.md").read_text()

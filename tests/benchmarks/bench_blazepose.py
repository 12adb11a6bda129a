"""BlazePose: our stage against pose-format's `videos_to_poses`, same clips, equal process count.

Both are warm when the time begins: models loaded, one clip done in every process. pose-format runs
its own function for one video in a pool of processes, as its command does.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from peers import POSE_FORMAT, peer
from runs import CLIPS, CORES, RUNS, clips_of, cool, median

from sign_etl.app.bench import on_clips
from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.core.places import weights_folder
from sign_etl.pose.base import BACKENDS
from sign_etl.pose.weights import ensure

MODES = {
    "default": {},
    "hands_image": {"hands_mode": "image"},
    "hands_video": {"hands_mode": "video"},
}
"""Ours as it is, with hands looked for in each frame anew, and with hands only followed from frame
to frame, which is what pose-format does."""

PEER = """
import io, json, sys, time
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from pose_format.bin.directory import process_video

def one(path):
    with redirect_stdout(io.StringIO()):
        return process_video(False, "mediapipe", {}, Path(path))

def warm(path):
    time.sleep(0.2)  # so that every process takes one
    return one(path)

if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    with ProcessPoolExecutor(asked["jobs"]) as pool:
        list(pool.map(warm, asked["warm"]))
        began = time.perf_counter()
        made = list(pool.map(one, asked["clips"]))
        seconds = time.perf_counter() - began
    assert all(made), made
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\\n")
"""


def test_blazepose(shared_data: Path, tmp_path: Path, record: list[dict[str, Any]]) -> None:
    backend = BACKENDS.get("blazepose")
    try:
        ensure(backend, backend.options({}), weights_folder())
    except (AccessError, MissingExtraError) as error:
        pytest.skip(f"{error.message}: {error.hint}")
    python = peer("pose-format", POSE_FORMAT)
    ready = clips_of(shared_data / "svk-clips", tmp_path / "clips", 2 * CLIPS)
    frames = sum(clip["frames"] for clip in ready)
    rows: dict[str, list[float]] = {}
    for turn in range(RUNS):
        for name, raw in MODES.items():
            cool()
            measured = on_clips("blazepose", backend.options(raw), ready, jobs=CORES)
            rows.setdefault(name, []).append(frames / measured.wall_s)
        cool()
        rows.setdefault("pose_format", []).append(
            frames / _peer(python, ready, tmp_path / f"turn{turn}")
        )
    record.append(
        {
            "benchmark": "blazepose",
            "clips": len(ready),
            "frames": frames,
            "cores": CORES,
            "processes": CORES,
            "runs": RUNS,
            "frames_per_s": rows,
            **{
                f"{name}_over_pose_format": median(
                    [a / b for a, b in zip(rows[name], rows["pose_format"], strict=True)]
                )
                for name in MODES
            },
        }
    )


def test_workers(shared_data: Path, tmp_path: Path, record: list[dict[str, Any]]) -> None:
    """How many workers help."""
    backend = BACKENDS.get("blazepose")
    try:
        ensure(backend, backend.options({}), weights_folder())
    except (AccessError, MissingExtraError) as error:
        pytest.skip(f"{error.message}: {error.hint}")
    ready = clips_of(shared_data / "svk-clips", tmp_path / "clips", 3 * CLIPS)
    frames = sum(clip["frames"] for clip in ready)
    rows: dict[int, list[float]] = {}
    for _ in range(RUNS):
        for jobs in range(1, CORES + 2):
            cool()
            measured = on_clips("blazepose", backend.options({}), ready, jobs=jobs)
            rows.setdefault(jobs, []).append(frames / measured.wall_s)
    record.append(
        {
            "benchmark": "blazepose_workers",
            "cores": CORES,
            "clips": len(ready),
            "frames": frames,
            "runs": RUNS,
            "frames_per_s": {str(jobs): values for jobs, values in rows.items()},
            "over_one": {str(jobs): median(rows[jobs]) / median(rows[1]) for jobs in rows},
        }
    )


def _peer(python: Path, ready: list[dict[str, Any]], folder: Path) -> float:
    """Seconds of pose-format; it writes beside the videos, so it gets copies."""
    folder.mkdir()
    script = folder / "peer.py"
    script.write_text(PEER)
    clips = [shutil.copy(clip["video"], folder) for clip in ready]
    warm = [shutil.copy(ready[0]["video"], folder / f"warm{n}.mp4") for n in range(CORES)]
    asked = {"clips": list(map(str, clips)), "warm": list(map(str, warm)), "jobs": CORES}
    done = subprocess.run(
        [python, script, json.dumps(asked)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return float(json.loads(done.stdout.splitlines()[-1])["seconds"])

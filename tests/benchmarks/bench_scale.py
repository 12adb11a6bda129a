"""How time and memory grow: real builds of 1,000 and 10,000 clips, planned ones up to a million.

The real clips are distinct spans of 12 frames of the real videos, so that the store can merge none
of them; no keypoints are estimated. The planned ones are clips that were all rejected: plan, lock,
ledger, publishing and `status`. `SIGN_ETL_BENCH_BUILT` (default 1000,10000) sets the real sizes.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import av
import psutil
import pytest

BUILT = [int(count) for count in os.environ.get("SIGN_ETL_BENCH_BUILT", "1000,10000").split(",")]
FRAMES, FPS = 12, 25
EVERY_S = 0.2

PLANNED = """
import json, resource, sys, time
from pathlib import Path
from sign_etl.recipes.folder import RECIPE
from sign_etl.run.finish import publish
from sign_etl.run.journal import Journal, Result
from sign_etl.run.planning import make_plan
from sign_etl.schema.clip import Clip, Source, clip_key
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.pipeline import Pipeline
from sign_etl.stages.setup import Setup

count, build = int(sys.argv[1]), Path(sys.argv[2])
state = build / ".sign-etl"
state.mkdir(parents=True)

def clips():
    for number in range(count):
        source = f"video{number // 4:07d}"
        begin = float(number % 4)
        yield Clip(
            clip_key("big", str(number), source, begin, begin + 1),
            "big", str(number), Source(source, f"https://example.org/{source}.mp4"),
            split=("train", "train", "val", "test")[number % 4], label=f"sign{number % 2000}",
            language="ase", signer=f"s{number % 50}", start_s=begin, end_s=begin + 1,
        )

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

pipeline = Pipeline(name="big", dataset={"recipe": "folder"}, pose={})
began = time.perf_counter()
plan = make_plan(pipeline, clips(), dataset="big", recipe=("folder", "1"), labels=None)
found = {"plan_s": time.perf_counter() - began, "plan_mib": peak()}
plan.save(state / "plan.parquet")
journal = Journal(state / "journal.jsonl")
dead = Reject(StageName.FETCH, Reason.VIDEO_UNAVAILABLE, "gone")
began = time.perf_counter()
for key in plan.clip_keys():
    journal.append(Result(key, reject=dead))
found["journal_s"] = time.perf_counter() - began
setup = Setup(
    pipeline=pipeline.model_dump(mode="json", by_alias=True), store=str(build / "store"),
    recipe="folder", sources=str(state / "sources"), media=None, weights=str(build), poses=(),
)
began = time.perf_counter()
publish(plan, setup, build, journal, recipe_version="1", card=RECIPE.card)
found |= {"publish_s": time.perf_counter() - began, "publish_mib": peak()}
print(json.dumps(found))
"""


@pytest.mark.parametrize("count", BUILT)
def test_built(count: int, shared_data: Path, tmp_path: Path, record: list[dict[str, Any]]) -> None:
    media = shared_data / "svk-clips"
    table = _table(media, tmp_path / "clips.csv", count)
    command = [
        *("ingest", "folder", "--media", media, "--annotations", table, "--json"),
        *("--out", tmp_path / "build", "--store", tmp_path / "store", "--set", "pose={}"),
        *("--set", "normalise.short_side=128", "--set", "quality.max_frozen=1"),
    ]
    first = _timed(*command)
    again = _timed(*command)
    status = _timed("status", tmp_path / "build", "--json")
    assert json.loads(first.pop("out"))["data"]["counts"] == {"written": count}
    record.append(
        {
            "benchmark": "scale",
            "mode": f"{count}",
            "built": count,
            "wall_s": first["wall_s"],
            "ms_a_clip": first["wall_s"] / count * 1000,
            "driver_mib": first["driver_mib"],
            "tree_mib": first["tree_mib"],
            "again_s": again["wall_s"],
            "status_s": status["wall_s"],
        }
    )


@pytest.mark.parametrize("count", [10_000, 100_000, 1_000_000])
def test_planned(count: int, tmp_path: Path, record: list[dict[str, Any]]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PLANNED, str(count), str(tmp_path / "build")],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    status = _timed("status", tmp_path / "build", "--json")
    assert json.loads(status["out"])["data"]["reasons"] == {"video-unavailable": count}
    record.append(
        {
            "benchmark": "scale",
            "mode": f"{count} planned",
            "planned": count,
            **json.loads(done.stdout),
            "status_s": status["wall_s"],
            "status_mib": status["driver_mib"],
        }
    )


def _table(media: Path, path: Path, count: int) -> Path:
    """Annotations of `count` distinct spans, the videos in turns."""
    lengths = {}
    for video in sorted(media.glob("*.mp4")):
        with av.open(str(video)) as container:
            lengths[video.name] = container.streams.video[0].frames
    rows = []
    for length in range(FRAMES, FRAMES + 4):  # longer ones once there are no more of 12
        for begin in range(max(lengths.values())):
            rows += [
                (name, begin / FPS, (begin + length) / FPS)
                for name, frames in lengths.items()
                if begin + length <= frames
            ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "file", "label", "start", "end"])
        for number, (name, begin_s, end_s) in enumerate(rows[:count]):
            word = name.split("-")[0]
            writer.writerow([number, name, word, f"{begin_s:.2f}", f"{end_s:.2f}"])
    assert len(rows) >= count
    return path


def _timed(*arguments: object) -> dict[str, Any]:
    """Run `sign-etl`: seconds, output, peak memory of the command and of all its processes."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "sign_etl", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    peaks = {"driver_mib": 0.0, "tree_mib": 0.0}

    def watch() -> None:
        driver = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                own = driver.memory_info().rss
                # Proportional: what workers share counts once.
                tree = sum(
                    each.memory_full_info().pss
                    for each in (driver, *driver.children(recursive=True))
                )
            except psutil.Error:
                continue
            peaks["driver_mib"] = max(peaks["driver_mib"], own / 2**20)
            peaks["tree_mib"] = max(peaks["tree_mib"], tree / 2**20)
            time.sleep(EVERY_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    wall_s = time.perf_counter() - began
    watcher.join()
    assert process.returncode == 0, err
    return {"wall_s": wall_s, "out": out, **peaks}

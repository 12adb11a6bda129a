"""The loader beside its peers: keypoint samples a second on the same bytes, and resume.

Each peer lives in an environment of its own (uv makes it once, outside of the checkout, under
`SIGN_ETL_BENCH_PEERS` or the user's cache) and in a process of its own for each run. All get the
same keypoints, the same decoding of `.npy` and the same padding; what differs is how the bytes are
found and read, and how batches are put together. Peers that have a format of their own get the
label as a field of it, so only webdataset, wids and Energon read the sample's JSON. `memory` is no
peer: torch's DataLoader over bytes that lie in memory, so decoding and padding alone, without
batches of like lengths.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from peers import measured
from pose_build import write_pose_build

from sign_etl.core.places import cache_folder
from sign_etl.reader import open_build
from sign_etl.stream.index import open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching, make_plan
from sign_etl.stream.pose_view import PoseView

SAMPLES = int(os.environ.get("SIGN_ETL_BENCH_SAMPLES", "10000"))
RUNS = int(os.environ.get("SIGN_ETL_BENCH_RUNS", "5"))
SCRIPT = Path(__file__).with_name("loader_peers.py")
PEERS: dict[str, tuple[str, ...]] = {
    "sign-etl": (),
    "webdataset": ("webdataset==1.0.2",),
    "wids": ("wids==0.1.11",),
    "litdata": ("litdata==0.2.76",),
    "mosaicml-streaming": ("mosaicml-streaming==0.13.0",),
    "energon": ("megatron-energon==7.4.1",),
    "memory": (),
}
REACH = {
    0: {"webdataset": 3.0, "litdata": 1.5, "mosaicml-streaming": 2.0},
    2: {"webdataset": 1.8, "litdata": 1.8, "mosaicml-streaming": 1.2},
}


@pytest.fixture(scope="module")
def data() -> Path:
    """A build of keypoints as RTMPose gives them, lengths as in MS-ASL; about 57 kB a sample."""
    folder = peers_folder() / f"data-{SAMPLES}"
    if not (folder / "build" / "manifest.json").exists():
        lengths = np.random.default_rng(0).lognormal(np.log(62), 0.45, SAMPLES)
        write_pose_build(
            folder / "build",
            np.clip(lengths, 16, 200).astype(int).tolist(),
            shard_clips=250,
            classes=100,
            kind="coco-wholebody-133",
        )
    counts = Counter(open_build(folder / "build").index["shard"].to_pylist())
    (folder / "shards.json").write_text(json.dumps(counts))
    return folder


def peers_folder() -> Path:
    return Path(os.environ.get("SIGN_ETL_BENCH_PEERS", cache_folder() / "bench-peers"))


def environment(peer: str) -> Path:
    """The Python of a peer's environment, made where it is missing."""
    if not PEERS[peer]:
        return Path(sys.executable)
    folder = peers_folder() / peer
    python = folder / "bin" / "python"
    if not (folder / ".ready").exists():
        uv = Path(sys.executable).with_name("uv")
        index = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        extra = {"UV_DEFAULT_INDEX": index} if index else {}
        settings = {**extra, **os.environ}
        subprocess.run([uv, "venv", "--clear", "--python", sys.executable, folder], check=True)
        here = subprocess.run(
            [sys.executable, "-c", "import torch; print(torch.__version__)"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        # pip itself takes a CPU build of torch where it is offered one.
        base = [uv, "pip", "install", "--python", python]
        subprocess.run([*base, "pip"], check=True, env=settings)
        pip = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, f"torch=={here}", "numpy"], check=True)
        subprocess.run([*base, f"torch=={here}", *PEERS[peer]], check=True, env=settings)
        (folder / ".ready").touch()
    return python


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_t6_samples_a_second(data: Path, record: list[dict[str, Any]], workers: int) -> None:
    wanted = os.environ.get("SIGN_ETL_BENCH_ONLY", ",".join(PEERS)).split(",")
    results: dict[str, list[dict[str, Any]]] = {peer: [] for peer in wanted}
    failed: dict[str, str] = {}
    for turn in range(RUNS + 1):
        order = wanted if turn % 2 else wanted[::-1]
        for peer in order:
            if peer in failed:
                continue
            try:
                result = measured(environment(peer), SCRIPT, peer, data, workers)
            except (RuntimeError, subprocess.SubprocessError) as error:
                failed[peer] = str(error)[-400:]
                continue
            if turn:  # the first one warms the page cache, and converts where a format is its own
                results[peer].append(result)
    rates = {
        peer: statistics.median(run["samples_per_s"] for run in runs)
        for peer, runs in results.items()
        if runs
    }
    for peer, runs in results.items():
        if not runs:
            record.append({"benchmark": "loader", "peer": peer, "failed": failed[peer]})
            continue
        every = [run["samples_per_s"] for run in runs]
        record.append(
            {
                "benchmark": "loader",
                "peer": peer,
                "workers": workers,
                "samples_per_s": rates[peer],
                "least": min(every),
                "most": max(every),
                "first_batch_s": statistics.median(run["first_batch_s"] for run in runs),
                "rss_bytes": statistics.median(run["rss_bytes"] for run in runs),
                "padding_efficiency": runs[0]["padding_efficiency"],
                "sign_etl_is_faster_by": rates["sign-etl"] / rates[peer],
                "to_reach": REACH.get(workers, {}).get(peer),
            }
        )


def test_resume_of_a_million_samples(tmp_path: Path, record: list[dict[str, Any]]) -> None:
    """What stands between a cursor and the first micro-batch it points at."""
    index = open_index([write_pose_build(tmp_path / "b", [5] * 4, shard_clips=1)])
    generator = np.random.default_rng(0)
    count, shards = 1_000_000, 2000
    large = replace(
        index,
        shards=tuple(f"train/{number:06d}.tar" for number in range(shards)),
        shard_source=np.zeros(shards, np.int16),
        shard=np.sort(generator.integers(0, shards, count)).astype(np.int32),
        frames=np.clip(generator.lognormal(4, 0.5, count), 8, 500).astype(np.int32),
        label_id=generator.integers(0, 1000, count).astype(np.int32),
        weight=np.ones(count, np.float32),
    )
    batching = Batching(frames=8192, samples=128)
    rows = np.arange(count)
    times = []
    for epoch in range(RUNS):
        began = time.perf_counter()
        plan = make_plan(large, rows, large.frames, batching, seed=0, epoch=epoch)
        plan.ids[plan.micro_batch(int(plan.steps[len(plan) // 2]))].tolist()
        times.append(time.perf_counter() - began)
    cursor = Stream(index, {"pose": PoseView()}, batching).cursor(0, 0).to_json()
    record.append(
        {
            "benchmark": "loader-resume",
            "samples": count,
            "resume_s": statistics.median(times),
            "state_bytes": len(json.dumps(cursor)),
            "padding_efficiency": plan.padding_efficiency,
            "shuffle_quality": plan.shuffle_quality(),
        }
    )

"""`ingest` over all stages: wall time against CPU time, local against Ray, on real clips."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

LIMIT = int(os.environ.get("SIGN_ETL_BENCH_CLIPS", "112"))


@pytest.mark.parametrize("runner", ["local", "ray"])
def test_ingest(
    shared_data: Path, tmp_path: Path, record: list[dict[str, Any]], runner: str
) -> None:
    clips = shared_data / "svk-clips"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sign_etl", "ingest", "folder", "--json"),
            *("--media", clips, "--annotations", clips / "clips.csv", "--limit", str(LIMIT)),
            *("--out", tmp_path / "build", "--store", tmp_path / "store", "--runner", runner),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    cores = len(os.sched_getaffinity(0))
    record.append(
        {
            "benchmark": "ingest",
            "runner": runner,
            "clips": json.loads(done.stdout)["data"]["counts"]["written"],
            "wall_s": wall_s,
            # Ray's own processes are no children of the command: its CPU time is not in here.
            "cpu_s": cpu_s,
            "wall_over_cpu_per_core": wall_s / (cpu_s / cores),
        }
    )

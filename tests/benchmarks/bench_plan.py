"""Planning a million clips: seconds, memory, and how both grow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

SCRIPT = """
import json, resource, sys, tempfile, time
from pathlib import Path
from sign_etl.run.journal import Journal, Result
from sign_etl.run.plan import Plan
from sign_etl.run.planning import make_plan
from sign_etl.schema.clip import Clip, Source, clip_key
from sign_etl.schema.pipeline import Pipeline

count = int(sys.argv[1])

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

began = time.perf_counter()
plan = make_plan(
    Pipeline(name="big", dataset={"recipe": "big"}), clips(),
    dataset="big", recipe=("big", "1"), labels=None,
)
planned = time.perf_counter() - began
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "plan.parquet"
    plan.save(path)
    journal = Journal(Path(folder) / "journal.jsonl")
    for key in plan.clip_keys():
        journal.append(Result(key, source="0" * 64, size_bytes=1, video="0" * 64, quality="0" * 64))
    journal.close()
    began = time.perf_counter()
    loaded = Plan.load(path)
    known = Journal(Path(folder) / "journal.jsonl").latest()
    found = len(known)
    status = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"clips": count, "plan_s": planned, "status_s": status, "peak_mib": peak}))
"""


@pytest.mark.parametrize("count", [10_000, 100_000, 1_000_000])
def test_planning(count: int, record: list[dict[str, float]]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(count)], capture_output=True, text=True, check=True
    )
    record.append({"benchmark": "plan", **json.loads(done.stdout)})

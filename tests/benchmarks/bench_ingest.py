"""`ingest` over all stages on real clips: wall against CPU time, and Ray against local.

`SIGN_ETL_BENCH_CLIPS` (default 112) and `SIGN_ETL_BENCH_RUNS` (default 5) make it shorter. With
more clips than there are files, names are repeated in copies with a changed comment: other bytes.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from runs import CORES, RUNS, cool, median

LIMIT = int(os.environ.get("SIGN_ETL_BENCH_CLIPS", "112"))
RUNNERS = ("local", "ray")
LAST_STAGE = "quality"


def test_ingest(shared_data: Path, tmp_path: Path, record: list[dict[str, Any]]) -> None:
    media = _media(shared_data / "svk-clips", tmp_path / "media", LIMIT)
    rows: dict[str, list[dict[str, Any]]] = {runner: [] for runner in RUNNERS}
    for turn in range(RUNS):
        for runner in RUNNERS:
            cool()
            rows[runner].append(_ingest(media, tmp_path / f"{runner}{turn}", runner))
    local = rows["local"]
    record.append(
        {
            "benchmark": "ingest",
            "clips": local[0]["clips"],
            "cores": CORES,
            "runs": RUNS,
            "raw": rows,
            # Ray's own processes are no children of the command: its CPU time is not known.
            "local_wall_over_cpu": median([one["wall_s"] / one["cpu_s"] * CORES for one in local]),
            "ray_over_local": median(
                [
                    ray["steady_s"] / one["steady_s"]
                    for ray, one in zip(rows["ray"], local, strict=True)
                ]
            ),
        }
    )


def _ingest(media: Path, folder: Path, runner: str) -> dict[str, Any]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sign_etl", "ingest", "folder", "--json"),
            *("--media", media, "--annotations", media / "clips.csv", "--limit", str(LIMIT)),
            *("--out", folder / "build", "--store", folder / "store", "--runner", runner),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    first_s, last_s, ended = _times(folder / "build" / ".sign-etl" / "events.jsonl")
    reply = json.loads(done.stdout)["data"]["counts"]
    shutil.rmtree(folder)
    return {
        "clips": reply["written"],
        "wall_s": wall_s,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "steady_s": (last_s - first_s) / max(1, ended - 1),
        "first_clip_s": first_s,
    }


def _times(events: Path) -> tuple[float, float, int]:
    """Seconds from the start to the first and to the last clip that ended, and how many did.

    Between the two nobody starts or stops: what is left is the rate of the runner.
    """
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    begin = datetime.fromisoformat(lines[0]["at"])
    ends = [
        (datetime.fromisoformat(line["at"]) - begin).total_seconds()
        for line in lines
        if line["event"] == "reject" or line.get("stage") == LAST_STAGE
    ]
    return min(ends), max(ends), len(ends)


def _media(source: Path, folder: Path, count: int) -> Path:
    """A folder with `count` clips and their annotations."""
    with (source / "clips.csv").open(newline="") as file:
        known = list(csv.DictReader(file))
    if count <= len(known):
        return source
    folder.mkdir()
    rows = []
    for number in range(count):
        row = dict(known[number % len(known)])
        path = source / row["file"]
        row["file"] = f"{number:05d}-{path.name}"
        # A free box at the end: another digest, the same video.
        note = f"copy {number:05d}".encode()
        box = (8 + len(note)).to_bytes(4, "big") + b"free" + note
        (folder / row["file"]).write_bytes(path.read_bytes() + box)
        rows.append({key: row[key] for key in row if key not in ("bytes", "sha256")})
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return folder

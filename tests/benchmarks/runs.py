"""What the benchmarks of pose estimation share: how many runs, on which clips.

`SIGN_ETL_BENCH_RUNS` (default 5) and `SIGN_ETL_BENCH_POSE_CLIPS` (default 4) make them shorter.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sign_etl.app.bench_clips import normalised, videos

RUNS = int(os.environ.get("SIGN_ETL_BENCH_RUNS", "5"))
CLIPS = int(os.environ.get("SIGN_ETL_BENCH_POSE_CLIPS", "4"))
CORES = len(os.sched_getaffinity(0))
PAUSE_S = 1.0


def clips_of(media: Path, folder: Path, count: int) -> list[dict[str, Any]]:
    """The first clips of a folder, normalised into `folder`: everybody reads these files."""
    folder.mkdir(parents=True, exist_ok=True)
    return normalised(videos(media, count), folder, CORES, lambda _: None)[0]


def cool() -> None:
    """A moment of rest between two runs."""
    gc.collect()
    time.sleep(PAUSE_S)


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)

"""What the benchmarks of pose estimation share: how many runs, on which clips.

`SIGN_ETL_BENCH_RUNS` (default 5) and `SIGN_ETL_BENCH_POSE_CLIPS` (default 4) make them shorter;
`SIGN_ETL_BENCH_POSE_FRAMES` (default 31) is the number of frames of each clip for RTMPose. One more
than a multiple of the detector's interval, so that the last frame is a key frame for everybody.
"""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sign_etl.app.bench_clips import normalised, videos
from sign_etl.reader.frames import read_frames
from sign_etl.recipes.video_file import write_video

RUNS = int(os.environ.get("SIGN_ETL_BENCH_RUNS", "5"))
CLIPS = int(os.environ.get("SIGN_ETL_BENCH_POSE_CLIPS", "4"))
FRAMES = int(os.environ.get("SIGN_ETL_BENCH_POSE_FRAMES", "31"))
CORES = len(os.sched_getaffinity(0))
PAUSE_S = 1.0


def clips_of(media: Path, folder: Path, count: int) -> list[dict[str, Any]]:
    """The first clips of a folder, normalised into `folder`: everybody reads these files."""
    folder.mkdir(parents=True, exist_ok=True)
    return normalised(videos(media, count), folder, CORES, lambda _: None)[0]


def beginnings(ready: Sequence[dict[str, Any]], folder: Path, frames: int) -> list[dict[str, Any]]:
    """The first frames of normalised clips as clips of their own; shorter ones stay whole.

    Args:
        ready: of `clips_of`.
        folder: for the files.
        frames: how many of each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cut = []
    for clip in ready:
        video = folder / Path(clip["video"]).name
        pictures = list(islice(read_frames(Path(clip["video"])), frames))
        write_video(video, pictures, fps=round(clip["fps"]))
        out = str(video.with_suffix(".npy"))
        cut.append({**clip, "video": str(video), "out": out, "frames": len(pictures)})
    return cut


def cool() -> None:
    """A moment of rest between two runs."""
    gc.collect()
    time.sleep(PAUSE_S)


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)

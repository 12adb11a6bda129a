"""Pictures to a training loop: frames a second from shards, from loose files, from webdataset.

Real clips of `shared_data`, each often enough. `loose/` has them as `normalise` writes them, 480
pixels on the short side and 25 frames a second, and so have the tars; `original/` has the files
that were there before, of the same size and rate. 16 frames of a clip, every fourth, 224 pixels.

`SIGN_ETL_BENCH_VIDEO_CLIPS` (default 240) and `SIGN_ETL_BENCH_RUNS` (default 5) make it shorter.
"""

from __future__ import annotations

import io
import os
import shutil
import statistics
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from peers import measured
from runs import clips_of

from sign_etl.app.bench_clips import videos
from sign_etl.core.places import cache_folder
from sign_etl.media.normalise import VERSION
from sign_etl.stream.foreign import index_folder

CLIPS = int(os.environ.get("SIGN_ETL_BENCH_VIDEO_CLIPS", "240"))
RUNS = int(os.environ.get("SIGN_ETL_BENCH_RUNS", "5"))
DIFFERENT = 24
SHARD = 40
SCRIPT = Path(__file__).with_name("video_peers.py")
PEERS = (
    *("sign-etl", "decord", "pyav", "pyav-pillow", "pyav-scaled"),
    *("webdataset", "webdataset-decord"),
    *("decord-original", "pyav-original", "pyav-scaled-original"),
)
REACH = {2: 1.3}
"""By workers, what is to be reached over the best of the others."""


@pytest.fixture(scope="module")
def data(shared_data: Path) -> Path:
    """`tars/` with an index, and the same files in `loose/`."""
    folder = cache_folder() / "bench-video" / f"{CLIPS}-{VERSION}"
    if (folder / "tars" / "sign-etl-index.parquet").is_file():
        return folder
    media = shared_data / "svk-clips"
    clips = [Path(each["video"]) for each in clips_of(media, folder / "clips", DIFFERENT)]
    originals = videos(media, DIFFERENT)
    for name in ("loose", "original", "tars"):
        (folder / name).mkdir(exist_ok=True)
    for first in range(0, CLIPS, SHARD):
        with tarfile.open(folder / "tars" / f"clips-{first // SHARD:04d}.tar", "w") as tar:
            for number in range(first, min(CLIPS, first + SHARD)):
                content = clips[number % len(clips)].read_bytes()
                (folder / "loose" / f"c{number:05d}.mp4").write_bytes(content)
                shutil.copy(
                    originals[number % len(clips)], folder / "original" / f"c{number:05d}.mp4"
                )
                member = tarfile.TarInfo(f"c{number:05d}.mp4")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    index_folder(folder / "tars")
    return folder


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("workers", [0, 2])
def test_frames_a_second(data: Path, record: list[dict[str, Any]], workers: int) -> None:
    results: dict[str, list[dict[str, Any]]] = {peer: [] for peer in PEERS}
    for turn in range(RUNS + 1):
        for peer in PEERS if turn % 2 else PEERS[::-1]:
            result = measured(sys.executable, SCRIPT, peer, data, workers)
            if turn:  # the first one warms the page cache
                results[peer].append(result)
    rates = {
        peer: statistics.median(run["frames_per_s"] for run in runs)
        for peer, runs in results.items()
    }
    others = {peer: rate for peer, rate in rates.items() if peer != "sign-etl"}
    best = max(others.values())
    best_original = max(rate for peer, rate in others.items() if peer.endswith("-original"))
    for peer, runs in results.items():
        every = [run["frames_per_s"] for run in runs]
        record.append(
            {
                "benchmark": "video",
                "mode": f"{workers} workers",
                "peer": peer,
                "workers": workers,
                "clips": runs[0]["clips"],
                "frames_per_s": rates[peer],
                "least": min(every),
                "most": max(every),
                "first_batch_s": statistics.median(run["first_batch_s"] for run in runs),
                "rss_bytes": statistics.median(run["rss_bytes"] for run in runs),
                "sign_etl_is_faster_by": rates["sign-etl"] / rates[peer],
                "to_reach": REACH.get(workers),
            }
        )
        spent = {
            name: statistics.median(run["cpu_ms_per_clip"] for run in turns)
            for name, turns in results.items()
        }
        record[-1]["cpu_ms_per_clip"] = spent[peer]
        record[-1]["sign_etl_spends_less_by"] = spent[peer] / spent["sign-etl"]
        if peer == "sign-etl":
            record[-1]["over_best"] = rates[peer] / best
            record[-1]["over_best_original"] = rates[peer] / best_original

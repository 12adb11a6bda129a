"""Packing against copying the same bytes, alternating in one run."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from sign_etl.core.store import Store
from sign_etl.shard.pack import Sample, pack

SAMPLES = 256
VIDEO_BYTES = 400_000
RUNS = 7


def test_packing(tmp_path: Path, record: list[dict[str, Any]]) -> None:
    store = Store(tmp_path / "store")
    generator = np.random.default_rng(0)
    samples = []
    with store.scratch() as scratch:
        for number in range(SAMPLES):
            video, keypoints = scratch / "v", scratch / "k"
            video.write_bytes(generator.bytes(VIDEO_BYTES))
            points = generator.random((75, 75, 4), np.float32)
            with keypoints.open("wb") as file:
                np.save(file, points)
            samples.append(
                Sample(
                    key=f"bench-{number:06d}",
                    record={"key": f"bench-{number:06d}"},
                    video=store.adopt(video),
                    poses={"blazepose": store.adopt(keypoints)},
                    row={"key": f"bench-{number:06d}"},
                )
            )
    pairs = []
    for turn in range(RUNS):
        began = time.perf_counter()
        packed = pack(store, tmp_path / "build", "train/a.tar", samples, dtype="float16")
        packing = time.perf_counter() - began
        began = time.perf_counter()
        copy(tmp_path / "build/train/a.tar", tmp_path / f"copy{turn}")
        pairs.append((packing, time.perf_counter() - began))
    ratios = sorted(copying / packing for packing, copying in pairs)
    record.append(
        {
            "benchmark": "pack",
            "bytes": packed.size_bytes,
            "pack_s": statistics.median(pair[0] for pair in pairs),
            "copy_s": statistics.median(pair[1] for pair in pairs),
            "rate_of_copying": statistics.median(ratios),
        }
    )


def copy(source: Path, target: Path) -> None:
    """Copy with the same promise as a shard has: through user space, fsync at the end."""
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(1 << 20):
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())

"""Packing against copying the same bytes, alternating in one run.

A second figure adds the digests to the copy: sha256 of what comes out of the store, sha256 of the
tar and crc32 of each member, on one thread. Where the page cache copies faster than sha256 counts,
that is what bounds packing.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import time
import zlib
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
    turns = []
    for turn in range(RUNS):
        began = time.perf_counter()
        packed = pack(store, tmp_path / "build", "train/a.tar", samples, dtype="float16")
        packing = time.perf_counter() - began
        began = time.perf_counter()
        copy(tmp_path / "build/train/a.tar", tmp_path / f"copy{turn}")
        copying = time.perf_counter() - began
        digest(tmp_path / "build/train/a.tar")
        turns.append((packing, copying, time.perf_counter() - began))
    record.append(
        {
            "benchmark": "pack",
            "bytes": packed.size_bytes,
            "pack_s": statistics.median(packing for packing, _, _ in turns),
            "copy_s": statistics.median(copying for _, copying, _ in turns),
            "rate_of_copying": statistics.median(
                copying / packing for packing, copying, _ in turns
            ),
            "rate_of_copying_and_digests": statistics.median(
                all_s / packing for packing, _, all_s in turns
            ),
        }
    )


def copy(source: Path, target: Path) -> None:
    """Copy with the same promise as a shard has: through user space, fsync at the end."""
    with source.open("rb") as read, target.open("wb") as write:
        while chunk := read.read(1 << 20):
            write.write(chunk)
        write.flush()
        os.fsync(write.fileno())


def digest(path: Path) -> None:
    """The digests that packing takes of these bytes: two sha256 and a crc32."""
    read, written, crc = hashlib.sha256(), hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            read.update(chunk)
            written.update(chunk)
            crc = zlib.crc32(chunk, crc)

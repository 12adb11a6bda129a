"""Memory of a BlazePose worker over many short clips: it leaks, and is replaced in time.

`SIGN_ETL_BENCH_CALLS` (default 300) sets the number of clips.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from runs import median

from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.core.places import weights_folder
from sign_etl.pose.base import BACKENDS
from sign_etl.pose.weights import ensure
from sign_etl.recipes.video_file import write_video
from sign_etl.stages.pose import CALLS, MEMORY_BYTES, TARGET

COUNT = int(os.environ.get("SIGN_ETL_BENCH_CALLS", "300"))
FRAMES = 2


def test_memory(tmp_path: Path, record: list[dict[str, Any]]) -> None:
    backend = BACKENDS.get("blazepose")
    try:
        ensure(backend, backend.options({}), weights_folder())
    except (AccessError, MissingExtraError) as error:
        pytest.skip(f"{error.message}: {error.hint}")
    noise = np.random.default_rng(0).integers(0, 255, (FRAMES, 240, 320, 3), np.uint8)
    write_video(tmp_path / "clip.mp4", list(noise), fps=25)
    request = {
        "backend": "blazepose",
        "options": backend.options({}).model_dump(mode="json"),
        "weights_folder": str(weights_folder()),
        "clips": [
            {
                "video": str(tmp_path / "clip.mp4"),
                "frames": FRAMES,
                "width": 320,
                "height": 240,
                "fps": 25.0,
                "out": str(tmp_path / "out.npy"),
            }
        ],
    }
    sizes: list[tuple[int, float]] = []
    with Guard(TARGET, Limits(wall_s=120, memory_bytes=MEMORY_BYTES, calls=CALLS)) as guard:
        for _ in range(COUNT):
            reply = guard.call(request)
            assert not isinstance(reply, Breach), reply
            if guard.pid is not None:  # it was replaced after this very call
                sizes.append((guard.pid, _resident_mb(guard.pid)))
    children = list(dict.fromkeys(pid for pid, _ in sizes))
    curves = [[size for pid, size in sizes if pid == child] for child in children]
    longest = max(curves, key=len)
    record.append(
        {
            "benchmark": "blazepose_memory",
            "calls": COUNT,
            "replaced_after": CALLS,
            "children": len(children),
            "first_mb": median(longest[:5]),
            "last_mb": median(longest[-5:]),
            "mb_per_clip": (median(longest[-5:]) - median(longest[5:10]))
            / max(1, len(longest) - 8),
            "peak_mb": max(size for _, size in sizes),
            "raw_mb": [round(size, 1) for _, size in sizes[::10]],
        }
    )


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024

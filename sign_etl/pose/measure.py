"""What `pose bench` runs in guarded children: the stage with its clock on, or one net alone."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from sign_etl.pose import child
from sign_etl.pose.clock import SILENT
from sign_etl.pose.onnx import Net, Runtime, open_net

TARGET = "sign_etl.pose.measure:measure"


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Time one call of the pose stage, or one net.

    Args:
        request: with `what: clips`, the request of `pose.child.estimate`. With `what: net`, the
            `path` of an ONNX file, its `runtime` (the fields of `Runtime`), the `batch`, the `size`
            of its input (height and width, where the file does not say) and for how many `seconds`
            to run it at least.

    Returns:
        Of clips, `wall_s`, `cpu_s` (all threads), `clips` as the stage gets them and `stages`: for
        each `seconds`, `calls`, and `ahead` where it ran in another thread. Of a net, `images`, the
        `seconds` that they took, and the `batch` and `size` that it took them in.
    """
    return _clips(request) if request["what"] == "clips" else _net(request)


def _clips(request: dict[str, Any]) -> dict[str, Any]:
    SILENT.on = True
    SILENT.clear()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    reply = child.estimate(request)
    return {
        "wall_s": time.perf_counter() - began_s,
        "cpu_s": time.process_time() - cpu_s,
        "clips": reply["clips"],
        "stages": {
            name: {
                "seconds": seconds,
                "calls": SILENT.calls[name],
                "ahead": SILENT.threads[name] != get_ident(),
            }
            for name, seconds in SILENT.seconds.items()
        },
    }


def _net(request: dict[str, Any]) -> dict[str, Any]:
    net = _opened(request["path"], Runtime(**request["runtime"]))
    height, width = net.shape[2:]
    size = request["size"] if height is None or width is None else [height, width]
    # Noise: zeros would be cheaper on some machines.
    shape = (net.shape[0] or request["batch"], 3, *size)
    blob = np.random.default_rng(0).standard_normal(shape, np.float32)
    net.run(blob)
    images, began_s = 0, time.perf_counter()
    while time.perf_counter() - began_s < request["seconds"] or images == 0:
        net.run(blob)
        images += len(blob)
    seconds = time.perf_counter() - began_s
    return {"images": images, "seconds": seconds, "batch": len(blob), "size": list(size)}


@lru_cache(maxsize=2)
def _opened(path: str, runtime: Runtime) -> Net:
    return open_net(Path(path), runtime)

"""The nets of a pose backend alone, at the best processes, threads and batch: its roofline.

    frames/s = 1 / sum over the nets of (images per frame / images per second)

Images per frame are counted in the bench itself: every crop for the pose net, and as many key
frames as the detector was really asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sign_etl.core.errors import UsageError
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.core.places import weights_folder
from sign_etl.pose.measure import TARGET
from sign_etl.pose.onnx import resolved
from sign_etl.pose.rtmpose import RtmPoseOptions
from sign_etl.pose.zoo import chosen
from sign_etl.schema.bench_reply import NetPart
from sign_etl.stages.pose import BASE_S, MEMORY_BYTES

SECONDS = 2.0
"""For how long each combination runs."""
BATCHES = {"detect": (1, 4), "warp": (1, 8, 16)}
GPU_BATCHES = {"detect": (1, 8, 32), "warp": (16, 64, 128)}
"""Tried batches by the stage whose calls count the images of a net."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the bench counted.

    Attributes:
        frames: of video.
        calls: by stage; `detect` and `warp` are one image each.
        cores: of this machine.
        jobs: workers.
    """

    frames: int
    calls: Mapping[str, int]
    cores: int
    jobs: int


@dataclass(frozen=True, slots=True)
class _Net:
    name: str
    stage: str
    path: Path
    size: tuple[int, int] | None
    precision: str


def nets_alone(options: BaseModel, asked: Asked) -> tuple[float, tuple[NetPart, ...]] | None:
    """The roofline in frames/s, and what it is made of.

    Args:
        options: of the backend.
        asked: what the bench counted.

    Returns:
        None for backends whose nets are no ONNX files.

    Raises:
        UsageError: a net cannot be run alone.
    """
    if not isinstance(options, RtmPoseOptions):
        return None
    found, folder = chosen(options), weights_folder()
    nets = (
        _Net(
            found.detector.name,
            "detect",
            found.detector.path(folder),
            options.det_input_size or found.detector.input_size,
            options.det_precision,
        ),
        _Net(
            found.pose.name,
            "warp",
            found.pose.path(folder),
            options.pose_input_size or found.pose.input_size,
            options.precision,
        ),
    )
    parts = tuple(_best(net, options, asked) for net in nets)
    per_frame_s = sum(part.images_per_frame / part.images_per_s for part in parts)
    return (1 / per_frame_s, parts) if per_frame_s else None


def _best(net: _Net, options: RtmPoseOptions, asked: Asked) -> NetPart:
    provider = resolved(options.provider)
    on_cpu = provider in ("cpu", "openvino")
    # All cores inside one process, or one process a core.
    ways = {(1, asked.cores), (asked.cores, 1)} if on_cpu else {(1, 1), (asked.jobs, 1)}
    parts = []
    for processes, threads in sorted(ways):
        with ExitStack() as stack:
            limits = Limits(BASE_S, MEMORY_BYTES, maps_freely=True)
            guards = [stack.enter_context(Guard(TARGET, limits)) for _ in range(processes)]
            for batch in (BATCHES if on_cpu else GPU_BATCHES)[net.stage]:
                request = {
                    "what": "net",
                    "path": str(net.path),
                    "size": net.size,
                    "batch": batch,
                    "seconds": SECONDS,
                    "runtime": {
                        "provider": provider,
                        "precision": net.precision,
                        "threads": threads,
                        "device": options.device,
                    },
                }
                replies = _all(guards, request)
                height, width = replies[0]["size"]
                parts.append(
                    NetPart(
                        name=net.name,
                        file=net.path.name,
                        height=height,
                        width=width,
                        images_per_s=sum(one["images"] / one["seconds"] for one in replies),
                        processes=processes,
                        threads=threads,
                        batch=replies[0]["batch"],
                        images_per_frame=asked.calls.get(net.stage, 0) / asked.frames,
                    )
                )
    return max(parts, key=lambda part: part.images_per_s)


def _all(guards: list[Guard], request: dict[str, Any]) -> list[dict[str, Any]]:
    """One request to all processes at once; the first answer of a net is not measured."""
    with ThreadPoolExecutor(len(guards)) as pool:
        replies = list(pool.map(lambda guard: guard.call(request), guards))
    for reply in replies:
        if isinstance(reply, Breach):
            raise UsageError(
                f"a net alone ended with {reply.reason} ({reply.detail})",
                hint="leave the roofline out with --no-roofline",
            )
    return [dict(reply) for reply in replies]

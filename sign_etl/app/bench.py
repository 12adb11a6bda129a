"""`pose bench`: how fast a backend is here, where its time goes, and how near to its nets alone."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel

from sign_etl.app.bench_clips import Clip, Tell, normalised, videos
from sign_etl.app.pose import backend_options
from sign_etl.app.roofline import Asked, nets_alone
from sign_etl.core.errors import UsageError
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.core.places import weights_folder
from sign_etl.pose.base import BACKENDS
from sign_etl.pose.measure import TARGET
from sign_etl.pose.weights import ensure
from sign_etl.schema.bench_reply import PoseBench, RooflinePart, StagePart
from sign_etl.stages.pose import BASE_S, MEMORY_BYTES, PER_FRAME_S

CLIPS = 20
BUSY, CROWDED = 0.85, 0.15
"""Shares of the cores' time: from the first on the CPU is the limit, from the second on others are.
"""
LANDMARKERS = ("body", "hands")
"""Stages that are nets themselves, of backends whose nets cannot be run alone."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What the workers said, together."""

    wall_s: float
    cpu_s: float
    machine_s: float | None
    """CPU seconds of all processes of the machine meanwhile."""
    busy_s: float
    """Summed over the workers."""
    seconds: Mapping[str, float]
    calls: Mapping[str, int]
    ahead: frozenset[str]
    facts: Mapping[str, str]


def bench(
    name: str,
    media: Path,
    *,
    settings: Iterable[str] = (),
    clips: int = CLIPS,
    jobs: int | None = None,
    batch: int = 1,
    roofline: bool = True,
    tell: Tell | None = None,
) -> PoseBench:
    """Measure a backend on the videos of a folder, as a build would run it on this machine.

    Args:
        name: of the backend.
        media: folder with videos; the first ones by name are taken, and normalised first.
        settings: options `key=value`.
        clips: how many.
        jobs: workers; default the number of CPUs.
        batch: clips that a worker takes at a time.
        roofline: whether to measure the nets alone as well.
        tell: hears what is being done.

    Raises:
        ConfigError: there is no such backend, or a wrong option.
        UsageError: no videos, or the backend fails on one.
        AccessError: its weights are missing.
        MissingExtraError: it is not installed.

    Example:
        >>> bench("blazepose", Path("clips"), clips=8).frames_per_s
        41.7
    """
    tell = tell or (lambda _: None)
    backend = BACKENDS.get(name)
    options = backend_options(backend, settings)
    ensure(backend, options, weights_folder())
    cores = len(os.sched_getaffinity(0))
    jobs = jobs or cores
    with TemporaryDirectory(prefix="sign-etl-bench-") as temporary:
        ready, refused = normalised(videos(media, clips), Path(temporary), jobs, tell)
        tell(f"{len(ready)} clips, {jobs} workers")
        measured = on_clips(name, options, ready, jobs=jobs, batch=batch)
        frames = sum(clip["frames"] for clip in ready)
        top = None
        if roofline:
            tell("the nets alone")
            asked = Asked(frames, measured.calls, cores, jobs)
            top = nets_alone(options, asked) or _landmarkers(measured, frames, jobs)
    rate = frames / measured.wall_s
    largest = max(ready, key=lambda clip: clip["width"] * clip["height"])
    return PoseBench(
        backend=name,
        version=backend.version,
        clips=len(ready),
        refused=refused,
        frames=frames,
        width=largest["width"],
        height=largest["height"],
        cores=cores,
        jobs=jobs,
        batch=batch,
        facts=dict(measured.facts),
        wall_s=measured.wall_s,
        cpu_s=measured.cpu_s,
        frames_per_s=rate,
        cores_busy=measured.cpu_s / (measured.wall_s * cores),
        others_busy=_others(measured, cores),
        stages=_stages(measured, frames, jobs),
        roofline=RooflinePart(frames_per_s=top[0], share=rate / top[0], nets=top[1])
        if top
        else None,
        limit=_limit(measured, jobs, cores),
    )


def on_clips(
    name: str, options: BaseModel, ready: list[Clip], *, jobs: int, batch: int = 1
) -> Measured:
    """Run a backend over clips, in guarded workers that are warm when the time begins.

    Args:
        name: of the backend; its weights are there.
        options: of the backend.
        ready: normalised clips.
        jobs: workers.
        batch: clips that a worker takes at a time.

    Raises:
        UsageError: the backend fails on one.
    """
    request = {
        "what": "clips",
        "backend": name,
        "options": options.model_dump(mode="json"),
        "weights_folder": str(weights_folder()),
    }
    with ExitStack() as stack:
        limits = Limits(BASE_S, MEMORY_BYTES, maps_freely=True)
        guards = [stack.enter_context(Guard(TARGET, limits)) for _ in range(jobs)]
        return _run(guards, request, ready, batch)


def _run(guards: list[Guard], request: dict[str, Any], ready: list[Clip], batch: int) -> Measured:
    groups: queue.SimpleQueue[list[Clip]] = queue.SimpleQueue()
    for first in range(0, len(ready), batch):
        groups.put(ready[first : first + batch])
    replies: list[dict[str, Any]] = []
    # Models are loaded and warm before the clock starts, in all workers.
    start = threading.Barrier(len(guards) + 1)

    def work(guard: Guard) -> None:
        try:
            _called(guard, request, ready[:1])
            start.wait()
        except BaseException:
            start.abort()
            raise
        while True:
            try:
                group = groups.get_nowait()
            except queue.Empty:
                return
            replies.append(_called(guard, request, group))

    with ThreadPoolExecutor(len(guards)) as pool:
        running = [pool.submit(work, guard) for guard in guards]
        try:
            start.wait()
        except threading.BrokenBarrierError:
            began_s, before_s = 0.0, None
        else:
            began_s, before_s = time.perf_counter(), _machine_s()
        errors = [error for error in (one.exception() for one in running) if error is not None]
        wall_s, after_s = time.perf_counter() - began_s, _machine_s()
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    machine_s = None if before_s is None or after_s is None else after_s - before_s
    return _together(replies, wall_s, machine_s)


def _called(guard: Guard, request: dict[str, Any], group: list[Clip]) -> dict[str, Any]:
    wall_s = BASE_S + PER_FRAME_S * sum(clip["frames"] for clip in group)
    reply = guard.call({**request, "clips": group}, wall_s=wall_s)
    if isinstance(reply, Breach):
        raise UsageError(
            f"{request['backend']} ended with {reply.reason} ({reply.detail})",
            hint="a build rejects such a clip and goes on; take other files here",
        )
    return dict(reply)


def _machine_s() -> float | None:
    """CPU seconds since the start of the machine, of the cores that we may use."""
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    try:
        lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    except OSError:
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal
    ticks = [int(part) for fields in lines if fields[0] in ours for part in _busy(fields)]
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def _busy(fields: list[str]) -> list[str]:
    return fields[1:4] + fields[6:9]


def _together(replies: list[dict[str, Any]], wall_s: float, machine_s: float | None) -> Measured:
    seconds: dict[str, float] = {}
    calls: dict[str, int] = {}
    ahead = set()
    for name, stage in ((n, s) for reply in replies for n, s in reply["stages"].items()):
        seconds[name] = seconds.get(name, 0.0) + stage["seconds"]
        calls[name] = calls.get(name, 0) + stage["calls"]
        if stage["ahead"]:
            ahead.add(name)
    facts = replies[0]["clips"][0]["estimator"]
    return Measured(
        wall_s=wall_s,
        cpu_s=sum(reply["cpu_s"] for reply in replies),
        machine_s=machine_s,
        busy_s=sum(reply["wall_s"] for reply in replies),
        seconds=seconds,
        calls=calls,
        ahead=frozenset(ahead),
        facts={name: value for name, value in facts.items() if isinstance(value, str)},
    )


def _stages(measured: Measured, frames: int, jobs: int) -> tuple[StagePart, ...]:
    inside = sum(s for name, s in measured.seconds.items() if name not in measured.ahead)
    everything = {**measured.seconds, "other": max(0.0, measured.busy_s - inside)}
    return tuple(
        StagePart(
            name=name,
            seconds=seconds,
            calls=measured.calls.get(name, 0),
            frames_per_s=frames * jobs / seconds if seconds else 0.0,
            share=seconds / measured.busy_s,
            ahead=name in measured.ahead,
        )
        for name, seconds in everything.items()
    )


def _landmarkers(measured: Measured, frames: int, jobs: int) -> tuple[float, tuple[()]] | None:
    seconds = sum(measured.seconds.get(name, 0.0) for name in LANDMARKERS)
    return (frames * jobs / seconds, ()) if seconds else None


def _others(measured: Measured, cores: int) -> float | None:
    if measured.machine_s is None:
        return None
    return max(0.0, measured.machine_s - measured.cpu_s) / (measured.wall_s * cores)


def _limit(measured: Measured, jobs: int, cores: int) -> str:
    name, seconds = max(
        measured.seconds.items(), key=lambda stage: stage[1], default=("nothing", 0.0)
    )
    busy = measured.cpu_s / (measured.wall_s * cores)
    most = f"`{name}` takes {seconds / measured.busy_s:.0%} of the workers' time"
    others = _others(measured, cores) or 0.0
    if others > CROWDED:
        return f"other processes, which keep the cores {others:.0%} busy: measure again; {most}"
    if name in measured.ahead:
        return f"decoding: {most}; more `decoders` or workers would help"
    if busy >= BUSY:
        return f"the CPU: {most}, and the cores are {busy:.0%} busy"
    if jobs < cores:
        return f"the number of workers: {most}, and the cores are only {busy:.0%} busy"
    return f"waiting: {most}, but the cores are only {busy:.0%} busy"

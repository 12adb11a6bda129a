"""The Ray runner: the same stages as actor pools of Ray Data. The only module that imports ray.

Rows hold references as JSON text, never frames. Failures of a clip are results; Ray's retries cover
lost nodes only and are bounded, because Ray would either repeat a deadly clip for ever or drop its
whole block. What a broken execution leaves undone is submitted again, a few times.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import ray
import ray.data

from sign_etl.core.errors import DiskError
from sign_etl.run.pools import Pool, plan_pools
from sign_etl.run.runner import Broken, Emit, Finished, Group, Passed, Said
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reject
from sign_etl.stages.fetch import FetchStage
from sign_etl.stages.item import (
    Item,
    SourceRef,
    Stage,
    clip_from_json,
    from_json,
    passed,
    through,
    to_json,
)
from sign_etl.stages.setup import Setup, clip_stages, setup_from_json

WAVE_GROUPS = 512
"""Groups submitted at a time: bounds what the driver holds and how many sources lie on the disk."""
WAVE_GROUPS_PER_CPU = 64
SUBMISSIONS = 3
"""An execution that breaks (a lost head of a pool, too many lost nodes) is repeated so often."""
ACTOR_RETRIES = 4
BLOCKS_PER_WORKER = 8
DOWNLOADS = 8


class RayRunner:
    """Runs on a Ray cluster.

    Args:
        setup: what the stages need; its store must be reachable from every node.
        address: of the cluster; None starts one on this machine for this run.
        cpus: CPUs of such a cluster of our own.
    """

    def __init__(
        self, setup: Setup, *, address: str | None = None, cpus: int | None = None
    ) -> None:
        self._setup = setup
        self._address = address
        self._cpus = cpus
        self._owned = False

    def run(self, groups: Iterable[Group], stop: threading.Event, emit: Emit) -> None:
        """See `Runner`.

        Raises:
            ConfigError: the pools want what the cluster does not have.
        """
        rows = iter(groups)
        first = next(rows, None)
        if first is None:
            return  # nothing is left to do: no cluster for that
        where = self._address or "on this machine"
        emit(Said(f"starting Ray ({where}); workers load their models, which takes a while"))
        self._connect()
        try:
            resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
            pools = plan_pools(self._setup, resources)
            wave = max(WAVE_GROUPS, int(WAVE_GROUPS_PER_CPU * resources["CPU"]))
            rows = chain([first], rows)
            while not stop.is_set() and (batch := list(islice(rows, wave))):
                self._wave(batch, pools, stop, emit)
        finally:
            self.abort()

    def abort(self) -> None:
        """See `Runner`."""
        if self._owned:
            self._owned = False
            ray.shutdown()

    def _connect(self) -> None:
        if ray.is_initialized():
            return
        # Its native core writes about its own retries between the lines of our progress, and when
        # told to be quiet, says that it was told so. What goes wrong comes as an exception.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.data")
        with _quiet_stderr():
            ray.init(
                address=self._address,
                num_cpus=self._cpus if self._address is None else None,
                include_dashboard=False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        self._owned = True
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)

    def _wave(
        self, groups: list[Group], pools: list[Pool], stop: threading.Event, emit: Emit
    ) -> None:
        left = {clip.key for group in groups for clip in group.clips}
        error: Exception | None = None
        for _ in range(SUBMISSIONS):
            todo = [_remaining(group, left) for group in groups]
            todo = [group for group in todo if group.clips]
            if not todo or stop.is_set():
                return
            try:
                for item in self._results(todo, pools):
                    if isinstance(item, DiskError):
                        stop.set()
                        emit(Broken(item))
                        return
                    left.discard(item.clip.key)
                    for name in passed(item):
                        emit(Passed(name))
                    emit(Finished(item))
                    if stop.is_set():
                        return
            except ray.exceptions.RayError as broken:
                error = broken
        if left and error is not None and not stop.is_set():
            stop.set()
            emit(Broken(error))

    def _results(self, groups: list[Group], pools: list[Pool]) -> Iterator[Item | DiskError]:
        rows = [{"row": json.dumps(_group_json(group))} for group in groups]
        # Blocks are what Ray schedules: enough for every worker, few enough for the driver.
        workers = sum(pool.workers for pool in pools)
        blocks = min(len(rows), max(BLOCKS_PER_WORKER * workers, len(rows) // 16))
        data: ray.data.Dataset = ray.data.from_items(rows, override_num_blocks=blocks)
        setup = asdict(self._setup)
        fetch, *others = pools
        data = _pooled(data, _FetchWorker, (setup,), fetch, batch_size=DOWNLOADS)
        for pool in others:
            names = [pool.stage]
            if pool is others[0]:
                names.append("import")  # another way to keypoints, with the same CPUs
            if pool is others[-1]:
                names.append("quality")  # takes no time of its own
            data = _pooled(data, _StageWorker, (setup, names), pool, batch_size=1)
        for batch in data.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
            assert isinstance(batch, pa.Table)
            for text in batch["row"].to_pylist():
                value = json.loads(text)
                if "disk" in value:
                    yield DiskError(value["disk"], hint=value["hint"])
                else:
                    yield from_json(value)


class _FetchWorker:
    """Fetches sources, several at a time; one row for each clip comes out."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._stage = FetchStage(setup_from_json(setup))
        self._never = threading.Event()
        self._threads = ThreadPoolExecutor(DOWNLOADS)

    def __call__(self, batch: pa.Table) -> pa.Table:
        def fetch(text: str) -> list[dict[str, Any]]:
            group = _group_from_json(json.loads(text))
            found: SourceRef | Reject = group.fetched or self._stage.run(group.source, self._never)
            if isinstance(found, Reject):
                return [to_json(Item(clip, reject=found)) for clip in group.clips]
            return [to_json(Item(clip, found)) for clip in group.clips]

        tasks = [self._threads.submit(_or_disk, fetch, text) for text in batch["row"].to_pylist()]
        return _table([row for task in tasks for row in task.result()])


class _StageWorker:
    """Takes items through one stage or more; owns their guarded children."""

    def __init__(self, setup: dict[str, Any], names: list[str]) -> None:
        stages = clip_stages(setup_from_json(setup))
        self._stages: list[Stage] = [stage for stage in stages if stage.name in names]

    def __call__(self, batch: pa.Table) -> pa.Table:
        return _table(
            [row for text in batch["row"].to_pylist() for row in _or_disk(self._step, text)]
        )

    def _step(self, text: str) -> list[dict[str, Any]]:
        value = json.loads(text)
        if "disk" in value or value["reject"] is not None:
            return [value]
        item = through(self._stages, from_json(value))
        assert item is not None
        return [to_json(item)]


def _or_disk(step: Callable[[str], list[dict[str, Any]]], text: str) -> list[dict[str, Any]]:
    """A full disk is nobody's fault and must not be repeated: it travels as a row."""
    try:
        return step(text)
    except DiskError as error:
        return [{"disk": error.message, "hint": error.hint}]


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Native code writes past `sys.stderr`, so the descriptor itself is led away."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def _pooled(
    data: ray.data.Dataset,
    worker: type,
    arguments: tuple[Any, ...],
    pool: Pool,
    *,
    batch_size: int,
) -> ray.data.Dataset:
    with warnings.catch_warnings():
        # Ray 2.60 deprecates free remote arguments and has no other way to bound the retries yet.
        warnings.filterwarnings("ignore", message=".*ray_remote_args.*")
        return data.map_batches(
            worker,
            fn_constructor_args=arguments,
            batch_size=batch_size,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=pool.workers),
            num_cpus=pool.cpus,
            num_gpus=pool.gpus or None,
            max_restarts=ACTOR_RETRIES,
            max_task_retries=ACTOR_RETRIES,
        )


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    return pa.table({"row": pa.array([json.dumps(row) for row in rows], pa.string())})


def _group_json(group: Group) -> dict[str, Any]:
    return asdict(group)


def _group_from_json(value: dict[str, Any]) -> Group:
    clips = tuple(clip_from_json(clip) for clip in value["clips"])
    source: Source = clips[0].source
    fetched = value["fetched"]
    return Group(source, clips, SourceRef(**fetched) if fetched else None)


def _remaining(group: Group, left: set[str]) -> Group:
    clips = tuple(clip for clip in group.clips if clip.key in left)
    return Group(group.source, clips, group.fetched)

"""The Ray runner: the same stages as actor pools of Ray Data. The only module that imports ray.

The driver fetches, as the local runner does, and feeds clips into one Ray Data execution as others
come out of it, so what is in hand is bounded and no pool is ever started twice. Failures of a clip
are results. What breaks an execution is a lost node or worker; then the clips in hand are fed into
a new one, on the nodes that are left.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sign_etl.core.errors import ConfigError, DiskError, Stopped
from sign_etl.run.hand import Hand
from sign_etl.run.intake import Intake
from sign_etl.run.pools import Node, Pool, plan_pools
from sign_etl.run.rows import Row, StageWorker, row_from_text, table
from sign_etl.run.runner import Broken, Emit, Group, Said
from sign_etl.run.starting import start_patiently
from sign_etl.stages.item import Stepped
from sign_etl.stages.setup import Setup

if TYPE_CHECKING:
    import ray.data

FRUITLESS = 3
"""Executions that break one after another without one clip at its end: more are not tried."""
IN_FLIGHT = 2
"""Batches sent to a worker: the next one waits at its door while it works."""
AHEAD = 2
"""Clips in hand for each that workers hold: those between two pools, and those that wait."""
BOUNDS_S = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0]
"""Of the histogram of times."""
OBJECT_STORE_BYTES = 256 << 20
"""Of a cluster of our own: rows are small."""


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
        rest = iter(groups)
        first = next(rest, None)
        if first is None:
            return  # nothing is left to do: no cluster for that
        where = self._address or "on this machine"
        emit(Said(f"starting Ray ({where}); workers load their models, which takes a while"))
        self._connect()
        try:
            pools = plan_pools(self._setup, _nodes())
            hand = Hand(AHEAD * IN_FLIGHT * sum(pool.workers * pool.batch for pool in pools), stop)
            intake = Intake(
                self._setup,
                downloads=self._setup.choices().pools.fetch.workers,
                ahead=hand.most,
                put=lambda item: hand.put(item.clip.key, Row(item).to_text()),
                stop=stop,
                emit=emit,
            )

            def take_in() -> None:
                intake.run(chain([first], rest))
                hand.close()

            taking = threading.Thread(target=take_in, name="intake", daemon=True)
            taking.start()
            try:
                self._drive(pools, hand, intake, stop, emit)
            except BaseException:
                stop.set()  # nobody takes what still comes in
                raise
            finally:
                taking.join()
        finally:
            self.abort()

    def abort(self) -> None:
        """See `Runner`."""
        if self._owned:
            self._owned = False
            ray.shutdown()

    def _drive(
        self, pools: list[Pool], hand: Hand, intake: Intake, stop: threading.Event, emit: Emit
    ) -> None:
        """Execute until no clip is left in hand and none will come."""
        fruitless = 0
        while True:
            before = hand.ended
            error: Exception = RuntimeError("Ray Data ended without the results of all clips")
            try:
                for row in self._results(pools, hand):
                    if isinstance(row, DiskError):
                        stop.set()
                        emit(Broken(row))
                        return
                    for passed in row.passed:
                        emit(passed)
                    if hand.end(row.item.clip.key):
                        intake.end(row.item)
                    if stop.is_set():
                        return
            except ray.exceptions.RayError as lost:
                error = lost
            if stop.is_set() or not hand.waits():
                return
            fruitless = 0 if hand.ended > before else fruitless + 1
            if fruitless == FRUITLESS:
                raise Stopped(
                    f"workers were lost {FRUITLESS} times without one clip at its end",
                    hint="see Ray's logs on the nodes; run the same command again to go on",
                ) from error
            emit(Said("a node or a worker was lost; what it had in hand is done again"))
            try:
                pools = plan_pools(self._setup, _nodes())
            except ConfigError as missing:
                raise Stopped(
                    f"nodes were lost: {missing.message}", hint="run the same command again"
                ) from error

    def _connect(self) -> None:
        # Its native core writes about its own retries between the lines of our progress, and when
        # told to be quiet, says that it was told so. What goes wrong comes as an exception.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        warnings.filterwarnings("ignore", category=UserWarning, module=r"ray\.data")
        # It takes seconds to import, which the cluster needs to start anyway.
        importing = threading.Thread(target=importlib.import_module, args=("ray.data",))
        importing.start()
        if not ray.is_initialized():
            ours = self._address is None
            start_patiently(
                lambda: ray.init(
                    # Not None: that means whatever cluster was started on this machine last.
                    address=self._address or "local",
                    num_cpus=self._cpus if ours else None,
                    object_store_memory=OBJECT_STORE_BYTES if ours else None,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            )
            self._owned = True
        importing.join()
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        # A row that leaves a worker is a block of its own: the next pool, or the driver, has it at
        # once, instead of when a hundred megabytes have come together.
        context.target_max_block_size = 1
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what is lost, we tell

    def _results(self, pools: list[Pool], hand: Hand) -> Iterator[Row | DiskError]:
        """One execution over what is in hand and what comes meanwhile."""
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        kind: Any = ray.remote(num_cpus=0, max_restarts=0)(_Feed)
        feed = kind.options(scheduling_strategy=here).remote()
        hand.feed(lambda texts: feed.put.remote(texts))
        # Each worker of the first pool gets one row, which is its call to draw from the feed.
        calls = [{"row": ""}] * pools[0].workers
        data: ray.data.Dataset = ray.data.from_items(calls, override_num_blocks=len(calls))
        setup = asdict(self._setup)
        for number, pool in enumerate(pools):
            draws = number == 0
            data = _quietly(
                data,
                _Drawer if draws else _Worker,
                fn_constructor_args=(setup, pool.stages, *((feed, pool.batch) if draws else ())),
                batch_size=1 if draws else pool.batch,
                compute=ray.data.ActorPoolStrategy(
                    size=pool.workers, max_tasks_in_flight_per_actor=1 if draws else IN_FLIGHT
                ),
                num_cpus=pool.cpus,
                num_gpus=pool.gpus or None,
                # A worker that waits for a node that is gone waits for ever. The execution ends
                # instead, and the next one is planned for the nodes that are there.
                max_restarts=0,
                max_task_retries=0,
            )
        for batch in data.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
            assert isinstance(batch, pa.Table)
            for text in batch["row"].to_pylist():
                yield row_from_text(text)


class _Feed:
    """Where the driver puts rows for the execution that is under way, and its workers get them."""

    def __init__(self) -> None:
        self._rows: deque[str] = deque()
        self._closed = False
        self._changed = asyncio.Condition()

    async def put(self, texts: list[str]) -> None:
        """Add rows; none of them for the end."""
        async with self._changed:
            self._rows.extend(texts)
            self._closed = self._closed or not texts
            self._changed.notify_all()

    async def take(self, most: int) -> list[str]:
        """The next rows; none at the end."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._rows or self._closed)
            return [self._rows.popleft() for _ in range(min(most, len(self._rows)))]


class _Worker(StageWorker):
    """A worker whose node shows Prometheus what it does (`sign_etl_...` among Ray's metrics)."""

    def __init__(self, setup: dict[str, Any], names: tuple[str, ...]) -> None:
        from ray.util.metrics import Counter, Histogram

        super().__init__(setup, names)
        self._clips = Counter(
            "sign_etl_clips", "Clips that left a stage", tag_keys=("stage", "outcome")
        )
        self._seconds = Histogram(
            "sign_etl_stage_seconds", "Work on one clip", boundaries=BOUNDS_S, tag_keys=("stage",)
        )

    def measure(self, stage: str, after: Stepped) -> None:
        """See `StageWorker`."""
        outcome = after.item.reject.reason.value if after.item.reject else "passed"
        self._clips.inc(tags={"stage": stage, "outcome": outcome})
        if after.seconds is not None:
            self._seconds.observe(max(after.seconds, 1e-6), tags={"stage": stage})


class _Drawer(_Worker):
    """A worker of the first pool: draws rows whenever it has nothing to do."""

    def __init__(
        self, setup: dict[str, Any], names: tuple[str, ...], feed: Any, batch: int
    ) -> None:
        super().__init__(setup, names)
        self._feed = feed
        self._batch = batch

    def __call__(self, _: pa.Table) -> Iterator[pa.Table]:
        """The results of everything that it draws."""
        while texts := ray.get(self._feed.take.remote(self._batch)):
            yield table(self.advance(texts))


def _nodes() -> list[Node]:
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [node["Resources"] for node in nodes if node["Alive"]]


def _quietly(data: ray.data.Dataset, what: Any, **settings: Any) -> ray.data.Dataset:
    with warnings.catch_warnings():
        # Ray 2.60 deprecates free remote arguments and has no other way to bound the retries yet.
        warnings.filterwarnings("ignore", message=".*ray_remote_args.*")
        return data.map_batches(what, batch_format="pyarrow", **settings)

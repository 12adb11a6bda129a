"""The batches of a training loop: a plan, a data set and torch's own DataLoader.

The plan knows everything about the order; worker processes only fetch what they are told. So their
number, and that of the ranks, decides nothing about a batch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.schema.tables import numbers
from sign_etl.stream.base import Filters, View
from sign_etl.stream.cursor import Cursor, ResumeError
from sign_etl.stream.dataset import Check
from sign_etl.stream.index import Index
from sign_etl.stream.plan import Batching, Plan, make_plan
from sign_etl.stream.quarantine import Quarantine
from sign_etl.stream.steps import Loader, Step

__all__ = ["Loader", "Step", "Stream"]


class Stream:
    """What is trained on, in which order: plans of all epochs, and cursors into them.

    Args:
        index: the samples.
        views: what is read of each, by name.
        batching: how samples are put together.
        filters: which of them take part.
        seed: of order and augmentation.
        quarantine: where damaged samples are written down; default in memory.
        check: when to compare the crc32 of what is read: at the first visit, always, or never.

    Raises:
        ConfigError: a view lacks what it needs, a filter names what is not there.
        UsageError: no sample is left.
    """

    def __init__(
        self,
        index: Index,
        views: Mapping[str, View],
        batching: Batching,
        *,
        filters: Filters | None = None,
        seed: int = 0,
        quarantine: Quarantine | None = None,
        check: Check = "first",
    ) -> None:
        if not views:
            raise ConfigError(
                "a stream reads at least one view, none is given",
                hint='such as views={"pose": PoseView()}',
            )
        self.index = index
        self.views = dict(views)
        self.batching = batching
        self.seed = seed
        self.quarantine = quarantine or Quarantine()
        self.check: Check = check
        rows = index.rows(filters)
        for view in self.views.values():
            rows = rows[index.has(view.members(index))[rows]]
        if not len(rows):
            raise ConfigError(
                "no sample has what the views read",
                hint="`sign-etl show` tells which backends and videos the build has",
            )
        self.rows: NDArray[np.int64] = rows
        lengths = [np.asarray(view.lengths(index), np.int32) for view in self.views.values()]
        self.lengths: NDArray[np.int32] = np.maximum.reduce(lengths)
        self._plan: tuple[frozenset[tuple[str, str, str]], Plan] | None = None

    def plan(self, epoch: int) -> Plan:
        """The order of an epoch; the last one that was asked for is kept."""
        left_out = self.quarantine.left_out(epoch)
        if self._plan is None or self._plan[1].epoch != epoch or self._plan[0] != left_out:
            rows = self._without(left_out)
            plan = make_plan(
                self.index, rows, self.lengths, self.batching, seed=self.seed, epoch=epoch
            )
            self._plan = (left_out, plan)
        return self._plan[1]

    def cursor(self, epoch: int, step: int) -> Cursor:
        """Where a run stands that has done `step` steps of an epoch.

        After the last step it stands at the beginning of the next epoch.
        """
        plan = self.plan(epoch)
        if step >= len(plan):
            plan, epoch, step = self.plan(epoch + 1), epoch + 1, 0
        return Cursor(self.index.dataset_hash, plan.plan_hash, self.seed, epoch, step)

    def resume(self, cursor: Cursor, *, allow_change: bool = False) -> tuple[int, int]:
        """Epoch and step at which a run goes on.

        Args:
            cursor: of the checkpoint.
            allow_change: go on although data or options changed: at the beginning of the epoch
                that was not finished.

        Raises:
            ResumeError: the data or the plan is another one.
        """
        if cursor.dataset_hash != self.index.dataset_hash:
            what = "the data is not what this run was trained on"
        elif cursor.seed != self.seed or self.plan(cursor.epoch).plan_hash != cursor.plan_hash:
            what = "the order of samples is not the one of this run"
        else:
            return cursor.epoch, cursor.step
        if allow_change:
            return cursor.epoch, 0
        raise ResumeError(
            what,
            hint="restore build, filters, batching, seed and quarantine.jsonl, or start a new run",
        )

    def loader(
        self,
        *,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        pin_memory: bool = False,
    ) -> Loader:
        """Batches for one rank.

        Args:
            rank: of this process.
            world_size: number of ranks.
            workers: processes that read and decode; 0 does it in this one.
            pin_memory: page-locked batches, for GPUs.
        """
        return Loader(self, rank, world_size, workers, pin_memory)

    def _without(self, left_out: frozenset[tuple[str, str, str]]) -> NDArray[np.int64]:
        if not left_out:
            return self.rows
        keys = pa.array(sorted({key for _, _, key in left_out}), pa.string())
        suspects = np.flatnonzero(
            numbers(pc.is_in(self.index.column("key"), value_set=keys).cast(pa.uint8()))
        )
        found = self.index.column("key").take(suspects).to_pylist()
        bad = []
        for row, key in zip(suspects.tolist(), found, strict=True):
            shard = int(self.index.shard[row])
            build = self.index.sources[int(self.index.shard_source[shard])].name
            if (build, self.index.shards[shard], key) in left_out:
                bad.append(row)
        return self.rows[~np.isin(self.rows, bad)]

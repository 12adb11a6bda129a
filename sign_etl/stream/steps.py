"""The steps of an epoch as one rank takes them: torch's own DataLoader, told what to fetch."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import Batch
from sign_etl.stream.dataset import Entry, SampleDataset
from sign_etl.stream.plan import Plan
from sign_etl.stream.prefetch import Prefetcher

if TYPE_CHECKING:
    from torch import Tensor
    from torch.utils.data import DataLoader

    from sign_etl.stream.loader import Stream
    from sign_etl.stream.ring import Ring

PREFETCH = 3
"""Micro-batches that each worker keeps ready."""


class Step:
    """One optimizer step of one rank; iterate over it for its micro-batches, once.

    Attributes:
        number: in the epoch, counted from 0.
        samples: planned samples of all ranks together.
        weight: the sum of their weights, the denominator of the loss. Samples that turn out to be
            damaged are in it; where that matters, sum `Batch.weight` over the ranks instead.
        frames: planned frames of all ranks, without padding.
    """

    def __init__(self, number: int, plan: Plan, size: int, batches: Iterator[Batch]) -> None:
        self.number = number
        self.samples = int(plan.step_samples[number])
        self.weight = float(plan.step_weight[number])
        self.frames = int(plan.step_frames[number])
        self._size = self._left = size
        self._batches = batches

    def __len__(self) -> int:
        """Micro-batches of this rank: equally many on all ranks, fillers included."""
        return self._size

    def __iter__(self) -> Iterator[Batch]:
        """The micro-batches that were not taken yet."""
        while self._left:
            self._left -= 1
            yield next(self._batches)


class Loader:
    """The batches of one rank; made by `Stream.loader`. Its workers live as long as it does."""

    def __init__(
        self, stream: Stream, rank: int, world_size: int, workers: int, pin_memory: bool
    ) -> None:
        if not 0 <= rank < world_size:
            raise ConfigError(
                f"rank {rank} is not below the world size {world_size}",
                hint="ranks count from 0: take RANK and WORLD_SIZE as torchrun sets them",
            )
        from torch.utils.data import DataLoader

        from sign_etl.stream.collate import Collate

        self._stream = stream
        self._rank = rank
        self._world_size = world_size
        self._sampler = _Sampler()
        self._dataset = SampleDataset(
            stream.index, stream.views, seed=stream.seed, check=stream.check
        )
        self._ring = _ring(workers)
        self._loader: DataLoader[Any] | None = DataLoader(
            self._dataset,  # type: ignore[arg-type]
            batch_sampler=self._sampler,  # type: ignore[arg-type]
            collate_fn=Collate(  # type: ignore[arg-type]
                stream.index, stream.views, stream.batching.pad_multiple, self._ring
            ),
            num_workers=workers,
            prefetch_factor=PREFETCH if workers else None,
            persistent_workers=workers > 0,
            pin_memory=pin_memory,
        )

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and close all files."""
        self._loader = self._ring = None
        self._dataset.storage.close()

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Step]:
        """The steps of an epoch, from step `start` on.

        Raises:
            BudgetError: too many samples are damaged.
        """
        if self._loader is None:
            raise ConfigError(
                "the loader is closed, so it gives no steps", hint="make another: `stream.loader()`"
            )
        plan = self._stream.plan(epoch)
        self._sampler.entries = lambda: self._entries(plan, start)
        batches = self._counted(iter(self._loader), plan)
        fetchers = self._fetchers(plan)
        try:
            for fetcher in fetchers:
                fetcher.start(start)
            for number in range(start, len(plan)):
                for fetcher in fetchers:
                    fetcher.reached(number)
                size = len(plan.slots(number, self._rank, self._world_size))
                step = Step(number, plan, size, batches)
                yield step
                for _ in step:  # what the caller left of it is not the next step's
                    pass
        finally:
            for fetcher in fetchers:
                fetcher.stop()

    def _fetchers(self, plan: Plan) -> list[Prefetcher]:
        remote = [(n, s) for n, s in enumerate(self._stream.index.sources) if s.remote]
        if not remote:
            return []
        from sign_etl.stream.remote import shard_cache

        ahead = 2 * self._stream.batching.window_shards
        return [
            Prefetcher(shard_cache(source), self._stream.index, plan, number, ahead)
            for number, source in remote
        ]

    def _entries(self, plan: Plan, start: int) -> Iterator[Entry]:
        nothing, repeat = slice(0, 0), self._stream.batching.repeat
        for number in range(start, len(plan)):
            first = int(plan.steps[number])
            slots = plan.slots(number, self._rank, self._world_size)
            for turn, micro in enumerate(slots):
                where = nothing if micro is None else plan.micro_batch(micro)
                slot = self._rank + turn * self._world_size if micro is None else micro - first
                ids, visits = plan.ids[where], plan.visits[where]
                if repeat > 1:
                    again = np.tile(np.arange(repeat, dtype=visits.dtype), len(ids))
                    ids, visits = ids.repeat(repeat), visits.repeat(repeat) * repeat + again
                yield Entry(number, slot, plan.epoch, ids, visits)

    def _counted(self, batches: Iterator[Batch], plan: Plan) -> Iterator[Batch]:
        planned = len(plan.ids) * self._stream.batching.repeat
        for received in batches:
            batch = received.changed(self._own)
            good = int((batch.ids >= 0).sum())
            if good or batch.bad:
                self._stream.quarantine.count(good, batch.bad, planned, plan.epoch)
            yield batch

    def _own(self, tensor: Tensor) -> Tensor:
        """What a worker made, as the loop gets it: widened, and in memory that stays."""
        from sign_etl.stream.padding import widen

        wide = widen(tensor)
        if wide is tensor and self._ring is not None and self._ring.holds(tensor):
            return tensor.clone()
        return wide


def _ring(workers: int) -> Ring | None:
    from sign_etl.stream.ring import Ring

    try:
        return Ring(workers, PREFETCH + 1) if workers else None
    except OSError:  # no such memory here: batches travel as torch sends them
        return None


class _Sampler:
    """What torch's DataLoader asks for the next micro-batch; it runs in the rank's own process."""

    entries: Any = staticmethod(lambda: iter(()))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries())

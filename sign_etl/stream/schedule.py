"""Which shard is needed when: what the plan knows and a cache wants to know."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sign_etl.stream.index import Index
from sign_etl.stream.plan import Plan


class Schedule:
    """The steps in which each shard of one source is read.

    Args:
        index: of the samples.
        plan: of the epoch.
        source: number of the source.
    """

    def __init__(self, index: Index, plan: Plan, source: int) -> None:
        sample_step = np.repeat(np.arange(len(plan)), plan.step_samples)
        shard = index.shard[plan.ids].astype(np.int64)
        pairs = np.unique(shard * (len(plan) + 1) + sample_step)
        self._steps: NDArray[np.int64] = pairs % (len(plan) + 1)
        bounds = np.searchsorted(pairs // (len(plan) + 1), np.arange(len(index.shards) + 1))
        self._bounds = {
            name: (int(bounds[number]), int(bounds[number + 1]))
            for number, name in enumerate(index.shards)
            if index.shard_source[number] == source
        }
        self.step = 0

    def next_use(self, shard: str) -> float:
        """The first step from `step` on that reads the shard; infinity where there is none."""
        begin, end = self._bounds[shard]
        steps = self._steps[begin:end]
        place = int(np.searchsorted(steps, self.step))
        return float(steps[place]) if place < len(steps) else float("inf")

    def farthest_first(self, shards: Iterable[str]) -> list[str]:
        """Shards in the order in which they can be spared."""
        return sorted(shards, key=lambda name: (-self.next_use(name), name))

    def upcoming(self, step: int) -> list[str]:
        """Shards that are read from `step` on, in the order of their first use."""
        uses = {}
        for name, (begin, end) in self._bounds.items():
            steps = self._steps[begin:end]
            place = int(np.searchsorted(steps, step))
            if place < len(steps):
                uses[name] = int(steps[place])
        return sorted(uses, key=lambda name: (uses[name], name))

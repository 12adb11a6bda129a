"""Damaged samples: written down, left out from the next epoch on, and counted against a budget."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

from sign_etl.core.canonical import canonical_json
from sign_etl.stream.base import BadSample, BudgetError, Trouble


@dataclass(frozen=True, slots=True)
class Budget:
    """How many damaged samples a run may lose before it stops.

    Attributes:
        consecutive: so many in a row (on one rank) stop it.
        fraction: so many of the samples of an epoch stop it ...
        at_least: ... but never fewer than this.
    """

    consecutive: int = 100
    fraction: float = 0.001
    at_least: int = 4


class Quarantine:
    """The damaged samples of a run, one JSON line each.

    All ranks may append to the same file: a line is one write. A record counts from the epoch
    after its own, so the plan of an epoch does not change while it runs, nor when it is resumed.
    Ranks without a common file system exchange `records` and `add` them before the next epoch.

    Args:
        path: the file; None keeps records in memory only.
        budget: when to give up.
    """

    def __init__(self, path: Path | None = None, budget: Budget | None = None) -> None:
        self.path = path
        self.budget = budget or Budget()
        self._known: dict[tuple[str, str, str], BadSample] = {}
        self._in_a_row = 0
        self._this_epoch: tuple[int, int] = (-1, 0)

    @property
    def records(self) -> tuple[BadSample, ...]:
        """All damaged samples that are known, those of the file included."""
        self._read()
        return tuple(self._known.values())

    def left_out(self, epoch: int) -> frozenset[tuple[str, str, str]]:
        """Build, shard and key of the samples that an epoch does without."""
        self._read()
        return frozenset(name for name, bad in self._known.items() if bad.epoch < epoch)

    def add(self, samples: Iterable[BadSample]) -> None:
        """Write down damaged samples; those that are known already are not written again."""
        for bad in samples:
            name = (bad.build, bad.shard, bad.key)
            if name not in self._known:
                self._known[name] = bad
                self._append(bad)

    def count(self, good: int, bad: tuple[BadSample, ...], planned: int, epoch: int) -> None:
        """Account for a micro-batch.

        Args:
            good: samples that were delivered.
            bad: those that were dropped.
            planned: samples of the epoch.
            epoch: its number.

        Raises:
            BudgetError: too many are damaged.
        """
        self.add(bad)
        if not bad:
            self._in_a_row = 0 if good else self._in_a_row
            return
        self._in_a_row = len(bad) + (0 if good else self._in_a_row)
        before = self._this_epoch[1] if self._this_epoch[0] == epoch else 0
        self._this_epoch = (epoch, before + len(bad))
        allowed = max(self.budget.at_least, int(self.budget.fraction * planned))
        worst = bad[-1]
        hint = f"`sign-etl verify` checks the shards; the last one was {worst.key} ({worst.error})"
        if self._in_a_row >= self.budget.consecutive:
            raise BudgetError(f"{self._in_a_row:,} damaged samples in a row", hint=hint)
        if self._this_epoch[1] > allowed:
            raise BudgetError(
                f"{self._this_epoch[1]:,} damaged samples in one epoch of {planned:,}", hint=hint
            )

    def _append(self, bad: BadSample) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = (canonical_json(asdict(bad)) + "\n").encode("utf-8")
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        try:
            os.write(handle, line)
        finally:
            os.close(handle)

    def _read(self) -> None:
        if self.path is None or not self.path.exists():
            return
        for line in self.path.read_bytes().splitlines():
            try:
                bad = BadSample(**json.loads(line))
            except (ValueError, TypeError):
                continue  # the torn last line of a killed run: its sample will be met again
            if bad.error in get_args(Trouble):
                self._known.setdefault((bad.build, bad.shard, bad.key), bad)

"""What a run tells its watcher: counts by stage, nothing that anybody computes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageProgress:
    """One stage.

    Attributes:
        done: clips that passed it.
        total: clips that have reached it or will, as far as is known.
        rejected: clips that ended there.
    """

    done: int
    total: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a run.

    Attributes:
        total: requested clips.
        stages: by name, in order.
        reasons: rejects by reason.
        shards: finished and planned shards.
        seconds: since the start.
        message: something to say once, None mostly.
    """

    total: int
    stages: Mapping[str, StageProgress]
    reasons: Mapping[str, int]
    shards: tuple[int, int]
    seconds: float
    message: str | None = None

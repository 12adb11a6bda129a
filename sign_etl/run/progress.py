"""What a run tells its watcher: counts by stage, nothing that anybody computes with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sign_etl.run.plan import Plan
from sign_etl.schema.outcome import Reject
from sign_etl.stages.setup import Setup


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


class Tally:
    """Counts what a run tells.

    Args:
        stages: names, in order.
        total: requested clips.
    """

    def __init__(self, stages: list[str], total: int) -> None:
        self._stages = stages
        self._total = total
        self._passed: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def passed(self, stage: str) -> None:
        """A clip has passed a stage."""
        self._passed[stage] += 1

    def rejected(self, reject: Reject) -> None:
        """A clip has ended at a stage."""
        self._rejected[self._label(reject)] += 1
        self._reasons[reject.reason.value] += 1

    def progress(self, shards: tuple[int, int], seconds: float, message: str | None) -> Progress:
        """The counts as they are now."""
        left = self._total
        stages = {}
        for name in self._stages:
            rejected = self._rejected[name]
            stages[name] = StageProgress(self._passed[name], left, rejected)
            left -= rejected
        return Progress(self._total, stages, dict(self._reasons), shards, seconds, message)

    def _label(self, reject: Reject) -> str:
        stage = reject.stage.value
        if stage in self._stages:
            return stage
        return next((name for name in self._stages if name.startswith(stage)), self._stages[-1])


def stage_names(setup: Setup, plan: Plan) -> list[str]:
    """What progress shows: the stages that any clip of `plan` passes, in order."""
    imported = len(plan) - plan.table["keypoints"].null_count
    poses = ["normalise", *(f"pose:{pose.name}" for pose in setup.poses)]
    features = [f"features:{each.name}" for each in setup.features]
    return [
        "fetch",
        *(poses if imported < len(plan) else []),
        *(["import"] if imported else []),
        *(features if imported < len(plan) else []),
        "quality",
    ]

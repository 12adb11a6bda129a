"""Where the time of a run went, from `events.jsonl`: which stage did the others wait for?

Stages whose work is done by the same workers share their time. The limit is looked for in two
steps: the workers that were busy for the largest share of the run, and the stage that took most of
their time. Model loading and waiting for a shard to be written count as no work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sign_etl.run.events import EVENTS_FILE, read_events
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.schema.report_parts import StageTimePart, ThroughputPart
from sign_etl.viz.page_health import IDLE


@dataclass
class _Work:
    clips: int = 0
    seconds: float = 0.0
    workers: set[str] = field(default_factory=set)


def throughput(build: Path, *, last: bool = False) -> ThroughputPart | None:
    """The work of the runs that made a build.

    Args:
        build: its folder.
        last: of the last run only.

    Returns:
        None where the build has no events, as one that was copied without its state.
    """
    work: dict[str, _Work] = {}
    runs, seconds = 0, 0.0
    began = ended = 0.0
    for at, event in read_events(build / STATE_FOLDER / EVENTS_FILE):
        if event.get("event") == "start":
            if last:
                work, runs, seconds = {}, 0, 0.0
            else:
                seconds += ended - began
            runs += 1
            began = at
        if event.get("event") != "revoke":  # long after the run
            ended = max(at, began)
        if event.get("event") == "done" and isinstance(event.get("seconds"), int | float):
            one = work.setdefault(str(event.get("stage")), _Work())
            one.clips += 1
            one.seconds += float(event["seconds"])
            one.workers.add(str(event.get("worker")))
    seconds += ended - began
    return _part(work, runs, seconds) if runs else None


def words(found: ThroughputPart | None) -> str | None:
    """What limited a run, for people; None where nothing can be said."""
    if found is None or found.limit is None or found.seconds < 1:
        return None
    stage = next(stage for stage in found.stages if stage.stage == found.limit)
    each = stage.seconds / stage.clips
    count = f"{stage.workers} worker{'' if stage.workers == 1 else 's'}"
    text = f"{each:.1f} s a clip with {count}, at work {min(found.limit_busy, 1):.0%} of the time"
    if found.limit_busy < IDLE:
        return f"no stage was the limit: the busiest was {found.limit} ({text})"
    return f"the limit was {found.limit}: {text}"


def _part(work: dict[str, _Work], runs: int, seconds: float) -> ThroughputPart:
    wall = max(seconds, 1e-3)
    stages = tuple(
        StageTimePart(
            stage=name,
            clips=one.clips,
            workers=len(one.workers),
            seconds=round(one.seconds, 3),
            busy=round(one.seconds / (len(one.workers) * wall), 4),
            clips_per_s=round(one.clips / wall, 4),
            most_per_s=round(one.clips * len(one.workers) / max(one.seconds, 1e-3), 4),
        )
        for name, one in work.items()
    )
    teams = _teams(work)
    busy = {
        team: sum(work[stage].seconds for stage in team) / (_hands(work, team) * wall)
        for team in teams
    }
    most = max(teams, key=lambda team: busy[team], default=())
    limit = max(most, key=lambda stage: work[stage].seconds, default=None)
    return ThroughputPart(
        runs=runs,
        seconds=round(seconds, 3),
        stages=stages,
        limit=limit,
        limit_busy=round(busy[most], 4) if most else 0.0,
    )


def _teams(work: dict[str, _Work]) -> list[tuple[str, ...]]:
    """Stages by who does them: those that share a worker belong together."""
    teams: list[tuple[str, ...]] = []
    for stage, one in work.items():
        mine = [team for team in teams if any(work[name].workers & one.workers for name in team)]
        merged = tuple(name for team in mine for name in team)
        teams = [team for team in teams if team not in mine] + [(*merged, stage)]
    return teams


def _hands(work: dict[str, _Work], team: tuple[str, ...]) -> int:
    return len(set().union(*(work[stage].workers for stage in team)))

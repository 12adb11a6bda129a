"""`status --watch`: how far a build is, again and again, from its files alone.

Nothing is asked of the run itself, which may be on another machine of a cluster: its journal says
what is done, its events say who is at work. No lock is touched, so a run can begin at any moment.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.app.status import status
from sign_etl.run.events import EVENTS_FILE, read_events
from sign_etl.schema.outcome import Outcome
from sign_etl.schema.records import STATE_FOLDER

WINDOW_S = 60.0
"""Rates are those of so many seconds."""
TAIL_BYTES = 1 << 19
"""So much of the end of the events is read."""
ENDS = frozenset({"published", "stopped"})


@dataclass(frozen=True, slots=True)
class Watched:
    """A look at a build.

    Attributes:
        status: as `status` gives it.
        stages: clips a second that each stage has taken through in the last minute.
        rate: clips a second that came to their end since watching began, at most a minute ago;
            None where that is not known yet.
        eta_s: seconds until all clips are at their end, at that rate.
        idle_s: since the last event; None where there is none.
        ended: True where the last run is over.
    """

    status: dict[str, Any]
    stages: dict[str, float]
    rate: float | None
    eta_s: float | None
    idle_s: float | None
    ended: bool


def watch(build: Path, *, every_s: float = 2.0) -> Iterator[Watched]:
    """Look at a build until its last run is over.

    Args:
        build: its folder.
        every_s: seconds between two looks.

    Raises:
        UsageError: the folder is no build.
    """
    seen: deque[tuple[float, int]] = deque()
    while True:
        found = look(build, seen, time.time())
        yield found
        if found.ended:
            return
        time.sleep(every_s)


def look(build: Path, seen: deque[tuple[float, int]], now_s: float) -> Watched:
    """One look.

    Args:
        build: its folder.
        seen: times of earlier looks and the clips that were at their end then; this one is added.
        now_s: seconds since 1970.
    """
    facts = status(build)
    left = facts["outcomes"].get(Outcome.PENDING.value, 0)
    seen.append((now_s, facts["requested"] - left))
    while seen[0][0] < now_s - WINDOW_S:
        seen.popleft()
    seconds, clips = now_s - seen[0][0], seen[-1][1] - seen[0][1]
    rate = clips / seconds if seconds > 0 else None
    events = list(read_events(build / STATE_FOLDER / EVENTS_FILE, tail_bytes=TAIL_BYTES))
    recent = [event for at, event in events if at >= now_s - WINDOW_S]
    began = next((at for at, event in reversed(events) if event["event"] == "start"), 0.0)
    window = max(min(now_s - began, WINDOW_S), 1.0)
    counts = Counter(str(event.get("stage")) for event in recent if event["event"] == "done")
    return Watched(
        status=facts,
        stages={stage: round(count / window, 3) for stage, count in counts.items()},
        rate=rate,
        eta_s=left / rate if rate and left else None,
        idle_s=max(now_s - events[-1][0], 0.0) if events else None,
        ended=not events or events[-1][1]["event"] in ENDS,
    )

"""`sign-etl status --watch`: a live table on a terminal, a plain line at intervals elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sign_etl.app.watching import Watched, watch
from sign_etl.cli.output import Output, clean, is_terminal, time_text
from sign_etl.cli.progress import bar, interval_s, ranked_reasons
from sign_etl.schema.outcome import StageName

QUIET_S = 20.0
"""A run that has said nothing for so long is worth a word."""


def tell_watched(out: Output, build: Path, *, every_s: float) -> Watched:
    """Show the build until its last run is over; returns the last look."""
    if is_terminal(sys.stdout):
        return _live(build, every_s)
    next_s, found, told = 0.0, None, ""
    for found in watch(build, every_s=every_s):
        if time.monotonic() >= next_s or found.ended:
            next_s = time.monotonic() + interval_s()
            told = watched_line(found)
            out.text(told)
    assert found is not None
    return found


def watched_line(found: Watched) -> str:
    """A look in one plain line."""
    facts = found.status
    outcomes = ", ".join(f"{name} {count:,}" for name, count in facts["outcomes"].items())
    shards = facts["shards"]
    parts = [f"{outcomes} of {facts['requested']:,}", f"shards {_pair(shards)}"]
    parts += [f"{stage} {rate:.2f}/s" for stage, rate in in_order(found.stages)]
    if found.eta_s is not None:
        parts.append(f"ETA {time_text(found.eta_s)}")
    if facts["reasons"]:
        parts.append(ranked_reasons(facts["reasons"]))
    return "  ".join([*parts, *_state(found)])


def in_order(stages: Mapping[str, float]) -> list[tuple[str, float]]:
    """Stages with their rates, in the order in which a clip meets them."""
    known = [name.value for name in StageName]

    def place(stage: str) -> tuple[int, str]:
        kind = stage.partition(":")[0]
        return known.index(kind) if kind in known else len(known), stage

    return sorted(stages.items(), key=lambda pair: place(pair[0]))


def _live(build: Path, every_s: float) -> Watched:
    from rich.console import Console
    from rich.live import Live

    found = None
    with Live(console=Console(highlight=False), refresh_per_second=4) as live:
        for found in watch(build, every_s=every_s):
            live.update(_table(found))
    assert found is not None
    return found


def _table(found: Watched) -> Any:
    from rich.table import Table
    from rich.text import Text

    facts = found.status
    requested = facts["requested"]
    table = Table.grid(padding=(0, 2))
    rate = f"{found.rate:.2f}/s" if found.rate else ""
    eta = f"ETA {time_text(found.eta_s)}" if found.eta_s is not None else ""
    ended = requested - facts["outcomes"].get("pending", 0)
    table.add_row("  clips", bar(ended, requested), f"{ended:,}/{requested:,}", rate, eta)
    shards = facts["shards"]
    table.add_row("  shards", bar(shards["finished"], shards["planned"]), _pair(shards), "", "")
    for name, count in facts["outcomes"].items():
        table.add_row(f"  {clean(name)}", bar(count, requested), f"{count:,}", "", "")
    for stage, clips_per_s in in_order(found.stages):
        table.add_row(f"  {clean(stage)}", "", "", f"{clips_per_s:.2f}/s", "")
    said = "  ".join([ranked_reasons(facts["reasons"]), *_state(found)]).strip()
    table.add_row("", Text(said), "", "", "")
    return table


def _pair(shards: dict[str, int]) -> str:
    return f"{shards['finished']:,}/{shards['planned']:,}"


def _state(found: Watched) -> list[str]:
    if found.ended:
        return ["published" if found.status["published"] else "no run is at work"]
    if found.idle_s is not None and found.idle_s > QUIET_S:
        return [f"nothing new for {time_text(found.idle_s)}"]
    return []

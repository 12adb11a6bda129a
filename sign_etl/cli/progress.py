"""The progress of a run: a live table on a terminal, now and then a plain line elsewhere.

Batch logs stay readable that way: `SIGN_ETL_PROGRESS_S` seconds (30) lie between two lines.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sign_etl.cli.gpu_use import GpuUse
from sign_etl.cli.output import Output, clean, is_terminal, time_text

if TYPE_CHECKING:
    from sign_etl.run.progress import Progress, StageProgress

INTERVAL_S = 30.0
BAR_CELLS = 20
SHOWN_REASONS = 3
ETA_FROM_S = 5.0


class ProgressDisplay:
    """Shows snapshots of a run on stderr; a context manager, and called with each snapshot.

    Args:
        out: of the command; nothing is shown in `quiet` mode or with `SIGN_ETL_NO_PROGRESS`.
    """

    def __init__(self, out: Output) -> None:
        self._out = out
        self._shown = out.mode != "quiet" and not os.environ.get("SIGN_ETL_NO_PROGRESS")
        self._interval_s = interval_s()
        self._next_s = 0.0
        self._last: Progress | None = None
        self._told = ""
        self._live: Any = None
        self._gpus = GpuUse()

    def __enter__(self) -> Self:
        if self._shown:
            self._gpus.__enter__()
        if self._shown and is_terminal(sys.stderr):
            from rich.console import Console
            from rich.live import Live

            self._live = Live(
                console=Console(stderr=True, highlight=False), refresh_per_second=4, transient=True
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gpus.__exit__(kind, error, trace)
        if self._live is not None:
            self._live.stop()
        elif self._last is not None and progress_line(self._last) != self._told:
            self._out.note(progress_line(self._last))  # how far it came

    def __call__(self, snapshot: Progress) -> None:
        """Show a snapshot, if it is time."""
        if not self._shown:
            return
        if snapshot.message:
            self._out.note(snapshot.message)
        if not snapshot.stages:
            return
        self._last = snapshot
        if self._live is not None:
            self._live.update(_table(snapshot, self._gpus.words()))
        elif time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._interval_s
            self._told = progress_line(snapshot)
            gpus = self._gpus.words()
            self._out.note(f"{self._told}  {gpus}" if gpus else self._told)


def progress_line(snapshot: Progress) -> str:
    """A snapshot in one plain line."""
    parts = [time_text(snapshot.seconds)]
    for name, stage in snapshot.stages.items():
        rejected = f" ({stage.rejected} rejected)" if stage.rejected else ""
        parts.append(f"{name} {stage.done}/{stage.total}{rejected}")
    done, planned = snapshot.shards
    parts.append(f"shards {done}/{planned}")
    left_s = eta_s(snapshot)
    if left_s is not None:
        parts.append(f"ETA {time_text(left_s)}")
    if snapshot.reasons:
        parts.append(ranked_reasons(snapshot.reasons))
    return "  ".join(parts)


def eta_s(snapshot: Progress) -> float | None:
    """Seconds until all clips are at their end, at the pace so far; None where that says nothing.

    What the store had already counts too, so a resumed run begins too hopeful and mends.
    """
    if not snapshot.stages or snapshot.seconds < ETA_FROM_S:
        return None
    last = list(snapshot.stages.values())[-1]
    ended = last.done + sum(stage.rejected for stage in snapshot.stages.values())
    if not last.done or ended >= snapshot.total:
        return None
    return snapshot.seconds * (snapshot.total - ended) / ended


def _table(snapshot: Progress, gpus: str) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, stage in snapshot.stages.items():
        rejected = f"{stage.rejected} rejected" if stage.rejected else ""
        table.add_row(
            f"  {clean(name)}",
            bar(stage.done + stage.rejected, stage.total),
            f"{stage.done}/{stage.total}",
            _rate(stage, snapshot.seconds),
            Text(rejected, style="yellow"),
        )
    done, planned = snapshot.shards
    table.add_row("  shards", bar(done, planned), f"{done}/{planned}", "", "")
    left_s = eta_s(snapshot)
    eta = "" if left_s is None else f"ETA {time_text(left_s)}"
    table.add_row("", time_text(snapshot.seconds), eta, "", Text(ranked_reasons(snapshot.reasons)))
    if gpus:
        table.add_row("", gpus, "", "", "")
    return table


def bar(done: int, total: int) -> str:
    """A bar of characters."""
    full = BAR_CELLS * min(done, total) // total if total else 0
    return "█" * full + "░" * (BAR_CELLS - full)


def _rate(stage: StageProgress, seconds: float) -> str:
    return f"{stage.done / seconds:.1f}/s" if seconds >= 1 else ""


def ranked_reasons(reasons: Mapping[str, int]) -> str:
    """The most frequent reasons with their counts."""
    ranked = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = ", ".join(f"{reason} {count}" for reason, count in ranked[:SHOWN_REASONS])
    return shown + (", ..." if len(ranked) > SHOWN_REASONS else "")


def interval_s() -> float:
    """Seconds between two plain lines."""
    try:
        return float(os.environ.get("SIGN_ETL_PROGRESS_S", INTERVAL_S))
    except ValueError:
        return INTERVAL_S

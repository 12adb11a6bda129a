"""Writes the table of README.md anew from raw results: `python tests/benchmarks/table.py`.

Files may be named; else all of `results/*.jsonl` are read. Of a benchmark the last line counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- table: written by table.py -->", "<!-- end of table -->"

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        what: was measured.
        against: what.
        reach: in words.
        results: which lines of the raw results it is about.
        value: the figure of a result.
        file: the benchmark that makes it.
    """

    what: str
    against: str
    reach: str
    results: Callable[[Result], bool]
    value: Callable[[Result], str]
    file: str


def _is(benchmark: str) -> Callable[[Result], bool]:
    return lambda result: result["benchmark"] == benchmark


def _times(name: str) -> Callable[[Result], str]:
    return lambda result: f"{_mode(result)}{result[name]:.2f}x" if name in result else ""


def _mode(result: Result) -> str:
    return f"{result['mode']} " if "mode" in result else ""


ROWS = (
    Row(
        "RTMPose stage, fp32",
        "pose net and key-frame detector alone",
        "at least 0.90x",
        _is("rtmpose"),
        _times("share_of_roofline"),
        "bench_pose.py",
    ),
    Row(
        "the same",
        "rtmlib `Wholebody`",
        "about 4x, 2.5x, 1.6x",
        _is("rtmpose"),
        _times("over_wholebody"),
        "bench_pose.py",
    ),
    Row(
        "the same",
        "rtmlib `PoseTracker`, detector every 10 frames",
        "at least 1x",
        _is("rtmpose"),
        _times("over_tracker"),
        "bench_pose.py",
    ),
    Row(
        "the same in bf16 (OpenVINO)",
        "rtmlib `Wholebody`",
        "at least 8x, balanced",
        _is("rtmpose"),
        _times("bf16_over_wholebody"),
        "bench_pose.py",
    ),
    Row(
        "BlazePose stage",
        "pose-format `videos_to_poses`",
        "at least 1.3x",
        _is("blazepose"),
        _times("default_over_pose_format"),
        "bench_blazepose.py",
    ),
    Row(
        "the same with `hands_mode: video`",
        "pose-format `videos_to_poses`",
        "",
        _is("blazepose"),
        _times("hands_video_over_pose_format"),
        "bench_blazepose.py",
    ),
    Row(
        "`ingest`, wall time",
        "CPU seconds / cores",
        "at most 1.15x",
        _is("ingest"),
        _times("local_wall_over_cpu"),
        "bench_ingest.py",
    ),
    Row(
        "Ray runner, time a clip after start-up",
        "local runner",
        "at most 1.10x",
        _is("ingest"),
        _times("ray_over_local"),
        "bench_ingest.py",
    ),
)


def read(files: Iterable[Path]) -> list[Result]:
    """Results of JSON lines files; of one benchmark and mode the last one."""
    found: dict[tuple[str, str], Result] = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            found[result["benchmark"], str(result.get("mode", ""))] = result
    return list(found.values())


def table(results: list[Result], rows: Iterable[Row] = ROWS) -> str:
    """The table as Markdown; what was not measured says so."""
    lines = ["| what | against | reach | measured | command |", "|---|---|---|---|---|"]
    for row in rows:
        values = [value for one in results if row.results(one) and (value := row.value(one))]
        measured = ", ".join(sorted(values)) or "not measured"
        lines.append(f"| {row.what} | {row.against} | {row.reach} | {measured} | `{row.file}` |")
    return "\n".join(lines)


def written(text: str, new: str) -> str:
    """`text` with the part between the marks replaced by `new`.

    Raises:
        ValueError: the marks are not there.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n{new}\n{END}{after}"


if __name__ == "__main__":
    given = [Path(name) for name in sys.argv[1:]] or sorted((HERE / "results").glob("*.jsonl"))
    readme = HERE / "README.md"
    readme.write_text(written(readme.read_text("utf-8"), table(read(given))), "utf-8")

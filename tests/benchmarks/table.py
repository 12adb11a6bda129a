"""Writes the table of README.md anew from raw results: `python tests/benchmarks/table.py`.

Files may be named; else all of `results/*.jsonl` are read. Of a benchmark the last line counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from rows import ROWS, Result, Row

HERE = Path(__file__).resolve().parent
BEGIN, END = "<!-- table: written by table.py -->", "<!-- end of table -->"


def read(files: Iterable[Path]) -> list[Result]:
    """Results of JSON lines files; of one benchmark and mode the last one."""
    found: dict[tuple[str, ...], Result] = {}
    for path in files:
        for line in path.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            key = (
                result["benchmark"],
                *(str(result.get(k, "")) for k in ("mode", "peer", "workers")),
            )
            found[key] = result
    return list(found.values())


def growth(results: list[Result]) -> str:
    """The table of `bench_scale.py` as Markdown: a line for each number of clips."""
    built = sorted((one for one in results if "built" in one), key=lambda one: one["built"])
    planned = sorted((one for one in results if "planned" in one), key=lambda one: one["planned"])
    lines = [
        "| clips | built in | a clip | memory: driver, all | again | `status` |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one['built']:,} | {one['wall_s']:,.0f} s | {one['ms_a_clip']:.0f} ms "
        f"| {one['driver_mib']:.0f}, {one['tree_mib']:.0f} MiB "
        f"| {one['again_s']:.1f} s | {one['status_s']:.1f} s |"
        for one in built
    ]
    lines += [
        "",
        "| clips | planned | ledger, lock and publishing | memory: plan, all | `status` |",
        "|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one['planned']:,} | {one['plan_s']:.1f} s | {one['publish_s']:.1f} s "
        f"| {one['plan_mib']:.0f}, {one['publish_mib']:.0f} MiB | {one['status_s']:.1f} s |"
        for one in planned
    ]
    return "\n".join(lines)


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
    results = read(given)
    new = f"{table(results)}\n\n{growth(results)}"
    readme.write_text(written(readme.read_text("utf-8"), new), "utf-8")

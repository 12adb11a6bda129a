"""Trains one recipe again and again: signers held out in turn, few clips of each class, seeds.

    python series.py signvlm/lsa64 --data BUILD --out runs/lsa64 --hold-out
    python series.py signvlm/karsl190 --data BUILD --out runs/few --shots 1 5 10 --seeds 0 1 2
    python series.py --out runs/few --table

`--hold-out` alone takes every signer of the build in turn; people are named to take some of them,
and two joined by a plus are held out together: `--hold-out 001 002 010a+010b`. Each run is judged
on all clips of whom it never saw, else on `--split`. All that is asked for is combined.

A run is a folder in OUT, as `sign-etl train` makes them. What is finished is not done again, what
was stopped goes on, and several of these programs may fill one OUT with different runs. The table
is of all runs below OUT, those of inner folders too: OUT/results.csv has each of them,
OUT/README.md the means with their standard deviation (n - 1), each recipe and split by itself,
OUT/shots.png the curve over shots.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

from sign_etl.app.stopping import StopRequest, stop_on_signals
from sign_etl.app.train import find_recipe, need_packages
from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_problems
from sign_etl.core.content import load_program
from sign_etl.core.errors import SignEtlError, UsageError, VerifyError
from sign_etl.core.files import write_bytes
from sign_etl.schema.training_chain import FINISHED

ALL = "all"
HELD_OUT = "held-out"
TOLD = ("top1", "top5", "top1_class")
HEAD = ("shots", "runs", "metric", "mean", "standard deviation", "least", "greatest")


class Job(NamedTuple):
    """One run: signers held out, clips of each class (0 for all), seed of training and draw."""

    held_out: tuple[str, ...]
    shots: int
    seed: int

    @property
    def name(self) -> str:
        """Of its folder."""
        without = f"without-{'+'.join(self.held_out)}-" if self.held_out else ""
        return f"{without}shots-{self.shots or ALL}-seed-{self.seed}"

    @property
    def settings(self) -> list[str]:
        """Of the recipe."""
        chosen: dict[str, Any] = {"data.shots": self.shots, "seed": self.seed}
        if self.held_out:
            chosen["data.held_out"] = list(self.held_out)
        return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in chosen.items()]


def jobs(options: argparse.Namespace) -> list[Job]:
    """All runs that are asked for, seeds last."""
    groups: list[tuple[str, ...]] = [()]
    if options.hold_out is not None:
        named = [tuple(sorted(group.split("+"))) for group in options.hold_out]
        groups = named or [(signer,) for signer in signers_of(options.data)]
    wanted = product(groups, options.shots, options.seeds)
    return [Job(*one) for one in dict.fromkeys(wanted)]


def signers_of(data: Sequence[str]) -> list[str]:
    """Everybody whom the builds name.

    Raises:
        UsageError: nobody, or one person alone.
    """
    from sign_etl.stream.index import open_index

    column = open_index(data).column("signer").to_pylist()
    found = sorted({str(signer) for signer in column if signer})
    if len(found) < 2:
        raise UsageError(
            f"the builds name {len(found)} signers, so none can be held out",
            hint="leave --hold-out away, or build from annotations with signers",
        )
    return found


def perform(job: Job, options: argparse.Namespace, out: Output, stop: StopRequest) -> None:
    """Train and judge, as far as that is not done.

    Raises:
        VerifyError: its folder has a run with other settings.
        Stopped: a signal came; the same command goes on.
    """
    from sign_etl.stream.index import open_index
    from sign_etl.tasks.evaluation import is_evaluated
    from sign_etl.tasks.run_folder import hold_run
    from sign_etl.tasks.setup import load_recipe

    folder: Path = options.out / job.name
    recipe = load_recipe(find_recipe(options.recipe), [*options.settings, *job.settings])
    split = HELD_OUT if recipe.data.held_out else options.split  # a recipe may name somebody too
    with hold_run(folder, alone=True):
        if not (folder / FINISHED).is_file():
            out.note(f"{job.name}: training")
            load_program("train").train(
                recipe, options.data, folder, resume=True, stop=stop, say=out.note
            )
        elif begun_with(folder).identity() != recipe.identity():
            raise VerifyError(
                f"{folder} is a run with other settings",
                hint="give another --out, or the settings of its config.yaml",
            )
        elif facts_of(folder)["dataset_hash"] != open_index(options.data).dataset_hash:
            raise VerifyError(f"{folder} is a run on other data", hint="give another --out")
        if not is_evaluated(folder, split):
            found = load_program("evaluate").evaluate(folder, options.data, split)
            known = "  ".join(f"{name} {found[name]:.4f}" for name in TOLD if name in found)
            out.note(f"{job.name}: {split}  {known}")


def facts_of(folder: Path) -> dict[str, Any]:
    """What a run has written about its data."""
    found: dict[str, Any] = json.loads((folder / "build.json").read_bytes())
    return found


def begun_with(folder: Path) -> Any:
    """The settings of a run."""
    from sign_etl.schema.document import read_document
    from sign_etl.schema.training import parse_training

    return parse_training(read_document(folder / "config.yaml"))


def results(out: Path, split: str) -> list[dict[str, Any]]:
    """What is known of all runs in a folder, by name; those without results are left out."""
    from sign_etl.tasks.evaluation import is_evaluated

    lines = []
    for path in sorted(out.rglob(FINISHED)):
        folder, config = path.parent, begun_with(path.parent)
        judged = HELD_OUT if config.data.held_out else split
        file = folder / "results" / judged / "metrics.json"
        if is_evaluated(folder, judged):
            found = json.loads(file.read_text(encoding="utf-8"))
            lines.append(
                {
                    "run": folder.relative_to(out).as_posix(),
                    "recipe": config.name,
                    "held_out": "+".join(config.data.held_out),
                    "shots": config.data.shots,
                    "seed": config.seed,
                    "learned_clips": facts_of(folder).get("learned_clips"),
                    "split": judged,
                    "clips": found["clips"],
                    **found["metrics"],
                }
            )
    return lines


def summary(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Means over signers and seeds, for each number of shots; all clips come last.

    Of one run there is no standard deviation. Several recipes or splits are told apart.
    """
    groups: dict[tuple[int, str, str], list[Mapping[str, Any]]] = {}
    for line in lines:
        place = (line["shots"] or sys.maxsize, line["recipe"], line["split"])
        groups.setdefault(place, []).append(line)
    several = len({place[1:] for place in groups}) > 1
    rows = []
    for (_, recipe, split), mine in sorted(groups.items(), key=lambda pair: pair[0]):
        for name in TOLD:
            values = [float(line[name]) for line in mine if name in line]
            if values:
                spread = stdev(values) if len(values) > 1 else None
                metric = f"{name} of {recipe} on {split}" if several else name
                numbers = (metric, fmean(values), spread, min(values), max(values))
                rows.append(dict(zip(HEAD, (mine[0]["shots"], len(values), *numbers), strict=True)))
    return rows


def told(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of the summary as people read it, shares in per cent."""
    numbers = ["-" if row[name] is None else f"{100 * row[name]:.1f}" for name in HEAD[3:]]
    return (str(row["shots"] or ALL), str(row["runs"]), row["metric"], *numbers)


def write(out: Path, lines: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write table, means and curve."""
    from sign_etl.tasks.figures import draw_means

    names = list(dict.fromkeys(name for line in lines for name in line))
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows(lines)
    write_bytes(out / "results.csv", text.getvalue().encode("utf-8"))
    recipes = ", ".join(sorted({line["recipe"] for line in lines}))
    splits = ", ".join(sorted({line["split"] for line in lines}))
    said = [f"# {recipes}, {len(lines)} runs", "", f"On `{splits}`, in per cent.", ""]
    said += [f"| {' | '.join(HEAD)} |", f"|{'---:|' * len(HEAD)}"]
    said += [f"| {' | '.join(told(row))} |" for row in rows]
    said += ["", "Each run: [results.csv](results.csv), and the README.md in its folder."]
    if len({row["shots"] for row in rows}) > 1:
        draw_means(rows, "shots", "clips of each class", out / "shots.png")
        said += ["", "![accuracy over shots](shots.png)"]
    write_bytes(out / "README.md", ("\n".join(said) + "\n").encode("utf-8"))


def run(options: argparse.Namespace, out: Output, stop: StopRequest) -> None:
    """Do what is not done, and tell the table.

    Raises:
        UsageError: there is nothing to do, or nothing to tell of.
    """
    if not options.table:
        if options.recipe is None or not options.data:
            what = "recipe" if options.recipe is None else "build"
            raise UsageError(
                f"no {what} given", hint="series.py NAME --data BUILD --out DIR, or --table to look"
            )
        need_packages()
        wanted = jobs(options)
        out.note(f"{len(wanted)} runs in {options.out}")
        for job in wanted:
            perform(job, options, out, stop)
    lines = results(options.out, options.split)
    if not lines:
        raise UsageError(
            f"no run in {options.out} has results on `{options.split}` or held-out signers",
            hint="train some first: series.py NAME --data BUILD --out DIR",
        )
    rows = summary(lines)
    write(options.out, lines, rows)
    out.table(HEAD, [told(row) for row in rows])
    out.note(f"Table: {options.out / 'README.md'}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code (75: stopped early, the same command goes on)."""
    parser = argparse.ArgumentParser(prog="series.py", description="One recipe, many runs.")
    parser.add_argument("recipe", nargs="?", help="a name of `sign-etl train list`, or a file")
    parser.add_argument("--data", action="append", default=[], help="a build; may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="for run folders and table")
    parser.add_argument("--hold-out", nargs="*", metavar="SIGNER", help="in turn; default all")
    parser.add_argument("--shots", nargs="+", type=int, default=[0], help="0 for all clips")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--split", default="test", help="what is judged where nobody is held out")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--table", action="store_true", help="only tell what is there")
    options, out = parser.parse_args(arguments), Output()
    try:
        with stop_on_signals() as stop:
            run(options, out, stop)
    except SignEtlError as error:
        problems = getattr(error, "problems", None) or (error,)
        tell_problems(out, [(problem.message, problem.hint) for problem in problems])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Trains every system on one view of some signs, and tests it on another: one clip of each sign.

    python front_to_side.py --media svk-clips --out f2s [--only spoter ...] [--seeds 0 1 2]
        [--folds 0 1 2 3 4] [--language-model DIR]
    python front_to_side.py --out f2s --table

`--media` holds `clips.csv` with the columns file, label and view. Front is learned, side is the
test; the last weights are judged, so nothing is chosen. As a control the same settings learn four
augmented copies of each front clip and are asked for a fifth (`copies.py`), fold by fold.

Each run is a line of OUT/results.jsonl and a run folder below OUT/runs; what is there is not done
again. Recipes are those of `sign-etl train`, with the settings below; the loop is `train.py` in
this process, since starting it anew takes longer than a small model does.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from sign_etl.app.ingest import IngestRequest, ingest
from sign_etl.app.train import find_recipe
from sign_etl.cli.output import Output
from sign_etl.core.content import load_program
from sign_etl.core.errors import SignEtlError, UsageError

CHANCE = 1 / 56
FILMS = ("pose={}", "normalise.short_side=72", "normalise.fps=6")
"""Of the builds of films: small systems look at 8 pictures of 64 x 64, and decoding costs most."""
TOPS = ("top1", "top5")
HEAD = (
    *("system", "input", "parameters", "seeds", "learned", "side, top 1", "top 5"),
    *("folds", "copy, top 1", "top 5", "cpu s"),
)


class Job(NamedTuple):
    """One run: a system, and the seed or fold of a protocol (`side` or `copies`)."""

    system: Any
    protocol: str
    number: int

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells it apart in the results."""
        return self.system.name, self.protocol, self.number

    @property
    def build(self) -> str:
        """Name of the build that is learned from."""
        kind = "keypoints" if self.system.takes == "both" else self.system.takes
        return f"{'views' if self.protocol == 'side' else 'copies'}-{kind}"

    def splits(self, folds: int = 5) -> tuple[dict[str, Any], str]:
        """Settings of the splits, and the one that is judged."""
        if self.protocol == "side":
            return {}, "test"
        others = [f"copy-{n}" for n in range(folds) if n != self.number]
        judged = f"copy-{self.number}"
        return {"data.train": others, "data.select": judged}, judged

    def epochs(self, over_one: int) -> int:
        """Epochs with as many steps as `over_one` epochs over one clip of each sign have."""
        return over_one if self.protocol == "side" else max(1, over_one // 4)


def write_views(media: Path, out: Path) -> Path:
    """The table of the build: front in `train`, and again in `val` to be asked for; side `test`."""
    with (media / "clips.csv").open(encoding="utf-8", newline="") as file:
        given = list(csv.DictReader(file))
    rows = []
    for row in given:
        for split in {"front": ("train", "val"), "side": ("test",)}.get(row["view"], ()):
            name = f"{row['file'].rsplit('.', 1)[0]}-{split}"
            rows.append({"file": row["file"], "id": name, "label": row["label"], "split": split})
    if not rows:
        raise UsageError("no clip has the view `front` or `side`", hint="see clips.csv")
    load_program("copies").write_table(out / "views.csv", rows)
    return out / "views.csv"


def make_build(name: str, media: Path, out: Path, store: str | None) -> Path:
    """One of four builds, where it is not there yet: `views-` or `copies-`, `keypoints` or `films`.

    Args:
        name: of it.
        media: the videos and `clips.csv`.
        out: the folder of everything.
        store: of the builds.
    """
    place, copies = out / "builds" / name, out / "copies"
    if (place / "manifest.json").exists():
        return place
    source, _, kind = name.partition("-")
    pipeline, folder, settings = "folder", media, list(FILMS) if kind == "films" else []
    if source == "views":
        table = write_views(media, out)
    else:
        folder, table = copies, copies / f"{kind}.csv"
        data = make_build("views-keypoints", media, out, store)
        load_program("copies").write_copies(data, copies, films=kind == "films")
        if kind == "keypoints":
            pipeline = "keypoints"
            array = ("format=npz", "layout=holistic-75", "width=852", "height=480")
            settings = [f"dataset.{setting}" for setting in array]
    ingest(IngestRequest(pipeline, place, folder, table, store=store, settings=tuple(settings)))
    return place


def perform(job: Job, build: Path, out: Path) -> dict[str, Any]:
    """Train on a build and judge; the line of the results."""
    began, system = time.process_time(), job.system
    folder = trained(system, job, build, out)
    found = load_program("evaluate").evaluate(folder, [str(build)], job.splits()[1])
    facts = json.loads((folder / "build.json").read_text(encoding="utf-8"))
    return {
        **dict(zip(("system", "protocol", "number"), job.key, strict=True)),
        "takes": system.takes,
        "parameters": facts["parameters"],
        "top1": found[system.top1],
        "top5": found.get("top5"),
        "learned": learned(folder, system.top1) if job.protocol == "side" else None,
        "cpu_s": round(time.process_time() - began, 1),
    }


def trained(system: Any, job: Job, build: Path, out: Path) -> Path:
    """The run folder of a system, trained with the seed or fold of a job, and what comes before."""
    from sign_etl.tasks.setup import load_recipe

    name = "-".join(map(str, (system.name, job.protocol, job.number)))
    folder = out / "runs" / name.replace(" ", "").replace(",", "-")
    number = job.epochs(system.epochs)
    often = {"epochs": number, "select.every_epochs": number, "checkpoint.every_epochs": number}
    chosen = {**system.settings, **job.splits()[0], **often, "seed": job.number, "trackers": []}
    if system.before is not None:
        chosen["init.run"] = str(trained(system.before, job, build, out))
    flat = [f"{key}={json.dumps(value)}" for key, value in chosen.items()]
    recipe = load_recipe(find_recipe(system.recipe), flat)
    load_program("train").train(recipe, [str(build)], folder, resume=True)
    return folder


def learned(run: Path, top1: str) -> float:
    """Accuracy on the clips that were learned, as they are: below 1 the training was too short."""
    found = json.loads((run / "results" / "val" / "metrics.json").read_text(encoding="utf-8"))
    return float(found["metrics"][top1])


def table(lines: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Rows of the table: system, input, parameters, what each protocol gave, and a run's cost."""
    rows = []
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        by_name.setdefault(line["system"], []).append(line)
    for name, found in by_name.items():
        cells = []
        for protocols in (("side", "nearest"), ("copies",)):
            mine = [line for line in found if line["protocol"] in protocols]
            told = TOPS if "copies" in protocols else ("learned", *TOPS)
            cells += [str(len(mine)), *(spread([line.get(top) for line in mine]) for top in told)]
        costs = [line["cpu_s"] for line in found if "cpu_s" in line]
        cells.append(f"{fmean(costs):.0f}" if costs else "-")
        rows.append((name, found[0]["takes"], f"{found[0]['parameters']:,}", *cells))
    return rows


def spread(values: Sequence[float | None]) -> str:
    """Mean and, of several, least and most, in per cent; a dash where there is none."""
    known = [100 * value for value in values if value is not None]
    if not known:
        return "-"
    mean = f"{fmean(known):.1f}"
    return f"{mean} ({min(known):.1f} to {max(known):.1f})" if len(known) > 1 else mean


def read_results(path: Path) -> list[dict[str, Any]]:
    """The lines so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def jobs(options: argparse.Namespace) -> list[Job]:
    """All runs that are asked for, seeds before folds."""
    known = load_program("view_systems").systems(options.language_model)
    names = {system.name for system in known}
    for name in options.only:
        if name not in names:
            raise UsageError(f"no system `{name}`", hint=f"there are {', '.join(sorted(names))}")
    chosen = [system for system in known if not options.only or system.name in options.only]
    numbers = {"side": options.seeds, "copies": options.folds}
    return [
        Job(system, protocol, number)
        for protocol, all_of_it in numbers.items()
        for number in all_of_it
        for system in chosen
        if protocol == "side" or system.takes != "both"
    ]


def run(options: argparse.Namespace, out: Output) -> None:
    """Make the builds, do what is not done, line by line, and tell the table."""
    results = options.out / "results.jsonl"
    if not options.table:
        if options.media is None:
            raise UsageError("nothing to learn from", hint="add --media, or --table to look")
        given = options.media, options.out, options.store
        known = read_results(results)
        if not any(line["protocol"] == "nearest" for line in known):
            lines = load_program("nearest_view").nearest(make_build("views-keypoints", *given))
            known += append(results, lines)
        done = {(line["system"], line["protocol"], line["number"]) for line in known}
        for job in jobs(options):
            if job.key not in done:
                line = perform(job, make_build(job.build, *given), options.out)
                append(results, [line])
                out.note(json.dumps(line))
    lines = read_results(results)
    out.table(HEAD, table(lines))
    out.note(f"chance is {100 * CHANCE:.1f} %, one clip {100 * CHANCE:.1f} %")


def append(path: Path, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add lines to the results; gives them back."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return list(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="front_to_side.py", description="From view to view.")
    parser.add_argument("--media", type=Path, help="the videos and clips.csv")
    parser.add_argument("--out", type=Path, required=True, help="for builds, runs and results")
    parser.add_argument("--store", help="of the builds; default in the cache folder")
    parser.add_argument("--only", nargs="+", default=[], help="systems; default all")
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2], help="front to side")
    parser.add_argument("--folds", nargs="*", type=int, default=[0, 1, 2, 3, 4], help="copies")
    parser.add_argument("--language-model", default="random", help="folder of an mT5; or `random`")
    parser.add_argument("--table", action="store_true", help="tell what is there, train nothing")
    out = Output()
    try:
        run(parser.parse_args(arguments), out)
    except SignEtlError as error:
        out.error(error.message, error.hint)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

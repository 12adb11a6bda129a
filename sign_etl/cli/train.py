"""`sign-etl train` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.options import Data
from sign_etl.cli.output import Output, count_text
from sign_etl.cli.train_list import made_by, tell_recipes
from sign_etl.core.errors import UsageError

app = group("training", "Train on a build.")


def complete_recipes(incomplete: str) -> list[str]:
    """Names that a recipe argument may complete to."""
    from sign_etl.core.content import content_dir

    folder = content_dir("training")
    names = [
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.glob("*/*.yaml")
    ]
    return sorted(name for name in ("list", *names) if name.startswith(incomplete))


TrainData = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="BUILD",
        help="A build, here or as s3://BUCKET/NAME or clearml://PROJECT/NAME, or tars after "
        "`sign-etl index`; may be repeated. For a chain of recipes also NAME=BUILD, for its stages "
        "of that name.",
    ),
]


@command(
    app,
    "train",
    examples=(
        "sign-etl train list",
        "sign-etl train list slovo",
        "sign-etl train spoter/fosshack --data builds/fosshack",
        "sign-etl train mine.yaml --data builds/mine --resume --set optimizer.lr=3e-4",
        "sign-etl train mine.yaml --data builds/mine --nproc 8 --ray-address auto",
        "sign-etl train unisign/run --data pretrain=builds/csl-news --data task=builds/lis",
    ),
)
def train(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE.yaml|list",
            help="A bundled recipe, a recipe file, or `list` for what there is.",
            autocompletion=complete_recipes,
        ),
    ],
    only: Annotated[
        str | None,
        typer.Argument(
            metavar="SYSTEM",
            help="With `list`: tell of this system or recipe alone, and all about it.",
            show_default=False,
        ),
    ] = None,
    data: TrainData = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="The run folder; default runs/SYSTEM-RECIPE.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on from the last checkpoint; begin where there is none."),
    ] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A setting of the recipe, such as epochs=20; may be repeated.",
        ),
    ] = None,
    processes: Annotated[
        int,
        typer.Option(
            "--nproc",
            min=1,
            help="Processes, one for each GPU: on this machine, or over all nodes of the cluster.",
        ),
    ] = 1,
    ray_address: Annotated[
        str | None,
        typer.Option(
            "--ray-address",
            help="Train on the workers of a Ray cluster (`auto`; `local` starts one here).",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Train a model by a recipe, or list the recipes.

    The run folder gets checkpoints, curves and a model card, README.md. SIGTERM and Ctrl-C save
    before they end it. More: sign-etl help train.
    """
    from sign_etl.app.train import TrainRequest, find_recipe, split_to_ask
    from sign_etl.app.train import train as run_training
    from sign_etl.schema.training_replies import Train

    out = Output.of(as_json=as_json, quiet=quiet)
    if name == "list":
        tell_recipes(out, only)
        return
    if only is not None:
        raise UsageError(f"what is `{only}`?", hint=f"builds go behind --data: --data {only}")
    recipe = find_recipe(name)
    if not data:
        raise UsageError(
            "no build given", hint=f"sign-etl train {name} --data BUILD{made_by(recipe)}"
        )
    run, code = run_training(
        TrainRequest(
            name, tuple(data), out_path, resume, tuple(settings or ()), processes, ray_address
        ),
        out.note,
    )
    if code:
        raise typer.Exit(code)
    reply = Train(run=str(run))
    out.data(reply.to_json(), schema=reply.command)
    out.names([str(run)])
    out.text(f"Trained: {run / 'README.md'}")
    build, split = data[-1].partition("=")[2] or data[-1], split_to_ask(run)
    asked = "" if split == "test" else f" --split {split}"
    out.note(f"Test it: sign-etl evaluate {run} --data {build}{asked}")


@command(
    app,
    "evaluate",
    examples=(
        "sign-etl evaluate runs/spoter-fosshack --data builds/fosshack --split test",
        "sign-etl evaluate runs/s0 --data builds/fosshack --beside runs/s1 --beside runs/s2",
        "sign-etl evaluate --predictions theirs.csv --unit character",
    ),
)
def evaluate(
    run: Annotated[
        Path | None, typer.Argument(metavar="RUN", help="A run folder, or a checkpoint in it.")
    ] = None,
    data: Data = None,
    split: Annotated[
        str,
        typer.Option(
            "--split", help="Which split; `held-out`: all clips of the signers in `data.held_out`."
        ),
    ] = "test",
    beside: Annotated[
        list[Path] | None,
        typer.Option(
            "--beside",
            metavar="RUN",
            help="A run of the same recipe with another seed, for mean and spread over the seeds; "
            "evaluated too, where it was not; may be repeated.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            help="Score a table of texts, `prediction` and `reference`, instead of a run.",
        ),
    ] = None,
    unit: Annotated[
        Literal["word", "character"], typer.Option("--unit", help="What counts in --predictions.")
    ] = "word",
    classes: Annotated[
        bool, typer.Option("--classes", help="The texts of --predictions are names of classes.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Evaluate the best weights of a run on one split.

    The figures go into the run's model card, RUN/README.md, with 95 % intervals and, with --beside,
    mean and spread over seeds.
    """
    from sign_etl.app.train import evaluate as run_evaluation

    out = Output.of(as_json=as_json, quiet=quiet)
    if predictions is not None:
        _score(out, predictions, unit=unit, classes=classes)
        return
    if run is None or not data:
        what = "run" if run is None else "build"
        raise UsageError(f"no {what} given", hint="sign-etl evaluate RUN --data builds/NAME")
    reply, code = run_evaluation(run, data, split, beside or ())
    if reply is None:
        raise typer.Exit(code)
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.folder])
    out.text(f"{reply.checkpoint} on {reply.clips:,} clips of `{split}`")
    out.table(
        ("metric", "value", "95 % interval", "unit"),
        [
            (name, f"{value:.4f}", _between(reply.intervals.get(name)), reply.units.get(name, ""))
            for name, value in reply.metrics.items()
        ],
    )
    if reply.signature:
        out.text(f"sacrebleu {reply.signature}")
    if reply.spread:
        out.table(
            ("metric", f"mean of {1 + len(beside or ())} seeds", "deviation", "least", "greatest"),
            [
                (name, *(f"{each:.4f}" for each in part.model_dump().values()))
                for name, part in reply.spread.items()
            ],
        )
    if reply.damaged:
        out.warn(f"{count_text(reply.damaged, 'clip')} could not be read and do not count")
    out.note(f"Pictures and tables: {reply.folder}; the model card: {reply.run}/README.md")


def _between(limits: tuple[float, float] | None) -> str:
    return "" if limits is None else f"{limits[0]:.4f} to {limits[1]:.4f}"


def _score(out: Output, path: Path, *, unit: Literal["word", "character"], classes: bool) -> None:
    from sign_etl.app.score import score

    reply = score(path, unit=unit, classes=classes)
    out.data(reply.to_json(), schema=reply.command)
    out.text(f"{reply.texts:,} texts by {reply.unit}s, sacrebleu {reply.signature}")
    out.table(
        ("metric", "value"), [(name, f"{value:.2f}") for name, value in reply.metrics.items()]
    )

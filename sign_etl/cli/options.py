"""Arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sign_etl.cli.frame import complete_pipelines

PipelineName = Annotated[
    str,
    typer.Argument(
        metavar="NAME|FILE.yaml",
        help="A bundled pipeline, a data set, or a pipeline file.",
        autocompletion=complete_pipelines,
    ),
]
BuildFolder = Annotated[Path, typer.Argument(metavar="BUILD", help="The build folder.")]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, or a checkpoint in it.")
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="BUILD",
        help="A build, here or as s3://BUCKET/NAME or clearml://PROJECT/NAME, or tars after "
        "`sign-etl index`; may be repeated.",
    ),
]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="The build folder; default builds/NAME.")
]
Media = Annotated[
    Path | None, typer.Option("--media", help="Folder with the files, instead of downloading.")
]
Annotations = Annotated[Path | None, typer.Option("--annotations", help="The annotation file.")]
Runner = Annotated[
    Literal["local", "ray"],
    typer.Option("--runner", help="Processes of this machine, or a Ray cluster."),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray-address", help="A running cluster (`auto`); default one of its own."),
]
StoreUrl = Annotated[
    str | None, typer.Option("--store", help="Where finished work is kept; default the cache.")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Worker processes; default the CPUs.")
]

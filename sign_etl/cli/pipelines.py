"""`sign-etl pipelines`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Settings, Verbose, command, complete_pipelines, group
from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_checked

app = group("pipelines", "Pipelines: the choices of a build, to copy.")

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A bundled pipeline, a data set, or a YAML file.",
        autocompletion=complete_pipelines,
    ),
]


@command(app, "list", examples=("sign-etl pipelines list",))
def list_(as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = 0) -> None:
    """List the pipelines that come with sign-etl."""
    from sign_etl.app.pipelines import pipelines

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = pipelines()
    out.data(reply.to_json(), schema=reply.command)
    out.names(part.name for part in reply.pipelines)
    out.table(
        ("name", "data set", "poses", "description"),
        [
            (part.name, part.dataset, ", ".join(part.poses), part.description)
            for part in reply.pipelines
        ],
    )


@command(
    app,
    "show",
    examples=("sign-etl pipelines show wlasl100", "sign-etl pipelines show wlasl100 --resolved"),
)
def show(
    name: Name,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="With every default, and --set laid over it.")
    ] = False,
    settings: Settings = None,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Print a pipeline: its file, or all its settings."""
    from sign_etl.app.pipelines import find, load, show

    out = Output.of(as_json=as_json)
    if as_json:
        reply = show(name, settings or ())
        out.data(reply.to_json(), schema=reply.command)
    elif resolved or settings:
        import yaml

        values = load(name, settings or ()).model_dump(mode="json", by_alias=True)
        out.raw(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    else:
        load(name)
        out.raw(find(name).text)


@command(app, "copy", examples=("sign-etl pipelines copy wlasl100 mine.yaml",))
def copy(
    name: Name,
    out_path: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to; default NAME.yaml here.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Copy a pipeline's file, to be edited."""
    from sign_etl.app.pipelines import copy
    from sign_etl.schema.replies import PipelinesCopy

    out = Output.of(as_json=as_json, quiet=quiet)
    path = copy(name, out_path, force=force)
    out.data(PipelinesCopy(path=str(path)).to_json(), schema=PipelinesCopy.command)
    out.names([str(path)])
    out.text(f"Copied to {path}")
    out.note(f"Run it: sign-etl ingest {path}")


@command(app, "validate", examples=("sign-etl pipelines validate mine.yaml",))
def validate(
    names: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="YAML files, or bundled pipelines.")
    ],
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Check pipelines and tell all that is wrong (exit 2)."""
    from sign_etl.app.pipelines import check
    from sign_etl.schema.replies import PipelinesValidate

    out = Output.of(as_json=as_json)
    reply = PipelinesValidate(files=tuple(check(name) for name in names))
    out.data(reply.to_json(), schema=reply.command)
    tell_checked(out, reply.files, exit_code=2)

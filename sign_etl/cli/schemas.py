"""`sign-etl schemas`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_checked

app = group("schemas", "The published file formats.")


@command(app, "list", examples=("sign-etl schemas list",))
def list_(as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = 0) -> None:
    """List the published schemas."""
    from sign_etl.app.schemas import schemas

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = schemas()
    out.data(reply.to_json(), schema=reply.command)
    out.names(f"{part.name}-{part.version}" for part in reply.schemas)
    out.table(
        ("name", "version", "what it describes"),
        [(part.name, part.version, part.title) for part in reply.schemas],
    )


@command(
    app,
    "show",
    examples=("sign-etl schemas show pipeline", "sign-etl schemas show index | jq .columns"),
)
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `sign-etl schemas list`.")],
    verbose: Verbose = 0,
) -> None:
    """Print a schema (JSON)."""
    from sign_etl.app.schemas import schema_text

    Output().raw(schema_text(name))


@command(
    app,
    "validate",
    examples=("sign-etl schemas validate builds/wlasl100/manifest.json",),
)
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", help="Pipelines, JSON records and Parquet tables of builds."
        ),
    ],
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Hold files against the schemas that they name (exit 1 where they differ)."""
    from sign_etl.app.schemas import check_file
    from sign_etl.schema.replies import SchemasValidate

    out = Output.of(as_json=as_json)
    reply = SchemasValidate(files=tuple(check_file(path) for path in files))
    out.data(reply.to_json(), schema=reply.command)
    tell_checked(out, reply.files, exit_code=1)

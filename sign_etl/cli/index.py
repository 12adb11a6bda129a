"""`sign-etl index`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output, count_text

app = group("index", "Index foreign tars.")

SHOWN = 20


@command(
    app,
    "index",
    examples=("sign-etl index data/shards", "sign-etl index data/shards --dots last --checksums"),
)
def index(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder with the tars.")],
    dots: Annotated[
        Literal["auto", "first", "last"],
        typer.Option("--dots", help="Keys end at the first dot (as in WebDataset) or the last."),
    ] = "auto",
    checksums: Annotated[
        bool,
        typer.Option("--checksums", help="Read all data, so that training notices damage."),
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Index WebDataset tars of others, so that they can be trained on.

    Writes sign-etl-index.parquet into the folder. Exit code 1 where data is lost: a tar that breaks
    off, two members of one name.
    """
    from sign_etl.app.index import index, lost
    from sign_etl.schema.index_reply import Index, IndexProblemPart

    out = Output.of(as_json=as_json, quiet=quiet)
    found = index(folder, dots=dots, checksums=checksums)
    reply = Index(
        index=str(found.sidecar),
        samples=found.samples,
        shards=found.shards,
        classes=found.labels,
        members=dict(found.members),
        problems=tuple(
            IndexProblemPart(shard=each.shard, key=each.key, problem=each.problem, ext=each.ext)
            for each in found.problems
        ),
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.index])
    out.facts(
        {
            name: getattr(reply, name)
            for name in ("index", "samples", "shards", "classes", "members")
        }
    )
    for problem in found.problems[:SHOWN]:
        member = f".{problem.ext}" if problem.ext else ""
        out.warn(f"{problem.shard}: {problem.key}{member}: {problem.problem}")
    if len(found.problems) > SHOWN:
        out.note(f"and {count_text(len(found.problems) - SHOWN, 'problem')} more, see --json")
    if lost(found):
        raise typer.Exit(1)

"""`sign-etl datasets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output, size_text

CONTRACT = "tests/contract/test_recipes.py"

app = group("datasets", "Data sets: where they are and what they allow.")


@command(
    app,
    "list",
    examples=("sign-etl datasets list", "sign-etl datasets list --language ase --task isolated"),
)
def list_(
    language: Annotated[
        str | None, typer.Option(help="Only this sign language (ISO 639-3, such as ase).")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Only isolated, continuous, translation, fingerspelling.")
    ] = None,
    access: Annotated[
        str | None, typer.Option(help="Only direct, links, form, login, local or none.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="Only licences whose name holds this, such as CC-BY.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """List the data sets that sign-etl knows."""
    from sign_etl.app.datasets import datasets

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = datasets(language=language, task=task, access=access, licence=licence)
    out.data(reply.to_json(), schema=reply.command)
    out.names(part.name for part in reply.datasets)
    if not reply.datasets:
        out.note("no data set matches")
        return
    out.table(
        ("name", "title", "language", "task", "clips", "access", "licence", "layout"),
        [
            (
                part.name,
                part.title,
                part.language,
                part.task,
                None if part.clips is None else f"{part.clips:,}",
                part.access,
                part.licence,
                "experimental" if part.layout_evidence == "memory" else part.layout_evidence,
            )
            for part in reply.datasets
        ],
    )


@command(app, "info", examples=("sign-etl datasets info wlasl",))
def info(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name of `sign-etl datasets list`.")
    ],
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Tell everything about one data set: licence, access, options, pipelines."""
    from sign_etl.app.datasets import dataset_info

    out = Output.of(as_json=as_json)
    reply = dataset_info(name)
    out.data(reply.to_json(), schema=reply.command)
    card = reply.dataset
    out.text(f"{card.title} ({card.name}, {reply.version})")
    out.facts(
        {
            "homepage": reply.homepage,
            "language": card.language,
            "task": card.task,
            "licence": card.licence,
            "access": card.access,
            "how to": reply.how_to or None,
            "terms": reply.terms or None,
            "clips": card.clips,
            "signers": card.signers,
            "download": None if card.download_bytes is None else size_text(card.download_bytes),
            "layout known from": card.layout_evidence,
            "citation": reply.citation,
            "pipelines": reply.pipelines,
        }
    )
    for note in reply.notes:
        out.text(f"* {note}")
    if reply.options:
        out.text("\nOptions, under `dataset:` in a pipeline or as --set dataset.NAME=VALUE:")
        out.table(
            ("option", "type", "default", "meaning"),
            [(one.name, one.type, one.default, one.help) for one in reply.options],
        )


@command(
    app,
    "new",
    examples=(
        "sign-etl datasets new my-words",
        "sign-etl datasets new my-words --title 'My Words: a first data set'",
    ),
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, such as my-words.")],
    title: Annotated[str | None, typer.Option(help="Its full name.")] = None,
    checkout: Annotated[
        Path | None, typer.Option(help="The checkout of sign-etl; default this folder.")
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Begin a new data set in a checkout: recipe, pipeline, test.

    They work as they are, on a fixture of their own; CONTRIBUTING.md says what to change.
    """
    from sign_etl.app.new_dataset import new_dataset

    out = Output.of(as_json=as_json)
    reply = new_dataset(name, checkout or Path.cwd(), title=title)
    out.data(reply.to_json(), schema=reply.command)
    out.text(f"Wrote {', '.join(reply.written)}")
    out.text(f"Added a line to {', '.join(reply.changed)}")
    out.text(f"Change {reply.written[0]}, and try it:")
    out.text(f"  python -m pytest {CONTRACT} -k {name}")
    out.text(f"  python -m pytest {reply.written[-1]}")
    out.text("  make docs    (the table of the README)")

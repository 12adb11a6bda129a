"""`sign-etl doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Settings, Verbose, command, complete_pipelines, group
from sign_etl.cli.output import Output

app = group("doctor", "Check this machine.")

_MARKS = {"ok": "ok", "absent": "-", "bad": "BAD"}


@command(
    app,
    "doctor",
    examples=("sign-etl doctor", "sign-etl doctor --pipeline wlasl100 --out /data/wlasl100"),
)
def doctor(
    store: Annotated[
        str | None, typer.Option("--store", help="The store to check; default the cache.")
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            "--pipeline",
            metavar="NAME|FILE.yaml",
            help="Check too whether this build can run here.",
            autocompletion=complete_pipelines,
        ),
    ] = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="Its folder; default builds/NAME.")
    ] = None,
    media: Annotated[
        Path | None, typer.Option("--media", help="Folder with its files, where you have them.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option("--annotations", help="Its annotation file.")
    ] = None,
    settings: Settings = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Check this machine: packages, libraries, weights, disk.

    Exit code 1 where something is bad; what is merely absent is optional.
    """
    from sign_etl.app.doctor import doctor
    from sign_etl.app.prepare import IngestRequest

    out = Output.of(as_json=as_json, quiet=quiet)
    request = (
        IngestRequest(
            pipeline,
            out_path,
            media=media,
            annotations=annotations,
            store=store,
            settings=tuple(settings or ()),
        )
        if pipeline
        else None
    )
    reply = doctor(store, request)
    out.data(reply.to_json(), schema=reply.command)
    out.table(
        ("", "what", "", "found"),
        [(_MARKS[part.state], part.group, part.name, part.detail) for part in reply.checks],
    )
    extra = None
    for part in reply.checks:
        if not part.hint or as_json:
            continue
        if part.state == "absent" and part.group == "extras":
            extra = extra or part
        elif part.state == "absent":
            out.note(f"{part.group} {part.name}: {part.hint}")
        else:
            out.error(f"{part.group} {part.name}: {part.hint}")
    if extra is not None:
        out.note(f"Extras can be added at any time, as in: {extra.hint}")
    if not reply.healthy:
        raise typer.Exit(1)
    out.text("This machine is ready; what is marked - is optional")

"""`sign-etl export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output, count_text, size_text
from sign_etl.core.errors import UsageError

app = group("export", "Write builds in other formats.")


def complete_formats(incomplete: str) -> list[str]:
    """Names that the argument FORMAT may complete to."""
    from sign_etl.export.base import EXPORTERS

    return [name for name in EXPORTERS.names() if name.startswith(incomplete)]


@command(
    app,
    "export",
    examples=(
        "sign-etl export --list",
        "sign-etl export builds/wlasl100 spoter --out wlasl100-spoter",
        "sign-etl export builds/wlasl100 unisign --out wlasl100-unisign --backend rtmpose",
        "sign-etl export builds/mine videomae --out lists --with-video",
    ),
)
def export(
    build: Annotated[Path | None, typer.Argument(metavar="BUILD", help="The build folder.")] = None,
    format: Annotated[
        str | None,
        typer.Argument(
            metavar="FORMAT", help="One that --list names.", autocompletion=complete_formats
        ),
    ] = None,
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="The folder to create.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", help="Keypoints of this one; default what fits best."),
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", help="Only this split; may be repeated.")
    ] = None,
    with_video: Annotated[
        bool,
        typer.Option(
            "--with-video",
            help="Write videos too, even where the licence does not let them be passed on.",
        ),
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the formats.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Write a build in the format of another system.

    Keypoints always go; videos only where the licence of the data set lets them be passed on, or
    with --with-video. Keypoints are converted where a format wants another layout.
    """
    out = Output.of(as_json=as_json, quiet=quiet)
    if listed:
        _list(out)
        return
    if build is None or format is None or out_path is None:
        lacking = "BUILD" if build is None else "FORMAT" if format is None else "--out"
        raise UsageError(
            f"missing {lacking}", hint="`sign-etl export BUILD FORMAT --out DIR`, or --list"
        )
    from sign_etl.app.export import export as run_export

    reply = run_export(
        build,
        format,
        out_path,
        backend=backend,
        splits=tuple(split or ()),
        with_video=with_video,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.out])
    out.text(
        f"Exported {count_text(reply.clips, 'clip')} as {reply.format} to {reply.out}: "
        f"{count_text(reply.files, 'file')}, {size_text(reply.size_bytes)}"
    )
    if reply.skipped:
        out.warn(f"{count_text(reply.skipped, 'clip')} had nothing that the format can say")
    for note in reply.notes:
        out.warn(note)
    out.note(f"Licence: {reply.licence}. {Path(reply.out, 'README.md')} says how to read it")


def _list(out: Output) -> None:
    from sign_etl.app.export import export_formats

    reply = export_formats()
    out.data(reply.to_json(), schema=reply.command)
    out.names(one.name for one in reply.formats)
    out.table(
        ("format", "what it is", "keypoints", "videos"),
        [
            (one.name, one.title, (one.layout or "as built") if one.poses else "", one.video)
            for one in reply.formats
        ],
    )

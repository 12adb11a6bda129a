"""`sign-etl show`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output, wants_colour
from sign_etl.core.errors import UsageError

app = group("show", "Look at clips.")


@command(
    app,
    "show",
    examples=(
        "sign-etl show builds/wlasl100",
        "sign-etl show builds/wlasl100 --key wlasl-book-0123456789ab --frames 16 --out book.png",
        "sign-etl show builds/wlasl100 --key wlasl-book-0123456789ab --out book.mp4",
        "sign-etl show builds/wlasl100/train/wlasl100-train-000000.tar --timeline --out line.png",
        "sign-etl show builds/wlasl100 --terminal",
        "sign-etl show runs/spoter --out curves.png",
    ),
)
def show(
    build: Annotated[
        Path,
        typer.Argument(
            metavar="BUILD|SHARD|RUN", help="A build folder, a tar in it, or a training run."
        ),
    ],
    out_path: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The PNG; default named after what it shows; .mp4 or .gif: a film of a clip.",
        ),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Only this clip.")] = None,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Draw the scores of one clip over its frames.")
    ] = False,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Show clips here, in characters.")
    ] = False,
    clips: Annotated[int, typer.Option("--clips", min=1, max=200, help="So many clips.")] = 6,
    frames: Annotated[
        int | None,
        typer.Option("--frames", min=1, max=100, help="So many frames of each; default 6 or 12."),
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option("--backend", help="Draw this pose backend; may be repeated; default all."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Draw clips with their keypoints: a picture, a film, or here.

    Of a training run, the curves of what it measured.
    The path of what was written is printed.
    """
    from sign_etl.app.show import show
    from sign_etl.app.show_run import is_run, show_run
    from sign_etl.schema.build_replies import Show

    out = Output.of(as_json=as_json, quiet=quiet)
    path = out_path or Path.cwd()
    if is_run(build):
        if terminal or timeline or key is not None:
            raise UsageError(
                "a run has no clips: its curves are drawn",
                hint="leave --terminal, --timeline and --key out",
            )
        picture = show_run(build, path)
    elif terminal:
        _show_here(out, build, key, clips, tuple(backend or ()))
        return
    else:
        picture = show(
            build,
            out=path,
            key=key,
            clips=clips,
            frames=frames,
            backends=tuple(backend or ()),
            timeline=timeline,
        )
    out.data(Show(picture=str(picture)).to_json(), schema=Show.command)
    out.names([str(picture)])
    out.text(str(picture))


def _show_here(
    out: Output, build: Path, key: str | None, clips: int, backends: tuple[str, ...]
) -> None:
    """Print clips as characters; texts are cleaned, colours are ours."""
    from sign_etl.app.show import show_lines

    if out.mode != "human":
        raise UsageError("--terminal is for people", hint="leave --json and --quiet out")
    lines = show_lines(
        build,
        columns=max(shutil.get_terminal_size((100, 24)).columns - 1, 20),
        key=key,
        clips=clips,
        backends=backends,
        colour=wants_colour(sys.stdout),
    )
    for line, ours in lines:
        if ours:
            out.raw(line)
        else:
            out.text(line)

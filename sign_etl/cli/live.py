"""`sign-etl live`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output

if TYPE_CHECKING:
    from sign_etl.schema.live_reply import SignPart

app = group("live", "Name signs in a video.")


@command(
    app,
    "live",
    examples=(
        "sign-etl live runs/slovo-mvitv2_32_2 --input clip.mp4 --out annotated.mp4",
        "sign-etl live mvit32-2.onnx --labels classes.tsv --input 0 --show",
    ),
)
def live(
    what: Annotated[
        Path, typer.Argument(metavar="RUN|FILE.onnx", help="A run on pictures, or an ONNX file.")
    ],
    input: Annotated[
        str, typer.Option("--input", help="A video file, or the number of a webcam.")
    ] = "0",
    out_path: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the video with the signs in it.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", help="Class names, where a file does not tell them: id TAB label, or JSON."
        ),
    ] = None,
    threshold: Annotated[
        float, typer.Option("--threshold", min=0, max=1, help="Least probability of a sign.")
    ] = 0.5,
    hop: Annotated[
        int,
        typer.Option("--hop", min=0, help="Pictures between two looks; 0: a quarter of a window."),
    ] = 0,
    every: Annotated[
        int,
        typer.Option("--every", min=0, help="Look at one of so many frames; 0: as the model says."),
    ] = 0,
    fps: Annotated[
        float,
        typer.Option(
            "--fps", min=0, max=240, help="Frame rate that the model learned with; 0: as it says."
        ),
    ] = 0.0,
    frames: Annotated[
        int, typer.Option("--frames", min=0, help="Of a window, where a file leaves them free.")
    ] = 0,
    resize: Annotated[
        Literal["letterbox", "stretch", "short-side"] | None,
        typer.Option("--resize", help="For files that do not tell their preprocessing."),
    ] = None,
    normalise: Annotated[
        Literal["imagenet", "clip", "half", "none"] | None,
        typer.Option("--normalise", help="For files that do not tell their preprocessing."),
    ] = None,
    no_event: Annotated[
        list[str] | None,
        typer.Option("--no-event", metavar="LABEL", help="Never told; may be repeated."),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=0, help="Stop after so many; 0: at the end, or at Ctrl-C."),
    ] = 0.0,
    show: Annotated[bool, typer.Option("--show", help="Open a window.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Name signs in a video or before a webcam.

    A window slides over the video, at the frame rate that the model has learned with. A sign is
    told when it is probable enough; classes that mean "no sign" (---, no_event) are not told. Of
    published files the name tells how many frames apart pictures are (mvit32-2.onnx).
    """
    from sign_etl.app.live import LiveRequest
    from sign_etl.app.live import live as run_live

    out = Output.of(as_json=as_json, quiet=quiet)

    def tell(sign: SignPart) -> None:
        out.text(f"{sign.start_s:8.2f} s  {sign.label}  {sign.probability:.0%}")

    request = LiveRequest(
        what=what,
        input=input,
        out=out_path,
        labels=labels,
        threshold=threshold,
        hop=hop,
        every=every,
        fps=fps,
        frames=frames,
        resize=resize,
        normalise=normalise,
        no_event=tuple(no_event or ()),
        seconds=seconds,
        show=show,
    )
    reply = run_live(request, tell)
    out.data(reply.to_json(), schema=reply.command)
    if reply.file is not None:
        out.names([reply.file])
    if not reply.signs:
        out.note(f"No sign reached {threshold:.0%} in {reply.looks} windows.")

"""`sign-etl export-model`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.options import RunFolder
from sign_etl.cli.output import Output

app = group("export-model", "Export a model.")


@command(
    app,
    "export-model",
    examples=(
        "sign-etl export-model runs/spoter-fosshack --format onnx --out spoter.onnx",
        "sign-etl export-model runs/spoter_embeddings-fosshack --format web --out page"
        " --data builds/fosshack --runtime node_modules/onnxruntime-web",
    ),
)
def export_model(
    run: RunFolder,
    format: Annotated[
        Literal["onnx", "torchscript", "web"],
        typer.Option("--format", help="A file, or a folder with a page for browsers."),
    ],
    out_path: Annotated[Path, typer.Option("--out", "-o", help="The file or folder to write.")],
    input: Annotated[
        Literal["clip", "batch", "keypoints", "views"] | None,
        typer.Option(
            "--input",
            help="What goes in: normalised points of a clip, those of several with a mask, or the"
            " keypoints of a pose backend. Default clip; on the web keypoints where that can be.",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option("--layout", help="Of the keypoints that go in; default those of the build."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", metavar="BUILD", help="On the web: for gallery and example; may be repeated."
        ),
    ] = None,
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", help="On the web: vectors instead of those of the build."),
    ] = None,
    runtime: Annotated[
        Path | None,
        typer.Option(
            "--runtime", help="On the web: folder of the npm package onnxruntime-web, to copy from."
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Export a model as ONNX, as TorchScript or as a web page.

    The file takes clips of any length. It is held against the model on clips of several lengths
    before it is written.
    """
    from sign_etl.app.export_model import ExportRequest
    from sign_etl.app.export_model import export_model as run_export

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = run_export(
        ExportRequest(run, format, out_path, input, layout, tuple(data or ()), gallery, runtime)
    )
    model = reply.model
    out.data(reply.to_json(), schema=reply.command)
    out.names(reply.files)
    out.text(f"Exported: {out_path}")
    out.facts(
        {
            "input": model.input,
            "layout": model.layout,
            "channels": model.channels,
            "gives": model.gives,
            "preprocessing inside": model.preprocessing_in_graph,
            "differs from torch by": f"{model.parity.max_abs:.1e}",
            "licence of the data": model.licences,
        }
    )
    if reply.runtime is False:
        out.warn("the page lacks its runtime: npm pack onnxruntime-web, and see what the page says")
    if format == "web":
        out.note(f"See it: python -m http.server --directory {out_path}")

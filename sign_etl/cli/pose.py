"""`sign-etl pose`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, complete_backends, group
from sign_etl.cli.output import Output, size_text

if TYPE_CHECKING:
    from sign_etl.schema.bench_reply import PoseBench

app = group("pose", "Pose backends and their weights.")

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="A name of `sign-etl pose list`.",
        autocompletion=complete_backends,
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="An option of the backend; may be repeated."),
]


@command(app, "list", examples=("sign-etl pose list",))
def list_(as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = 0) -> None:
    """List the pose backends."""
    from sign_etl.app.pose import backends

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = backends()
    out.data(reply.to_json(), schema=reply.command)
    out.names(part.name for part in reply.backends)
    out.table(
        ("name", "title", "layout", "installed", "weights"),
        [
            (part.name, part.title, part.layout, "yes" if part.installed else "no", part.weights)
            for part in reply.backends
        ],
    )
    for part in reply.backends:
        if not part.installed:
            out.note(f"{part.name} needs its extra: pip install 'sign-etl[{part.extra}]'")
        elif part.weights in ("missing", "damaged"):
            out.note(f"{part.name} needs its weights: sign-etl pose fetch {part.name}")


@command(app, "info", examples=("sign-etl pose info blazepose",))
def info(
    name: Name, options: Options = None, as_json: AsJson = False, verbose: Verbose = 0
) -> None:
    """Tell everything about one backend: layout, options, weights and their licences."""
    from sign_etl.app.pose import backend_info

    out = Output.of(as_json=as_json)
    reply = backend_info(name, options or ())
    out.data(reply.to_json(), schema=reply.command)
    backend = reply.backend
    out.text(f"{backend.title} ({backend.name}, {reply.version})")
    out.facts(
        {
            "layout": f"{backend.layout}: {len(reply.points)} points, {reply.channels} channels",
            "extra": backend.extra,
            "installed": backend.installed,
            "weights": backend.weights,
            "folder": reply.folder,
            "runs on": ", ".join(reply.providers) or None,
        }
    )
    for part in reply.weights:
        out.text("")
        out.facts(
            {
                "file": part.name,
                "size": None if part.size_bytes is None else size_text(part.size_bytes),
                "state": part.state,
                "licence": part.licence,
                "sha256": part.sha256 or "taken at the first fetch, and held to ever after",
                "origin": part.origin,
            }
        )
    if reply.options:
        out.text(f"\nOptions of `{name}`, in a pipeline or as --set pose.{name}.OPTION=VALUE:")
        out.table(
            ("option", "type", "default", "meaning"),
            [(one.name, one.type, one.default, one.help) for one in reply.options],
        )


@command(app, "fetch", examples=("sign-etl pose fetch blazepose",))
def fetch(
    name: Name,
    options: Options = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Bring the weights of a backend, checked against their sha256."""
    from sign_etl.app.pose import fetch_weights

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = fetch_weights(name, options or ())
    out.data(reply.to_json(), schema=reply.command)
    out.names(part.name for part in reply.weights)
    for part in reply.weights:
        size, sha256 = size_text(part.size_bytes or 0), (part.sha256 or "")[:12]
        out.text(f"{part.name}  {size}  {part.licence}  {sha256}")
    out.text(
        f"The weights of {name} are in {reply.folder}" if reply.weights else "Nothing to fetch"
    )


@command(
    app,
    "bench",
    examples=(
        "sign-etl pose bench blazepose --media DIR",
        "sign-etl pose bench rtmpose --media DIR --clips 50 --set mode=lightweight",
    ),
)
def bench(
    name: Name,
    media: Annotated[Path, typer.Option("--media", metavar="DIR", help="A folder with videos.")],
    clips: Annotated[int, typer.Option("--clips", min=1, help="How many of them.")] = 20,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Workers; default: one a core.")
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Clips that a worker takes at a time.")
    ] = 1,
    roofline: Annotated[
        bool, typer.Option("--roofline/--no-roofline", help="Measure the nets alone as well.")
    ] = True,
    options: Options = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Measure a backend here: frames/s by stage, share of the roofline, what limits."""
    from sign_etl.app.bench import bench as measure

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = measure(
        name,
        media,
        settings=options or (),
        clips=clips,
        jobs=jobs,
        batch=batch,
        roofline=roofline,
        tell=out.note,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([f"{reply.frames_per_s:.2f}"])
    _show_bench(out, reply)


def _show_bench(out: Output, reply: PoseBench) -> None:
    said = ", ".join(reply.facts.values())
    out.text(f"{reply.backend} ({reply.version}){f', {said}' if said else ''}")
    out.text(
        f"{reply.clips} clips, {reply.frames:,} frames of up to {reply.width} x {reply.height}; "
        f"{reply.jobs} workers on {reply.cores} cores"
    )
    if reply.refused:
        out.warn(f"{reply.refused} files were refused by normalise")
    out.text(f"\n{reply.frames_per_s:.1f} frames/s\n")
    out.table(
        ("stage", "ms/frame", "share", "frames/s alone"),
        [
            (
                f"{stage.name} (ahead)" if stage.ahead else stage.name,
                f"{1000 * stage.seconds / reply.frames:.2f}",
                f"{stage.share:.1%}",
                f"{stage.frames_per_s:,.0f}" if stage.frames_per_s else "",
            )
            for stage in reply.stages
        ],
    )
    top = reply.roofline
    if top is not None:
        out.text("")
        what = "the nets alone" if top.nets else "the landmarkers alone, as they ran"
        out.text(f"Roofline: {top.frames_per_s:.1f} frames/s ({what}); reached: {top.share:.0%}")
    if top is not None and top.nets:
        out.table(
            ("net", "input", "images/s", "at best with", "images/frame"),
            [
                (
                    net.name,
                    f"{net.height} x {net.width}",
                    f"{net.images_per_s:.1f}",
                    f"{net.processes} x {net.threads} threads, batch {net.batch}",
                    f"{net.images_per_frame:.2f}",
                )
                for net in top.nets
            ],
        )
    out.text(f"\nLimited by {reply.limit}")

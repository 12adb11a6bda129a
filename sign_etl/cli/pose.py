"""`sign-etl pose`."""

from __future__ import annotations

from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, complete_backends, group
from sign_etl.cli.output import Output, size_text

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
        }
    )
    if reply.weights:
        out.text("")
        out.table(
            ("file", "size", "state", "licence", "origin"),
            [
                (part.name, size_text(part.size_bytes), part.state, part.licence, part.origin)
                for part in reply.weights
            ],
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
        out.text(f"{part.name}  {size_text(part.size_bytes)}  {part.licence}  {part.sha256[:12]}")
    out.text(
        f"The weights of {name} are in {reply.folder}" if reply.weights else "Nothing to fetch"
    )

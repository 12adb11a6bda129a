"""`sign-etl features`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, complete_features, group
from sign_etl.cli.output import Output, size_text

if TYPE_CHECKING:
    from sign_etl.schema.feature_replies import FeatureBackendPart

app = group("features", "Frozen networks whose features go into the shards.")


@command(app, "list", examples=("sign-etl features list",))
def list_(as_json: AsJson = False, quiet: Quiet = False, verbose: Verbose = 0) -> None:
    """List the feature backends."""
    from sign_etl.app.features import feature_backends

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = feature_backends()
    out.data(reply.to_json(), schema=reply.command)
    out.names(part.name for part in reply.backends)
    out.table(
        ("name", "title", "installed", "needs"),
        [
            (part.name, part.title, "yes" if part.installed else "no", ", ".join(part.needs) or "-")
            for part in reply.backends
        ],
    )
    for part in reply.backends:
        _tell_missing(out, part)


@command(
    app,
    "info",
    examples=(
        "sign-etl features info clip",
        "sign-etl features info clip --set model=clip-vit-base-patch16 --set tokens=cls",
    ),
)
def info(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A name of `sign-etl features list`.",
            autocompletion=complete_features,
        ),
    ],
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="An option of the backend; may be repeated."
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Tell everything about one backend: options, numbers a frame, the files of a model.

    With --set model=DIR it looks at the model in that folder.
    """
    from sign_etl.app.features import feature_info

    out = Output.of(as_json=as_json)
    reply = feature_info(name, options or ())
    out.data(reply.to_json(), schema=reply.command)
    backend = reply.backend
    looked = bool(options) or not backend.needs
    out.text(f"{backend.title} ({backend.name}, {backend.version})")
    out.facts(
        {
            "numbers a frame": f"{reply.size:,}"
            if reply.size
            else "only the network itself tells"
            if looked
            else None,
            "extra": backend.extra,
            "installed": backend.installed,
        }
    )
    for file in reply.files:
        out.text("")
        out.facts(
            {
                "file": file.name,
                "size": None if file.size_bytes is None else size_text(file.size_bytes),
                "licence": file.licence,
                "sha256": file.sha256,
                "origin": file.origin,
                "folder": file.folder,
            }
        )
    if reply.options:
        out.text(f"\nOptions of `{name}`, in a pipeline under `features:` or as --set:")
        out.table(
            ("option", "type", "default", "meaning"),
            [
                (one.name, one.type, "(needed)" if one.required else one.default, one.help)
                for one in reply.options
            ],
        )
    _tell_missing(out, backend)
    if not looked:
        given = " ".join(f"--set {option}=..." for option in backend.needs)
        out.note(f"more with {given} (sign-etl help features)")


def _tell_missing(out: Output, part: FeatureBackendPart) -> None:
    if not part.installed:
        out.note(f"{part.name} needs its extra: pip install 'sign-etl[{part.extra}]'")

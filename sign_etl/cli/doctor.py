"""`sign-etl doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output

app = group("doctor", "Check this machine.")

_MARKS = {"ok": "ok", "absent": "-", "bad": "BAD"}


@command(app, "doctor", examples=("sign-etl doctor", "sign-etl doctor --json"))
def doctor(
    store: Annotated[
        str | None, typer.Option("--store", help="The store to check; default the cache.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Check this machine: packages, libraries, weights, disk.

    Exit code 1 where something is bad; what is merely absent is optional.
    """
    from sign_etl.app.doctor import doctor

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = doctor(store)
    out.data(reply.to_json(), schema=reply.command)
    out.table(
        ("", "what", "", "found"),
        [(_MARKS[part.state], part.group, part.name, part.detail) for part in reply.checks],
    )
    for part in reply.checks:
        if part.hint and not as_json:
            (out.note if part.state == "absent" else out.error)(
                f"{part.group} {part.name}: {part.hint}"
            )
    if not reply.healthy:
        raise typer.Exit(1)

"""`sign-etl push`."""

from __future__ import annotations

from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.options import BuildFolder
from sign_etl.cli.output import Output, count_text, size_text

app = group("push", "Put a build onto object storage.")


@command(
    app,
    "push",
    examples=("sign-etl push builds/wlasl100 s3://signs/wlasl100",),
)
def push(
    build: BuildFolder,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Folder on the storage, such as s3://bucket/name.")
    ],
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Put a build onto object storage, or bring the one there up to date.

    Its manifest goes last, so nobody reads half of it. The same command again goes on.
    """
    from sign_etl.app.push import push
    from sign_etl.schema.build_replies import Push

    out = Output.of(as_json=as_json, quiet=quiet)
    done = push(build, url, tell=out.note if not quiet and not as_json else None)
    reply = Push(
        url=done.url,
        sent=done.sent,
        kept=done.kept,
        removed=done.removed,
        size_bytes=done.size_bytes,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.url])
    out.text(
        f"{reply.url}: {count_text(reply.sent, 'file')} sent ({size_text(reply.size_bytes)}), "
        f"{reply.kept} there already"
    )

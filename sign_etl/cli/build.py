"""`sign-etl ingest`, `plan` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Settings, Verbose, command, group
from sign_etl.cli.lock import Locked, LockFile
from sign_etl.cli.options import (
    Annotations,
    Jobs,
    Media,
    Out,
    PipelineName,
    RayAddress,
    Runner,
    StoreUrl,
)
from sign_etl.cli.output import Output
from sign_etl.cli.progress import ProgressDisplay
from sign_etl.cli.reports import tell_built, tell_ended, tell_plan
from sign_etl.core.errors import UsageError

if TYPE_CHECKING:
    from sign_etl.app.prepare import IngestRequest

app = group("build", "Build data sets.")

MediaKind = Annotated[
    Literal["raw", "trimmed"] | None,
    typer.Option("--media-kind", help="Whether --media holds whole videos or clips cut already."),
]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Only the first so many clips of the plan.")
]
Split = Annotated[
    list[str] | None, typer.Option("--split", help="Only this split; may be repeated.")
]
Shards = Annotated[
    str | None,
    typer.Option(
        "--shards",
        metavar="A-B",
        help="Only the shards with these numbers, from 0, beside other such runs; a run without "
        "it publishes.",
    ),
]
Update = Annotated[
    bool, typer.Option("--update", help="Let another pipeline change the build that is there.")
]
AllowPrivate = Annotated[
    bool,
    typer.Option("--allow-private-hosts", help="Accept every private and loopback address."),
]
AllowPrivateHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-private-host",
        metavar="HOST",
        help="Accept this one (name, address or network); may be repeated.",
    ),
]
AcceptLicence = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-licence",
        metavar="NAME",
        help="You have read the terms of this data set and accept them.",
    ),
]


@command(
    app,
    "ingest",
    examples=(
        "sign-etl ingest wlasl100 --limit 20",
        "sign-etl ingest folder --media clips --annotations clips.csv --out builds/mine",
        "sign-etl ingest mine.yaml --runner ray --ray-address auto",
        "sign-etl ingest wlasl100 --locked --lock theirs.lock",
    ),
)
def ingest(
    name: PipelineName,
    out_path: Out = None,
    media: Media = None,
    annotations: Annotations = None,
    media_kind: MediaKind = None,
    limit: Limit = None,
    split: Split = None,
    shards: Shards = None,
    runner: Runner = "local",
    ray_address: RayAddress = None,
    store: StoreUrl = None,
    update: Update = False,
    locked: Locked = False,
    lock: LockFile = None,
    plan_only: Annotated[
        bool, typer.Option("--plan", help="Show what would be built, and build nothing.")
    ] = False,
    settings: Settings = None,
    jobs: Jobs = None,
    allow_private_hosts: AllowPrivate = False,
    allow_private_host: AllowPrivateHost = None,
    accept_licence: AcceptLicence = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Build verified shards from a data set or a pipeline file.

    The same command again finishes what is missing and repeats nothing that is done.
    """
    from sign_etl.app.ingest import ingest
    from sign_etl.app.prepare import IngestRequest
    from sign_etl.schema.build_replies import Ingest

    out = Output.of(as_json=as_json, quiet=quiet)
    request = IngestRequest(
        pipeline=name,
        out=out_path,
        media=media,
        annotations=annotations,
        media_kind=media_kind,
        limit=limit,
        splits=tuple(split or ()),
        runner=runner,
        ray_address=ray_address,
        store=store,
        update=update,
        settings=tuple(settings or ()),
        jobs=jobs,
        allow_private_hosts=allow_private_hosts or tuple(allow_private_host or ()),
        accept_licence=tuple(accept_licence or ()),
        shards=_span(shards),
        locked=locked,
        lock=lock,
    )
    if plan_only:
        _tell_plan(out, request)
        return
    with ProgressDisplay(out) as progress:
        result = ingest(request, progress=progress)
    reply = Ingest.of(
        result,
        exit_code=result.exit_code,
        problems=result.problems,
        published=result.published,
        notes=result.notes,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.build])
    tell_built(out, reply)
    tell_ended(out, reply)


@command(
    app,
    "plan",
    examples=("sign-etl plan wlasl100", "sign-etl plan folder --media clips --limit 100 --json"),
)
def plan(
    name: PipelineName,
    out_path: Out = None,
    media: Media = None,
    annotations: Annotations = None,
    media_kind: MediaKind = None,
    limit: Limit = None,
    split: Split = None,
    store: StoreUrl = None,
    settings: Settings = None,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Show what a build would hold, before anything runs."""
    from sign_etl.app.prepare import IngestRequest

    request = IngestRequest(
        pipeline=name,
        out=out_path,
        media=media,
        annotations=annotations,
        media_kind=media_kind,
        limit=limit,
        splits=tuple(split or ()),
        store=store,
        settings=tuple(settings or ()),
    )
    _tell_plan(Output.of(as_json=as_json), request)


@command(app, "demo", examples=("sign-etl demo", "sign-etl demo --out /tmp/demo-build"))
def demo(
    out_path: Annotated[Path, typer.Option("--out", "-o", help="The build folder.")] = Path(
        "demo-build"
    ),
    store: StoreUrl = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Build a small rendered data set: no network, no GPU, a minute.

    Two of its clips are broken on purpose, to show how rejects look.
    """
    from sign_etl.app.demo import demo
    from sign_etl.schema.build_replies import Demo

    out = Output.of(as_json=as_json, quiet=quiet)
    with ProgressDisplay(out) as progress:
        result = demo(out_path, store=store, jobs=jobs, progress=progress)
    reply = Demo.of(
        result,
        sheet=str(result.sheet),
        backend=result.backend,
        error_px=None if result.error_px is None else dict(result.error_px),
        note=result.note,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.build])
    tell_built(out, reply)
    if reply.error_px is not None:
        errors = ", ".join(f"{part} {error:.1f} px" for part, error in reply.error_px.items())
        out.text(f"Median error of {reply.backend} against the true joints: {errors}")
    out.text(f"A picture of some: {reply.sheet}")
    if reply.note:
        out.warn(reply.note)


def _span(shards: str | None) -> tuple[int, int] | None:
    """`A-B`, or `A` for one shard."""
    if shards is None:
        return None
    first, _, last = shards.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise UsageError(f"--shards {shards} is no span of shards", hint="as in --shards 0-15")
    return int(first), int(last or first)


def _tell_plan(out: Output, request: IngestRequest) -> None:
    from sign_etl.app.plan import plan
    from sign_etl.schema.build_replies import Plan

    reply = Plan.model_validate(plan(request).to_json())
    out.data(reply.to_json(), schema=reply.command)
    tell_plan(out, reply)

"""`sign-etl status`, `verify`, `show` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.output import Output, count_text
from sign_etl.cli.reports import tell_problems
from sign_etl.core.errors import UsageError

app = group("look", "Look at builds.")

Build = Annotated[Path, typer.Argument(metavar="BUILD", help="The build folder.")]


@command(app, "status", examples=("sign-etl status builds/wlasl100",))
def status(build: Build, as_json: AsJson = False, verbose: Verbose = 0) -> None:
    """Tell how far a build is.

    Read from its files alone, whether a run is at work or not.
    """
    from sign_etl.app.status import status
    from sign_etl.schema.build_replies import Status

    out = Output.of(as_json=as_json)
    facts = status(build)
    out.data(Status.model_validate(facts).to_json(), schema=Status.command)
    out.facts(facts)
    if facts["retryable"]:
        out.note(
            f"{count_text(facts['retryable'], 'clip')} may come back: the same `ingest` tries again"
        )


@command(
    app,
    "verify",
    examples=(
        "sign-etl verify builds/wlasl100",
        "sign-etl verify builds/mine --against builds/theirs --exact",
        "sign-etl verify builds/mine --against builds/theirs --tolerance 1.5",
    ),
)
def verify(
    build: Build,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="BUILD|DIGEST",
            help="Then compare it with this build, or with the digest of one.",
        ),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="With --against: byte by byte (the default).")
    ] = False,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            metavar="PX",
            min=0,
            help="With --against: keypoints only, and so many pixels of the clip apart are equal.",
        ),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Check every shard and table of a build against its manifest.

    Exit code 1 where they differ, with one line for each difference. The digest that is told is
    that of all shards and tables: equal digests, equal bytes.
    """
    from sign_etl.app.verify import verify_against
    from sign_etl.cli.compared import tell_comparison, verify_reply

    out = Output.of(as_json=as_json, quiet=quiet)
    if against is None and (exact or tolerance is not None):
        raise UsageError(
            "there is nothing to compare with", hint="name the other build: --against BUILD"
        )
    if exact and tolerance is not None:
        raise UsageError("--exact and --tolerance exclude each other")
    verified = verify_against(build, against, tolerance_px=tolerance)
    reply = verify_reply(build, against, verified)
    out.data(reply.to_json(), schema=reply.command)
    if reply.sound:
        out.text(
            f"{build} is sound: {count_text(reply.samples, 'sample')} in "
            f"{count_text(reply.shards, 'shard')}, digest {reply.digest[:12]}"
        )
    elif not as_json:
        tell_problems(out, [(problem, None) for problem in reply.problems])
    tell_comparison(out, reply, tolerance)
    if not reply.sound or reply.same is False:
        raise typer.Exit(1)


@command(
    app,
    "show",
    examples=(
        "sign-etl show builds/wlasl100",
        "sign-etl show builds/wlasl100 --key wlasl-book-0123456789ab --frames 16 --out book.png",
    ),
)
def show(
    build: Build,
    out_path: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The PNG; default NAME.png here."),
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Only this clip.")] = None,
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
    """Draw clips of a build with their keypoints into one picture.

    Its path is printed.
    """
    from sign_etl.app.show import show
    from sign_etl.schema.build_replies import Show

    out = Output.of(as_json=as_json, quiet=quiet)
    path = out_path or Path.cwd()
    picture = show(
        build, out=path, key=key, clips=clips, frames=frames, backends=tuple(backend or ())
    )
    out.data(Show(picture=str(picture)).to_json(), schema=Show.command)
    out.names([str(picture)])
    out.text(str(picture))


@command(
    app,
    "report",
    examples=(
        "sign-etl report builds/wlasl100",
        "sign-etl report builds/wlasl100 --json --examples 1000",
        "sign-etl report builds/wlasl100 --fail-on leaks",
    ),
)
def report(
    build: Build,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="leaks|signers|classes",
            help="End with 1 where splits share content, or signers, or lack classes; "
            "may be repeated.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not compare keypoints for near-identical clips.")
    ] = False,
    examples: Annotated[
        int, typer.Option("--examples", min=0, help="Name so many findings of each kind.")
    ] = 5,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Tell what is in a build: funnel, splits, copies, leaks, licence.

    A leak is content in more than one split: a source, or a clip and its copy. Copies are found by
    their bytes and by their keypoints.
    """
    from sign_etl.app.report import finding_kinds, findings, report
    from sign_etl.cli.report_text import tell_report

    out = Output.of(as_json=as_json)
    kinds = finding_kinds(fail_on or ())
    reply = report(build, poses=not quick, examples=examples)
    out.data(reply.to_json(), schema=reply.command)
    tell_report(out, reply)
    found = findings(reply.hygiene, kinds)
    tell_problems(out, [(words, None) for words in found])
    if found:
        raise typer.Exit(1)

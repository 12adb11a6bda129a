"""`sign-etl status`, `verify` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.options import BuildFolder
from sign_etl.cli.output import Output, count_text
from sign_etl.cli.reports import tell_problems
from sign_etl.core.errors import UsageError

app = group("look", "Look at builds.")


@command(
    app,
    "status",
    examples=("sign-etl status builds/wlasl100", "sign-etl status builds/wlasl100 --watch"),
)
def status(
    build: BuildFolder,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again until the run is over.")
    ] = False,
    every: Annotated[
        float, typer.Option("--every", metavar="S", min=0.2, help="With --watch: each S seconds.")
    ] = 2.0,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Tell how far a build is.

    Read from its files alone, whether a run is at work or not.
    """
    from sign_etl.app.status import status
    from sign_etl.schema.build_replies import Status

    out = Output.of(as_json=as_json)
    if watch:
        from sign_etl.cli.watch import tell_watched

        if as_json:
            raise UsageError(
                "--watch is for people",
                hint="read .sign-etl/events.jsonl in the build, or call status --json again",
            )
        tell_watched(out, build, every_s=every)
        return
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
    build: BuildFolder,
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
        raise UsageError("--exact and --tolerance exclude each other", hint="give one of them")
    verified = verify_against(build, against, tolerance_px=tolerance)
    reply = verify_reply(build, against, verified)
    out.data(reply.to_json(), schema=reply.command)
    if reply.sound:
        out.text(
            f"{build} is sound: {count_text(reply.samples, 'sample')} in "
            f"{count_text(reply.shards, 'shard')}, digest {reply.digest[:12]}"
        )
    elif not as_json:
        mend = "the same `sign-etl ingest` mends it"
        tell_problems(out, [(problem, mend) for problem in reply.problems])
    tell_comparison(out, reply, tolerance)
    if not reply.sound or reply.same is False:
        raise typer.Exit(1)


@command(
    app,
    "report",
    examples=(
        "sign-etl report builds/wlasl100",
        "sign-etl report builds/wlasl100 --json --examples 1000",
        "sign-etl report builds/wlasl100 --html",
        "sign-etl report builds/new --against builds/old --html --out new.html",
        "sign-etl report builds/wlasl100 --fail-on leaks",
    ),
)
def report(
    build: BuildFolder,
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
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="BUILD", help="Tell how it differs from this build."),
    ] = None,
    html: Annotated[
        bool, typer.Option("--html", help="Write one self-contained HTML file too.")
    ] = False,
    out_path: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The HTML file; default report.html in the build."),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            "--samples", min=0, max=2000, help="With --html: so many clips with a picture."
        ),
    ] = 60,
    pictures: Annotated[
        Literal["auto", "frames", "skeletons"],
        typer.Option(
            "--pictures",
            help="With --html: skeletons on the frames or alone; auto: by the licence.",
        ),
    ] = "auto",
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
    if html or out_path is not None:
        from sign_etl.app.report_page import report_page

        reply = report_page(
            build,
            out_path,
            poses=not quick,
            examples=examples,
            against=against,
            samples=samples,
            pictures=pictures,
        )
    else:
        reply = report(build, poses=not quick, examples=examples, against=against)
    out.data(reply.to_json(), schema=reply.command)
    tell_report(out, reply)
    found = findings(reply.hygiene, kinds)
    tell_problems(out, [(words, None) for words in found])
    if found:
        raise typer.Exit(1)

"""`sign-etl lock check`, `diff` and `merge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sign_etl.cli.frame import AsJson, Verbose, command, group
from sign_etl.cli.output import Output, count_text, size_text
from sign_etl.cli.reports import tell_problems

if TYPE_CHECKING:
    from sign_etl.schema.lineage_replies import LockDiff, LockedClipPart

app = group("lock", "Locks: which bytes stand behind each clip, dead ones too.")

Target = Annotated[Path, typer.Argument(metavar="BUILD|FILE", help="A build, or its build.lock.")]
First = Annotated[Path, typer.Argument(metavar="A", help="A build, or a lock.")]
Second = Annotated[Path, typer.Argument(metavar="B", help="Another one.")]

Locked = Annotated[
    bool,
    typer.Option(
        "--locked",
        help="Build the bytes that a lock names: other bytes are rejects (exit 1), other versions "
        "are refused (exit 2), dead clips are not asked for.",
    ),
]
LockFile = Annotated[
    Path | None,
    typer.Option(
        "--lock",
        metavar="FILE",
        help="That lock; default the build's own, or the one beside the pipeline's file.",
    ),
]

_MARKS = {"gone": "-", "added": "+"}


@command(
    app,
    "check",
    examples=(
        "sign-etl lock check builds/wlasl100",
        "sign-etl lock check builds/wlasl100 --media",
        "sign-etl lock check wlasl100.lock --store /shared/store",
    ),
)
def check(
    target: Target,
    store: Annotated[
        str | None,
        typer.Option("--store", help="Where outputs are looked for; default the build's own."),
    ] = None,
    media: Annotated[
        bool, typer.Option("--media", help="Also hash the source files of the --media folder.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Check that a build, its store and its files are what the lock says.

    Exit code 1 where they differ. That a store has lost something is told and is no difference.
    """
    from sign_etl.app.lock import check

    out = Output.of(as_json=as_json)
    reply = check(target, store=store, media=media)
    out.data(reply.to_json(), schema=reply.command)
    counts = ", ".join(f"{outcome} {count:,}" for outcome, count in reply.outcomes.items())
    what = "is sound" if reply.sound else "differs"
    compared = f"; {count_text(reply.samples, 'sample')} compared" if reply.samples else ""
    out.text(f"{reply.lock} {what}: {count_text(reply.clips, 'clip')} ({counts}){compared}")
    if reply.store is not None:
        lost = f", {reply.missing:,} are not" if reply.missing else ""
        out.text(f"{count_text(reply.stored, 'sample')} in the store {reply.store}{lost}")
    if not reply.sound:
        if not as_json:
            tell_problems(out, [(problem.message, problem.hint) for problem in reply.problems])
        raise typer.Exit(1)


@command(
    app,
    "diff",
    examples=(
        "sign-etl lock diff builds/mine builds/theirs",
        "sign-etl lock diff mine.lock theirs.lock --json",
    ),
)
def diff(
    first: First,
    second: Second,
    examples: Annotated[
        int, typer.Option("--examples", min=0, help="Show so many clips that differ.")
    ] = 20,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Tell what two locks do not share: clips, bytes, ends, versions.

    Exit code 1 where they differ. Times are not compared; versions of libraries and the kind of
    processor are told, and are no difference by themselves.
    """
    from sign_etl.app.lock import diff

    out = Output.of(as_json=as_json)
    reply = diff(first, second, examples=examples)
    out.data(reply.to_json(), schema=reply.command)
    _tell_diff(out, reply)
    if not reply.same:
        raise typer.Exit(1)


@command(
    app,
    "merge",
    examples=("sign-etl lock merge mine.lock theirs.lock --out both.lock",),
)
def merge(
    first: First,
    second: Second,
    out_path: Annotated[Path, typer.Option("--out", "-o", help="The merged lock.")],
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Make one lock of two: a clip that either has is in it.

    Both must be of one plan and one pipeline. Clips on which they contradict each other are named,
    and nothing is written then (exit code 1).
    """
    from sign_etl.app.lock import merge

    out = Output.of(as_json=as_json)
    reply = merge(first, second, out_path)
    out.data(reply.to_json(), schema=reply.command)
    if reply.conflicts:
        if not as_json:
            tell_problems(out, [(f"{each.key}: {each.what}", None) for each in reply.conflicts])
        raise typer.Exit(1)
    counts = ", ".join(f"{outcome} {count:,}" for outcome, count in reply.outcomes.items())
    out.text(
        f"{reply.out}: {count_text(reply.clips, 'clip')} ({counts}), "
        f"{reply.gained:,} of them from {second} alone"
    )


def _tell_diff(out: Output, reply: LockDiff) -> None:
    for head in reply.head:
        out.text(f"! {head.name}: {_value(head.first)} -> {_value(head.second)}")
    width = max((len(clip.key) for clip in reply.clips), default=0)
    for clip in reply.clips:
        mark = _MARKS.get(clip.kinds[0], "~")
        out.text(f"{mark} {clip.key:{width}}  {', '.join(_words(clip))}")
    if not reply.counts:
        out.text("every clip is the same in both")
        return
    counted = ", ".join(f"{kind} {count:,}" for kind, count in reply.counts.items())
    out.text(f"clips that differ: {counted}")


def _words(clip: LockedClipPart) -> list[str]:
    if clip.first is None or clip.second is None:
        line: dict[str, Any] = clip.first or clip.second or {}
        return [f"{'only in A' if clip.second is None else 'only in B'}, {_end(line)}"]
    words = []
    for kind in clip.kinds:
        if kind in ("bytes", "container"):
            video = ", the same video" if kind == "container" else ""
            words.append(f"bytes {_bytes(clip.first)} -> {_bytes(clip.second)}{video}")
        elif kind == "outcome":
            words.append(f"{_end(clip.first)} -> {_end(clip.second)}")
        elif kind == "address":
            words.append(f"address {clip.first.get('url')} -> {clip.second.get('url')}")
        elif kind == "outputs":
            same = clip.first.get("video") == clip.second.get("video")
            words.append("other keypoints" if same else "another normalised video")
        else:
            words.append("another rate, length or flags")
    return words


def _end(line: dict[str, Any]) -> str:
    parts = [part for part in (line.get("reason"), line.get("detail")) if part]
    return f"{line['outcome']} ({', '.join(parts)})" if parts else str(line["outcome"])


def _bytes(line: dict[str, Any]) -> str:
    return f"{str(line['sha256'])[:12]} ({size_text(line.get('size_bytes', 0))})"


def _value(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return str(value)

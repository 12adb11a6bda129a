"""How results of several commands are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sign_etl.cli.output import Output, count_text, size_text, time_text

if TYPE_CHECKING:
    from sign_etl.reader.rejects import Rejected
    from sign_etl.schema.build_replies import Built, Ingest, Plan
    from sign_etl.schema.lineage_replies import Retry
    from sign_etl.schema.replies import CheckedPart

Told = tuple[str, str | None]


def tell_problems(out: Output, problems: Sequence[Told]) -> None:
    """Tell problems with their hints; a hint that the next one repeats is told once."""
    for number, (message, hint) in enumerate(problems):
        repeated = number + 1 < len(problems) and problems[number + 1][1] == hint
        out.error(message, None if repeated else hint)


def tell_checked(out: Output, files: Sequence[CheckedPart], *, exit_code: int) -> None:
    """Tell which files are valid and what is wrong with the others, which end with `exit_code`."""
    for file in files:
        if file.valid:
            out.text(f"{file.file}: valid ({file.format})")
        elif out.mode == "human":
            tell_problems(out, [(problem.message, problem.hint) for problem in file.problems])
    if not all(file.valid for file in files):
        raise typer.Exit(exit_code)


def tell_ended(out: Output, reply: Ingest | Retry) -> None:
    """Tell what exceeds the policy, and end the process with the exit code of the run."""
    for note in getattr(reply, "notes", ()):
        out.warn(note)
    more = f"`sign-etl report {reply.build}` tells more"
    tell_problems(out, [(problem, more) for problem in reply.problems])
    if reply.exit_code:
        raise typer.Exit(reply.exit_code)


def tell_built(out: Output, reply: Built) -> None:
    """Tell what was built, what was rejected and why, and how to look at it."""
    from sign_etl.schema.build_replies import Ingest

    counts = reply.counts
    written = counts.get("written", 0)
    rejected = counts.get("excluded", 0) + counts.get("failed", 0)
    waiting = counts.get("deferred", 0) + counts.get("pending", 0)
    out.text(
        f"Built {count_text(written, 'clip')} in {count_text(reply.shards, 'shard')} "
        f"({size_text(reply.size_bytes)}) at {reply.build}; "
        f"{rejected:,} rejected"
    )
    published = not isinstance(reply, Ingest) or reply.published
    tell_reasons(out, reply.reasons, _named(reply) if rejected and published else {})
    _tell_limit(out, reply)
    if waiting:
        out.text(f"{waiting:,} not done yet: the same command again goes on")
    if not published:
        out.text("Not published yet: the same command without --shards does that")
    elif written:
        out.text(f"See them: sign-etl show {reply.build}")


def _tell_limit(out: Output, reply: Built) -> None:
    """Say what the run waited for; nothing of the sort where the store had everything."""
    from sign_etl.app.throughput import throughput, words

    found = throughput(Path(reply.build), last=True)
    limited = words(found)
    if found and limited:
        # The time that progress showed, too: a demo also draws before it and judges behind it.
        out.note(f"In {time_text(found.seconds)} {limited}")


def _named(reply: Built) -> Mapping[str, Sequence[Rejected]]:
    """Some of the rejected clips by reason; none where the build cannot be read."""
    from sign_etl.core.errors import SignEtlError
    from sign_etl.reader import open_build
    from sign_etl.reader.rejects import named_rejects

    found: dict[str, list[Rejected]] = {}
    with suppress(SignEtlError), open_build(reply.build) as build:
        for (_, reason), some in named_rejects(build.ledger).items():
            found.setdefault(reason, []).extend(some)
    return found


def tell_reasons(
    out: Output, reasons: Mapping[str, int], named: Mapping[str, Sequence[Rejected]]
) -> None:
    """Tell rejects by reason, the most frequent first, with some of the clips."""
    from sign_etl.reader.rejects import NAMED, in_words

    width = max((len(reason) for reason in reasons), default=0)
    digits = max((len(f"{count:,}") for count in reasons.values()), default=0)
    for reason, count in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0])):
        some = in_words(named.get(reason, ())[:NAMED], count)
        out.text(f"  {reason:{width}}  {count:>{digits},}  {some}".rstrip())


def tell_plan(out: Output, reply: Plan) -> None:
    """Tell what a build would hold, and what must be downloaded before."""
    facts = {}
    if reply.downloads:
        size = size_text(reply.download_bytes) if reply.download_bytes is not None else "unknown"
        facts["to download"] = f"{count_text(reply.downloads, 'archive')}, {size}"
    if not reply.digest:
        clips = count_text(reply.clips, "clip") if reply.clips else "clips"
        out.text(f"{reply.name}: {clips}; their list is in what is still to be downloaded")
        out.facts(facts)
        return
    out.text(
        f"{reply.name}: {count_text(reply.clips, 'clip')} of "
        f"{count_text(reply.sources, 'source')} in {count_text(reply.shards, 'shard')}, "
        f"plan {reply.digest[:8]}"
    )
    counts = (f"{split} {count:,}" for split, count in reply.splits.items())
    sizes = (f"{stage} {size_text(size)}" for stage, size in reply.disk_bytes.items())
    ends = reply.open_ends
    assumed = f" (assumed: no end is annotated for {count_text(ends, 'clip')})" if ends else ""
    out.facts(
        {
            "splits": ", ".join(counts),
            "classes": reply.labels,
            "length": time_text(reply.seconds) + assumed,
            "on this disk": f"{count_text(reply.local_sources, 'source')}, "
            f"{size_text(reply.local_bytes)}",
            **facts,
            "disk, about": ", ".join(sizes),
        }
    )
    for note in reply.notes:
        out.warn(note)

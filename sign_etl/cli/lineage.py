"""`sign-etl why`, `retry` and `revoke`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.options import BuildFolder, Jobs, RayAddress, Runner
from sign_etl.cli.output import Output, count_text, size_text
from sign_etl.cli.progress import ProgressDisplay
from sign_etl.cli.reports import tell_built, tell_ended
from sign_etl.core.errors import UsageError

if TYPE_CHECKING:
    from sign_etl.schema.lineage_replies import WhyClip, WhySource

app = group("lineage", "Where clips come from, and where they go.")

SHOWN_CLIPS = 50


@command(
    app,
    "why",
    examples=(
        "sign-etl why builds/wlasl100 wlasl-book-0123456789ab",
        "sign-etl why builds/wlasl100 --source 07069 --json",
    ),
)
def why(
    build: BuildFolder,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="Of a clip, written or not.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Tell what became of this source instead.")
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Tell where a clip comes from, or what became of a source.

    Of a clip: shard and offset, frames and span, source and address, every choice that decided
    about its bytes, weights, versions, times.
    """
    from sign_etl.app.why import why_clip, why_source

    out = Output.of(as_json=as_json)
    if (key is None) == (source is None):
        raise UsageError(
            "name one clip, or one source with --source",
            hint=f"`sign-etl show {build}` shows some clips with their keys",
        )
    if key is not None:
        clip = why_clip(build, key)
        out.data(clip.to_json(), schema=clip.command)
        _tell_clip(out, clip)
    else:
        assert source is not None
        told = why_source(build, source)
        out.data(told.to_json(), schema=told.command)
        _tell_source(out, told)


@command(
    app,
    "retry",
    examples=(
        "sign-etl retry builds/wlasl100",
        "sign-etl retry builds/wlasl100 --only timeout --only server-error",
    ),
)
def retry(
    build: BuildFolder,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="REASON",
            help="Only rejects with this reason; may be repeated; default all that may come back.",
        ),
    ] = None,
    runner: Runner = "local",
    ray_address: RayAddress = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Try rejected clips again that may come back, and nothing else.

    With the pipeline, media and store that the build was made with. Exit codes are those of
    `ingest`.
    """
    from sign_etl.app.retry import retry
    from sign_etl.schema.lineage_replies import Retry

    out = Output.of(as_json=as_json, quiet=quiet)
    with ProgressDisplay(out) as progress:
        done = retry(
            build,
            only=tuple(only or ()),
            runner=runner,
            ray_address=ray_address,
            jobs=jobs,
            progress=progress,
        )
    result = done.result
    reply = Retry.of(
        result,
        tried=done.tried,
        came_back=done.came_back,
        exit_code=result.exit_code,
        problems=result.problems,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.build])
    if not reply.tried:
        out.text("no clip to try again")
        return
    out.text(f"{reply.came_back:,} of {count_text(reply.tried, 'clip')} came back")
    tell_built(out, reply)
    tell_ended(out, reply)


@command(
    app,
    "revoke",
    examples=(
        "sign-etl revoke builds/wlasl100 07069",
        "sign-etl revoke builds/wlasl100 --clip wlasl-book-0123456789ab",
    ),
)
def revoke(
    build: BuildFolder,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]...", help="Ids of sources, with all their clips."),
    ] = None,
    clip: Annotated[
        list[str] | None,
        typer.Option("--clip", metavar="KEY", help="A single clip; may be repeated."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Take sources or clips out of a build for good.

    Only their shards are written anew. Ledger and lock keep a tombstone, the store loses what was
    made of them, and no later `ingest` brings them back. The build's report page goes, its card is
    written anew; pictures, exports and copies elsewhere are yours to remove.
    """
    from sign_etl.app.revoke import revoke
    from sign_etl.schema.lineage_replies import Revoke

    out = Output.of(as_json=as_json, quiet=quiet)
    done = revoke(build, sources=tuple(sources or ()), clips=tuple(clip or ()))
    revoked = done.revoked
    reply = Revoke(
        build=str(build),
        clips=revoked.keys,
        already=revoked.already,
        shards=revoked.shards,
        store_objects=revoked.objects,
        copies=revoked.copies,
        written=done.written,
        published=done.published,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names(reply.clips)
    clips = count_text(len(reply.clips), "clip")
    if len(reply.already) == len(reply.clips):
        told = f"{clips} {'was' if len(reply.clips) == 1 else 'were'} out of {build} already"
    else:
        told = f"{clips} out of {build}"
        told += f", {len(reply.already):,} of them before" if reply.already else ""
    out.text(
        f"{told}: "
        f"{count_text(len(reply.shards), 'shard')} written anew, "
        f"{count_text(reply.store_objects, 'file')} dropped from the store"
    )
    if reply.published:
        out.text(f"{count_text(reply.written, 'sample')} left")
    else:
        out.text("the build was not finished; the same `ingest` goes on without them")
    out.note("Pictures, exports and pushed copies that were made before still have them")
    for key in reply.copies:
        out.warn(f"{key} has the same bytes under another source, and is still in")


def _tell_clip(out: Output, clip: WhyClip) -> None:
    end = [part for part in (clip.stage, clip.reason, clip.detail) if part]
    out.text(f"{clip.key}  {clip.outcome}" + (f" ({', '.join(end)})" if end else ""))
    facts: dict[str, Any] = {"clip": _exact(clip.clip), "source": _exact(clip.source)}
    if clip.sample is not None:
        facts["sample"] = clip.sample
        facts["members"] = {
            name: f"at byte {member.offset:,}, {size_text(member.size_bytes)}"
            for name, member in clip.members.items()
        }
    for name in ("frames", "digests", "poses", "pipeline", "versions", "times"):
        if value := getattr(clip, name):
            facts[name] = _exact(value)
    out.facts(facts | {"licence": clip.licence} | ({"flags": clip.flags} if clip.flags else {}))


def _tell_source(out: Output, told: WhySource) -> None:
    out.facts({"source": _exact(told.source), "outcomes": told.outcomes})
    rows = [
        (each.key, each.split, each.label, _span(each.start_s, each.end_s), _ended(each))
        for each in told.clips[:SHOWN_CLIPS]
    ]
    out.table(("clip", "split", "label", "span", "outcome"), rows)
    if len(told.clips) > SHOWN_CLIPS:
        out.note(f"{len(told.clips) - SHOWN_CLIPS:,} more: --json has them all")


def _exact(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts with their seconds written out: `0:02` is not enough where frames are meant."""
    return {
        name.removesuffix("_s"): f"{value:g} s"
        if name.endswith("_s") and isinstance(value, float)
        else value
        for name, value in facts.items()
    }


def _span(start_s: float, end_s: float | None) -> str:
    return f"{start_s:g}-{'end' if end_s is None else f'{end_s:g}'} s"


def _ended(each: Any) -> str:
    parts = [part for part in (each.reason, each.detail) if part]
    return f"{each.outcome} ({', '.join(parts)})" if parts else f"written to {each.shard}"

"""How `sign-etl report` is told to people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sign_etl.cli.output import Output, count_text, size_text, time_text

if TYPE_CHECKING:
    from sign_etl.schema.report_parts import DriftPart, MeasurePart
    from sign_etl.schema.report_reply import (
        CopiesPart,
        CopyPart,
        HygienePart,
        Report,
        SharingPart,
        SpreadPart,
    )


def tell_report(out: Output, reply: Report) -> None:
    """Tell everything, from what was asked for to what is unhealthy."""
    out.text(f"{reply.name}: {reply.dataset} ({reply.recipe} {reply.recipe_version})")
    _tell_funnel(out, reply)
    out.text("")
    out.table(
        ("split", "requested", "written", "classes", "signers", "length"),
        [
            (
                split.split,
                f"{split.requested:,}",
                f"{split.written:,}",
                f"{split.classes:,}",
                f"{split.signers:,}",
                time_text(split.seconds),
            )
            for split in reply.splits
        ],
    )
    out.text("")
    classes = reply.classes
    unknown = f", unknown in {count_text(reply.without_signer, 'clip')}"
    out.facts(
        {
            "length": f"{time_text(reply.seconds)}, {size_text(reply.size_bytes)}",
            "clips": _spread_text(reply.clip_seconds, " s"),
            "frames": _spread_text(reply.clip_frames),
            "fps": _counts_text(reply.fps.items()),
            "sizes": _counts_text(reply.sizes.items()),
            "classes": f"{classes.total:,}"
            + (f", {classes.variants:,} share their normal label" if classes.variants else ""),
            "clips a class": _spread_text(classes.clips),
            "signers": f"{reply.signers:,}" + (unknown if reply.without_signer else ""),
        }
    )
    out.text("")
    tell_hygiene(out, reply.hygiene)
    out.text("")
    _tell_course(out, reply)
    out.facts(
        {
            "licence": reply.licence,
            "cite": reply.citation,
            "homepage": reply.homepage,
            "language": reply.language,
        }
    )
    if reply.page is not None:
        out.text(f"page: {reply.page}")


def tell_hygiene(out: Output, hygiene: HygienePart) -> None:
    """Tell copies, what splits share, and classes that are missing."""
    if hygiene.exact is None:
        out.text("identical clips: not known, build.lock is missing or of another plan")
    else:
        _tell_copies(out, "identical clips", hygiene.exact)
    near = hygiene.near
    if near is None:
        out.text("near-identical clips: not looked for")
    else:
        notes = [f"within {near.threshold:g} shoulder widths"]
        if near.skipped:
            notes.append(f"{near.skipped:,} of {near.compared + near.skipped:,} cannot be compared")
        if not near.complete:
            notes.append("too many for all pairs, the likeliest were compared")
        _tell_copies(out, f"near-identical clips ({'; '.join(notes)})", near.copies)
    _tell_sharing(out, "sources in more than one split", hygiene.sources)
    _tell_sharing(out, "signers in more than one split", hygiene.signers)
    if not hygiene.missing:
        out.text("classes missing in a split: none")
    for one in hygiene.missing:
        counts = f"{one.annotated:,} not annotated there, {one.lost:,} lost on the way"
        out.text(f"classes missing in {one.split}: {one.annotated + one.lost:,} ({counts})")
        out.text(f"  {', '.join(one.examples)}")


def _tell_course(out: Output, reply: Report) -> None:
    """Keypoints, dead links, time and the other build, where they are known."""
    from sign_etl.app import drift
    from sign_etl.app.throughput import words

    for quality in reply.poses or ():
        missing = ", ".join(
            f"{curve.part.replace('_', ' ')} {sum(curve.missing) / len(curve.missing):.1%}"
            for curve in quality.curves
        )
        out.text(f"frames in which {quality.backend} found nothing: {missing}")
    for precision in reply.precision:
        for line in drift.words({precision.backend: precision.model_dump()}):
            out.text(line)
    for features in reply.features:
        model = features.options.get("model")
        out.text(
            f"features {features.name}: {features.backend}{f' ({model})' if model else ''}, "
            f"(T, {features.size:,}) {features.dtype}, {count_text(features.clips, 'clip')}, "
            f"{count_text(features.steps, 'step')}, {size_text(features.size_bytes)}"
        )
    if reply.links is not None:
        worst = ", ".join(
            f"{host.host} {host.dead:,}" for host in reply.links.hosts[:3] if host.dead
        )
        out.text(
            f"dead links: {reply.links.dead:,} of {reply.links.clips:,}"
            + (f", most at {worst}" if worst else "")
        )
    limited = words(reply.throughput)
    if limited and reply.throughput is not None:
        runs = reply.throughput.runs
        out.text(f"in {'its run' if runs == 1 else f'its {runs:,} runs'} {limited}")
    if reply.drift is not None:
        _tell_drift(out, reply.drift)


def _tell_drift(out: Output, drift: DriftPart) -> None:
    out.text("")
    out.text(f"against {drift.name} ({drift.build}):")
    out.text(
        f"  {drift.only_here:,} clips here only, {drift.only_there:,} there only; of "
        f"{drift.both:,} written in both {drift.other_split:,} in another split, "
        f"{drift.other_label:,} with another label, {drift.other_keypoints:,} with other keypoints"
    )
    for name, count in list(drift.moved.items())[:10]:
        out.text(f"  {name}: {count:,}")
    for choice in drift.choices[:10]:
        out.text(f"  {choice}")
    differing = [one for one in drift.measures if one.here != one.there]
    if not differing:
        out.text("  every number is the same in both")
    else:
        out.table(("measure", "here", "there"), [_measure_row(one) for one in differing])
    out.text("")


def _measure_row(one: MeasurePart) -> tuple[str, ...]:
    values = (one.here, one.there)
    return one.name, *("-" if value is None else f"{value:g}" for value in values)


def _tell_funnel(out: Output, reply: Report) -> None:
    lines = [("requested", reply.requested, "")]
    for stage in reply.funnel:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in stage.rejected.items())
        lines.append((f"after {stage.stage}", stage.left, reasons))
    if reply.waiting:
        lines.append(("waiting", reply.waiting, "the same ingest again goes on"))
    lines.append(("written", reply.outcomes.get("written", 0), ""))
    names = max(len(name) for name, *_ in lines)
    numbers = max(len(f"{count:,}") for _, count, _ in lines)
    for name, count, reasons in lines:
        out.text(f"  {name:{names}}  {count:{numbers},}  {reasons}".rstrip())


def _tell_copies(out: Output, title: str, copies: CopiesPart) -> None:
    if not copies.pairs:
        out.text(f"{title}: none")
        return
    facts = [count_text(copies.pairs, "pair"), f"of {count_text(copies.clips, 'clip')}"]
    extra = [
        f"{count:,} {words}"
        for count, words in (
            (copies.across_splits, "across splits"),
            (copies.other_label, "with different labels"),
        )
        if count
    ]
    out.text(f"{title}: {', '.join([' '.join(facts), *extra])}")
    for pair in copies.examples:
        out.text(f"  {_pair_text(pair)}")
    _tell_more(out, copies.pairs - len(copies.examples))


def _pair_text(pair: CopyPart) -> str:
    clips = zip((pair.first, pair.second), pair.splits, pair.labels, strict=True)
    words = " = ".join(
        f"{key} [{split}{'' if label is None else f', {label}'}]" for key, split, label in clips
    )
    return words if pair.distance is None else f"{words} {pair.distance:.3f}"


def _tell_sharing(out: Output, title: str, sharing: SharingPart) -> None:
    if not sharing.total:
        out.text(f"{title}: none")
        return
    out.text(f"{title}: {sharing.total:,}, with {count_text(sharing.clips, 'clip')}")
    for one in sharing.examples:
        out.text(f"  {one.name} ({_counts_text(one.splits.items())})")
    _tell_more(out, sharing.total - len(sharing.examples))


def _tell_more(out: Output, count: int) -> None:
    if count > 0:
        out.text(f"  and {count:,} more (--json --examples N lists N)")


def _spread_text(spread: SpreadPart | None, unit: str = "") -> str | None:
    if spread is None:
        return None
    return (
        f"{spread.least:g} to {spread.most:g}{unit}, median {spread.median:g}, "
        f"90 % between {spread.p5:g} and {spread.p95:g}"
    )


def _counts_text(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in counts) or "-"

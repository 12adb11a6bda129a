"""Sections of the report's page about what a build holds: clips, classes, signers, keypoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sign_etl.reader.rejects import Named, in_words
from sign_etl.schema.report_parts import (
    GroupPart,
    HistogramPart,
    PoseQualityPart,
    PrecisionPart,
)
from sign_etl.schema.report_reply import Report, SpreadPart
from sign_etl.viz import charts
from sign_etl.viz.meanings import meaning
from sign_etl.viz.page_elements import (
    Html,
    bar,
    duration,
    facts,
    figure,
    foreign,
    number,
    paragraph,
    percent,
    section,
    table,
)

ACROSS = "course of the clip in %"
WORST = 3
"""So many reasons stand beside a stage; all of them in the table below."""


def funnel(reply: Report, named: Named) -> Html:
    """From requested to written, with the reasons.

    Args:
        reply: what is reported.
        named: some rejected clips by stage and reason.
    """
    written = reply.outcomes.get("written", 0)
    total = max(reply.requested, 1)
    rows: list[tuple[object, ...]] = [("requested", number(reply.requested), bar(1.0), "", "")]
    for stage in reply.funnel:
        lost = sum(stage.rejected.values())
        ranked = list(stage.rejected.items())
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in ranked[:WORST])
        reasons += ", …" if len(ranked) > WORST else ""
        rows.append(
            (f"after {stage.stage}", number(stage.left), bar(stage.left / total), -lost, reasons)
        )
    if reply.waiting:
        rows.append(
            ("waiting", number(reply.waiting), bar(reply.waiting / total, 2), "", "not done yet")
        )
    rows.append(("written", number(written), bar(written / total), "", ""))
    steps = table(
        "Clips left after each stage", ("Step", "Clips", "", "Lost", "Why"), rows, numeric=(1, 3)
    )
    most = max((max(stage.rejected.values()) for stage in reply.funnel), default=1)
    rejects = [
        (
            reason,
            meaning(reason),
            number(count),
            percent(count / total),
            bar(count / most, 2),
            stage.stage,
            foreign(in_words(named.get((stage.stage, reason), ()), count)),
        )
        for stage in reply.funnel
        for reason, count in stage.rejected.items()
    ]
    why = (
        table(
            "Rejected clips by reason",
            ("Reason", "It means", "Clips", "Of all", "", "Stage", "Such as"),
            rejects,
            numeric=(2, 3),
        )
        if rejects
        else paragraph("No clip was rejected.")
    )
    return section("funnel", "From requested to written", steps, why)


def splits(reply: Report) -> Html:
    """Splits, classes and signers."""
    most = max((split.requested for split in reply.splits), default=1)
    by_split = table(
        "Clips, classes and signers by split",
        ("Split", "Requested", "Written", "", "Classes", "Signers", "Length"),
        [
            (
                foreign(split.split),
                number(split.requested),
                number(split.written),
                bar(split.written / max(most, 1)),
                number(split.classes),
                number(split.signers),
                duration(split.seconds),
            )
            for split in reply.splits
        ],
        numeric=(1, 2, 4, 5, 6),
    )
    return section("splits", "Splits", by_split)


def classes(reply: Report) -> Html:
    """How clips spread over the classes, and the classes that have fewest."""
    parts: list[str] = []
    variants = (
        f" {reply.classes.variants:,} of them share their normal label with another one."
        if reply.classes.variants
        else ""
    )
    parts.append(paragraph(f"{reply.classes.total:,} classes have a written clip.{variants}"))
    parts += chart(reply.class_sizes, "clips of a class", "classes", "Classes by their clips")
    if reply.poorest_classes:
        parts.append(_groups("Classes with the fewest clips", "Class", reply.poorest_classes))
    return section("classes", "Classes", *parts)


def signers(reply: Report) -> Html:
    """Who signs."""
    words = f"{reply.signers:,} signers are told apart."
    if reply.without_signer:
        words += f" In {reply.without_signer:,} clips the signer is not known."
    parts = [paragraph(words if reply.signers else "Who signs is not known.")]
    if reply.largest_signers:
        parts.append(_groups("Signers with the most clips", "Signer", reply.largest_signers))
    return section("signers", "Signers", *parts)


def clips(reply: Report) -> Html:
    """Lengths, frame rates and sizes."""
    parts = [
        facts(
            (name, _spread(spread, unit))
            for name, spread, unit in (
                ("Length of a clip", reply.clip_seconds, " s"),
                ("Frames of a clip", reply.clip_frames, ""),
            )
        ),
        *chart(reply.clip_lengths, "seconds", "clips", "Clips by their length"),
        _counts("Clips by frame rate", "Frames per second", reply.fps),
        _counts("Clips by picture size", "Width x height", reply.sizes),
    ]
    return section("clips", "Lengths, frame rates and sizes", *parts)


def keypoints(reply: Report) -> Html:
    """Confidence and gaps over the course of the clips."""
    if reply.poses is None:
        return section("keypoints", "Keypoints", paragraph("The keypoints were not looked at."))
    if not reply.poses:
        return section("keypoints", "Keypoints", paragraph("The build has no keypoints."))
    parts: list[str] = []
    for quality in reply.poses:
        parts.append(Html(f"<h3>{foreign(quality.backend)}</h3>"))
        parts.append(
            paragraph(
                f"Layout {quality.layout}; read from {quality.clips:,} clips, spread evenly over "
                "the build. Each clip is cut into pieces of equal length, from its begin (0 %) to "
                "its end (100 %)."
            )
        )
        parts += _quality(quality)
    parts += map(_precision, reply.precision)
    return section("keypoints", "Keypoints over the course of the clips", *parts)


def _precision(found: PrecisionPart) -> Html:
    how = ", ".join(f"{name}: {value}" for name, value in found.precisions.items())
    if found.not_measured is not None:
        return paragraph(
            f"How far {found.backend} is from fp32 is not measured: {found.not_measured}."
        )
    return paragraph(
        f"{found.backend} computed in a lower precision ({how}). On the first {found.clips:,} "
        f"clips its points are {found.px['median']:.2f} px from those of fp32 in the median, "
        f"{found.px['p95']:.2f} at the 95th percentile and {found.px['max']:.2f} at most; "
        f"{found.one_sided:.1%} of the points only one of both has."
    )


def _quality(quality: PoseQualityPart) -> Iterator[str]:
    scores = {_part(curve.part): curve.score for curve in quality.curves}
    missing = {_part(curve.part): curve.missing for curve in quality.curves}
    most = max((value for values in missing.values() for value in values), default=0.0)
    yield figure(
        charts.curves(scores, ACROSS, "mean score"),
        f"Confidence of {quality.backend} by part of the body",
        _curve_table("Mean score of the points found", scores),
    )
    yield figure(
        charts.curves(missing, ACROSS, "share of frames", most=max(1.05 * most, 0.05)),
        f"Frames in which {quality.backend} found nothing of a part",
        _curve_table("Share of frames without the part", missing),
    )


def _curve_table(caption: str, series: Mapping[str, tuple[float | None, ...]]) -> Html:
    count = max((len(values) for values in series.values()), default=0)
    rows = [
        (
            f"{100 * at / count:g} to {100 * (at + 1) / count:g} %",
            *(number(values[at], 3) for values in series.values()),
        )
        for at in range(count)
    ]
    return table(caption, ("Piece", *series), rows, numeric=range(1, len(series) + 1))


def _groups(caption: str, head: str, groups: tuple[GroupPart, ...]) -> Html:
    most = max((one.requested for one in groups), default=1)
    return table(
        caption,
        (head, "Requested", "Written", "", "By split"),
        [
            (
                foreign(one.name),
                number(one.requested),
                number(one.written),
                bar(one.written / max(most, 1)),
                ", ".join(f"{split} {count:,}" for split, count in one.splits.items()),
            )
            for one in groups
        ],
        numeric=(1, 2),
    )


def _counts(caption: str, head: str, counts: Mapping[str, int]) -> Html:
    total = max(sum(counts.values()), 1)
    rows = [
        (name, number(count), percent(count / total), bar(count / total))
        for name, count in counts.items()
    ]
    return table(caption, (head, "Clips", "Of all", ""), rows, numeric=(1, 2))


def chart(found: HistogramPart | None, across: str, up: str, caption: str) -> Iterator[str]:
    """A histogram with its numbers; one bar in words, and nothing of nothing."""
    if found is None:
        return
    if len(found.counts) == 1:  # one bar shows nothing that words do not
        low, high = found.edges[0], found.edges[-1]
        value = f"{low:g}" if charts.is_counted(found) else f"{low:g} to {high:g}"
        yield paragraph(f"{caption}: {value} {across} for all {found.counts[0]:,} {up}.")
        return
    whole = charts.is_counted(found)
    steps = list(zip(found.edges[:-1], found.edges[1:], strict=True))
    rows = [
        (f"{low:g}" if whole else f"{low:g} to {high:g}", number(count))
        for (low, high), count in zip(steps, found.counts, strict=True)
    ]
    numbers = table(caption, (across, up), rows, numeric=(1,))
    yield figure(charts.histogram(found, across, up), caption, numbers)


def _spread(spread: SpreadPart | None, unit: str) -> str:
    if spread is None:
        return "–"
    return (
        f"{_short(spread.least)} to {_short(spread.most)}{unit}, median {_short(spread.median)}, "
        f"90 % between {_short(spread.p5)} and {_short(spread.p95)}"
    )


def _short(value: float) -> str:
    """A number with the digits that people want: `3`, `2.36`, `62.6`, `1,204`."""
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"


def _part(name: str) -> str:
    return name.replace("_", " ")

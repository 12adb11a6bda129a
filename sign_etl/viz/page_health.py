"""Sections of the report's page about what is unhealthy and where time went."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from sign_etl.schema.report_parts import DriftPart, ThroughputPart
from sign_etl.schema.report_reply import CopiesPart, HygienePart, SharingPart
from sign_etl.viz.page_elements import (
    Html,
    bar,
    duration,
    facts,
    foreign,
    number,
    paragraph,
    percent,
    section,
    table,
)

IDLE = 0.5
"""Below this share nobody can be said to have been waited for: start and end took the time."""


def hygiene(found: HygienePart, *, splits: int) -> Html:
    """Copies, leaks across splits and missing classes.

    Args:
        found: by the report.
        splits: how many the build has.
    """
    if found.leaks:
        words = f"{found.leaks:,} leaks: content that stands in more than one split."
        verdict = paragraph(words, kind="bad")
    elif splits > 1:
        verdict = paragraph("No content was found in more than one split.", kind="good")
    else:
        verdict = paragraph("The build has one split: nothing can leak into another one.")
    parts = [verdict]
    if found.signers.total:
        parts.append(
            paragraph(
                f"{found.signers.total:,} signers stand in more than one split: a model may know "
                "them from training.",
                kind="bad",
            )
        )
    if found.exact is None:
        parts.append(paragraph("Identical clips are not known: the build has no lock of its own."))
    else:
        parts += _copies("Identical clips", found.exact)
    if found.near is None:
        parts.append(paragraph("Near-identical clips were not looked for."))
    else:
        parts.append(
            paragraph(
                f"Near-identical means: keypoints within {found.near.threshold:g} shoulder widths. "
                f"{found.near.compared:,} clips were compared; {found.near.skipped:,} show too "
                "little of arms or motion for that."
            )
        )
        parts += _copies("Near-identical clips", found.near.copies)
    if splits > 1:
        parts += _sharing("Sources in more than one split", "Source", found.sources)
        parts += _sharing("Signers in more than one split", "Signer", found.signers)
    if found.missing:
        parts.append(
            table(
                "Classes without a clip in a split",
                ("Split", "Not annotated", "Lost", "Such as"),
                [
                    (
                        foreign(one.split),
                        number(one.annotated),
                        number(one.lost),
                        Html(", ".join(foreign(name) for name in one.examples)),
                    )
                    for one in found.missing
                ],
                numeric=(1, 2),
            )
        )
    elif splits > 1:
        parts.append(paragraph("Every class has a clip in every split."))
    return section("hygiene", "Duplicates and leaks", *parts)


def _copies(title: str, copies: CopiesPart) -> Iterator[Html]:
    if not copies.pairs:
        yield paragraph(f"{title}: none.")
        return
    yield paragraph(
        f"{title}: {copies.pairs:,} pairs of {copies.clips:,} clips, {copies.across_splits:,} "
        f"across splits, {copies.other_label:,} with different labels."
    )
    if copies.examples:
        yield table(
            f"{title}: {len(copies.examples):,} of {copies.pairs:,} pairs",
            ("Clip", "Split", "Label", "Copy", "Split", "Label", "Distance"),
            [
                (
                    foreign(pair.first),
                    foreign(pair.splits[0]),
                    foreign(pair.labels[0] or "–"),
                    foreign(pair.second),
                    foreign(pair.splits[1]),
                    foreign(pair.labels[1] or "–"),
                    "same bytes" if pair.distance is None else number(pair.distance, 3),
                )
                for pair in copies.examples
            ],
            numeric=(6,),
        )


def _sharing(title: str, head: str, sharing: SharingPart) -> Iterator[Html]:
    if not sharing.total:
        yield paragraph(f"{title}: none.")
        return
    yield paragraph(f"{title}: {sharing.total:,}, with {sharing.clips:,} clips.")
    if sharing.examples:
        yield table(
            f"{title}: {len(sharing.examples):,} of {sharing.total:,}",
            (head, "Clips by split"),
            [
                (
                    foreign(one.name),
                    ", ".join(f"{split} {count:,}" for split, count in one.splits.items()),
                )
                for one in sharing.examples
            ],
        )


def drift(found: DriftPart) -> Html:
    """How the build differs from another one."""
    words = paragraph(
        Html(
            # The folder's name alone: the page may be passed on, the path is nobody's business.
            f"Held against {foreign(found.name)} ({foreign(PurePath(found.build).name)}): "
            + ("the same plan." if found.same_plan else "another plan.")
        )
    )
    counts = facts(
        [
            ("Requested here only", number(found.only_here)),
            ("Requested there only", number(found.only_there)),
            ("Written in both", number(found.both)),
            ("of these in another split", number(found.other_split)),
            ("with another label", number(found.other_label)),
            ("with other keypoints", number(found.other_keypoints)),
            ("Distance of the class shares (0 to 1)", number(found.class_distance, 3)),
            ("Distance of the lengths (0 to 1)", number(found.length_distance, 3)),
        ]
    )
    measures = table(
        "Numbers of both builds",
        ("Measure", "Here", "There", "Difference"),
        [
            (one.name, _exact(one.here), _exact(one.there), _difference(one.here, one.there))
            for one in found.measures
        ],
        numeric=(1, 2, 3),
    )
    parts = [words, counts, measures]
    if found.moved:
        parts.append(
            table(
                "Clips with another outcome",
                ("Outcome", "Clips"),
                [(name, number(count)) for name, count in found.moved.items()],
                numeric=(1,),
            )
        )
    if found.choices:
        items = "".join(f"<li>{foreign(choice)}</li>" for choice in found.choices)
        parts.append(Html(f"<h3>Choices and versions that differ</h3><ul>{items}</ul>"))
    return section("drift", "Against another build", *parts)


def throughput(found: ThroughputPart | None) -> Html:
    """Each stage's rate against what its workers could do."""
    title = "Throughput"
    if found is None or not found.stages:
        return section(
            "throughput", title, paragraph("Nothing is known: no stage has left events here.")
        )
    busy = f"its workers were busy {100 * found.limit_busy:.0f} % of the time."
    if not found.limit:
        limit = ""
    elif found.limit_busy < IDLE:
        limit = f" No stage was waited for: the busiest was {found.limit}, {busy}"
    else:
        limit = f" The stage that the others waited for was {found.limit}: {busy}"
    runs = (
        f"One run of {duration(found.seconds)}."
        if found.runs == 1
        else f"{found.runs:,} runs, {duration(found.seconds)} together."
    )
    return section(
        "throughput",
        title,
        paragraph(f"{runs}{limit}"),
        table(
            "Work by stage",
            ("Stage", "Clips", "Workers", "Work", "Reached", "Limit", "Busy", ""),
            [
                (
                    stage.stage,
                    number(stage.clips),
                    number(stage.workers),
                    duration(stage.seconds),
                    _rate(stage.clips_per_s),
                    _rate(stage.most_per_s),
                    percent(stage.busy),
                    bar(stage.busy, 3 if stage.stage == found.limit else 1),
                )
                for stage in found.stages
            ],
            numeric=(1, 2, 3, 4, 5, 6),
        ),
        paragraph(
            "Limit: the clips a second that the workers of a stage could have done if they had "
            "done nothing else. Stages may share their workers; what the store had is no work."
        ),
    )


def _rate(clips_per_s: float) -> str:
    return f"{clips_per_s:,.0f}/s" if clips_per_s >= 100 else f"{clips_per_s:.2f}/s"


def _exact(value: float | None) -> str:
    return "–" if value is None else f"{value:,.6g}"


def _difference(here: float | None, there: float | None) -> str:
    return "–" if here is None or there is None else f"{here - there:+,.4g}"

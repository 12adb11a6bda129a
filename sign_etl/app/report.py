"""`report`: what is in a build, what was lost on the way, and what is unhealthy about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from sign_etl.app.between import between
from sign_etl.app.dead_links import links
from sign_etl.app.drift import kept
from sign_etl.app.report_features import feature_parts
from sign_etl.app.report_groups import class_sizes, clip_lengths, largest_signers, poorest_classes
from sign_etl.app.throughput import throughput
from sign_etl.core.errors import UsageError, VerifyError, near_miss
from sign_etl.reader import Build, open_build
from sign_etl.reader.hygiene import EXAMPLES, Hygiene, examine
from sign_etl.reader.pose_quality import PoseQuality, pose_quality
from sign_etl.schema.outcome import Outcome, StageName
from sign_etl.schema.report_parts import CurvePart, PoseQualityPart, PrecisionPart
from sign_etl.schema.report_reply import (
    ClassesPart,
    FunnelPart,
    HygienePart,
    Report,
    SplitPart,
    SpreadPart,
)

Finding = Literal["leaks", "signers", "classes"]
"""What `--fail-on` may name."""
_ORDER = {name: place for place, name in enumerate(("train", "val", "dev", "test"))}
SIZES = 8
"""So many sizes of pictures are named."""


def report(
    build: Path, *, poses: bool = True, examples: int = EXAMPLES, against: Path | None = None
) -> Report:
    """Everything that can be said about a finished build.

    Args:
        build: its folder.
        poses: look for near-identical clips too and at the keypoints over time; reads them all.
        examples: how many findings of a kind are named.
        against: another build that it is compared with.

    Raises:
        UsageError: the folder is no build.
        VerifyError: the build is unfinished or damaged.

    Example:
        >>> report(Path("demo-build"), poses=False).outcomes
        {'failed': 1, 'written': 6}
    """
    with open_build(build) as opened:
        return report_of(opened, poses=poses, examples=examples, against=against)


def report_of(
    build: Build, *, poses: bool = True, examples: int = EXAMPLES, against: Path | None = None
) -> Report:
    """As `report`, of an open build."""
    here = _report(
        build,
        examine(build, poses=poses, examples=examples),
        tuple(map(_quality_part, pose_quality(build))) if poses else None,
    )
    if against is None:
        return here
    with open_build(against) as other:
        there = report_of(other, poses=poses, examples=0)
        return here.model_copy(update={"drift": between(build, other, here, there)})


def finding_kinds(words: Collection[str]) -> tuple[Finding, ...]:
    """The kinds that some words name.

    Raises:
        UsageError: a word names none.
    """
    known = get_args(Finding)
    for word in words:
        if word not in known:
            hint = near_miss(word, known) or f"choose one of {', '.join(known)}"
            raise UsageError(f"a report has no finding `{word}`", hint=hint)
    return tuple(kind for kind in known if kind in words)


def findings(hygiene: HygienePart, kinds: Sequence[Finding]) -> list[str]:
    """What of some kinds was found, in words; empty where all is well."""
    said = []
    for kind in dict.fromkeys(kinds):
        if kind == "leaks" and hygiene.leaks:
            said.append(_leak_words(hygiene))
        elif kind == "signers" and hygiene.signers.total:
            said.append(f"splits share {_counted(hygiene.signers.total, 'signer')}")
        elif kind == "classes" and hygiene.missing:
            splits = ", ".join(
                f"{one.annotated + one.lost:,} {one.split}" for one in hygiene.missing
            )
            said.append(f"classes without a clip in a split: {splits}")
    return said


def _leak_words(hygiene: HygienePart) -> str:
    """The leaks of a build, in words."""
    parts = [
        (hygiene.sources.total, "source", ""),
        (hygiene.exact.across_splits if hygiene.exact else 0, "pair", " of identical clips"),
        (
            hygiene.near.copies.across_splits if hygiene.near else 0,
            "pair",
            " of near-identical clips",
        ),
    ]
    counted = ", ".join(f"{_counted(count, noun)}{rest}" for count, noun, rest in parts if count)
    return f"splits share content: {counted}"


def policy_problems(build: Path, kinds: Sequence[Finding]) -> list[str]:
    """Problems of a fresh build that its policy minds.

    Args:
        build: its folder.
        kinds: what the policy calls a failure; nothing is read where it is empty.
    """
    if not kinds:
        return []
    with open_build(build) as opened:
        hygiene = hygiene_part(examine(opened, poses="leaks" in kinds))
    return [f"{words} (sign-etl report {build})" for words in findings(hygiene, kinds)]


def hygiene_part(found: Hygiene) -> HygienePart:
    """The reply's form of what hygiene found."""
    return HygienePart.model_validate({**asdict(found), "leaks": found.leaks})


def _quality_part(found: PoseQuality) -> PoseQualityPart:
    return PoseQualityPart(
        backend=found.backend,
        layout=found.layout,
        clips=found.clips,
        curves=tuple(
            CurvePart(
                part=curve.part,
                score=tuple(round(v, 4) if np.isfinite(v) else None for v in curve.score.tolist()),
                missing=tuple(round(value, 4) for value in curve.missing.tolist()),
            )
            for curve in found.curves
        ),
    )


def _report(build: Build, hygiene: Hygiene, quality: tuple[PoseQualityPart, ...] | None) -> Report:
    manifest = build.manifest
    index = build.index
    seconds = [
        frames / fps
        for frames, fps in zip(index["frames"].to_pylist(), index["fps"].to_pylist(), strict=True)
    ]
    signers = index["signer"].to_pylist()
    sizes = Counter(
        f"{width}x{height}"
        for width, height in zip(
            index["width"].to_pylist(), index["height"].to_pylist(), strict=True
        )
    )
    rates = Counter(f"{fps:g}" for fps in index["fps"].to_pylist())
    waiting = (Outcome.DEFERRED, Outcome.PENDING)
    return Report(
        build=str(build.path),
        name=manifest.name,
        dataset=manifest.dataset,
        recipe=manifest.recipe,
        recipe_version=manifest.recipe_version,
        language=manifest.language,
        licence=manifest.licence,
        citation=manifest.citation,
        homepage=manifest.homepage,
        requested=sum(manifest.counts.values()),
        outcomes=manifest.counts,
        funnel=_funnel(build),
        waiting=sum(manifest.counts.get(outcome.value, 0) for outcome in waiting),
        splits=_splits(build, seconds),
        classes=_classes(build),
        signers=len(set(signers) - {None}),
        without_signer=signers.count(None),
        seconds=round(sum(seconds), 3),
        clip_seconds=_spread(seconds),
        clip_frames=_spread(index["frames"].to_pylist()),
        fps=_most_frequent(rates, len(rates)),
        sizes=_most_frequent(sizes, SIZES),
        size_bytes=sum(shard.size_bytes for shard in manifest.shards),
        hygiene=hygiene_part(hygiene),
        clip_lengths=clip_lengths(seconds),
        class_sizes=class_sizes(build),
        poorest_classes=poorest_classes(build),
        largest_signers=largest_signers(build),
        poses=quality,
        precision=_precision(build.path),
        features=feature_parts(build),
        throughput=throughput(build.path),
        links=links(build),
    )


def _precision(build: Path) -> tuple[PrecisionPart, ...]:
    return tuple(PrecisionPart(backend=name, **found) for name, found in kept(build).items())


def _funnel(build: Build) -> tuple[FunnelPart, ...]:
    columns = build.ledger.select(["outcome", "stage", "reason"]).to_pydict()
    rejected: dict[str, Counter[str]] = {stage.value: Counter() for stage in StageName}
    gone = (Outcome.EXCLUDED.value, Outcome.FAILED.value)
    for outcome, stage, reason in zip(*columns.values(), strict=True):
        if outcome in gone and stage in rejected:
            rejected[stage][reason] += 1
    left = len(build.ledger)
    parts = []
    for stage, reasons in rejected.items():
        left -= sum(reasons.values())
        if reasons:
            parts.append(
                FunnelPart(stage=stage, rejected=_most_frequent(reasons, len(reasons)), left=left)
            )
    return tuple(parts)


def _splits(build: Build, seconds: Sequence[float]) -> tuple[SplitPart, ...]:
    requested = Counter(build.ledger["split"].to_pylist())
    columns = build.index.select(["split", "label", "signer"]).to_pydict()
    lengths: dict[str, float] = {}
    classes: dict[str, set[str]] = {}
    signers: dict[str, set[str]] = {}
    for split, label, signer, length in zip(*columns.values(), seconds, strict=True):
        lengths[split] = lengths.get(split, 0.0) + length
        if label is not None:
            classes.setdefault(split, set()).add(label)
        if signer is not None:
            signers.setdefault(split, set()).add(signer)
    names = sorted(requested, key=lambda name: (_ORDER.get(name, len(_ORDER)), name))
    return tuple(
        SplitPart(
            split=split,
            requested=requested[split],
            written=build.splits.get(split, 0),
            classes=len(classes.get(split, ())),
            signers=len(signers.get(split, ())),
            seconds=round(lengths.get(split, 0.0), 3),
        )
        for split in names
    )


def _classes(build: Build) -> ClassesPart:
    counts = Counter(label for label in build.index["label_id"].to_pylist() if label is not None)
    try:
        normal = build.normal_labels
    except VerifyError:  # `verify` tells; a report can do without
        normal = ()
    words = Counter(normal[label] for label in counts if label < len(normal))
    return ClassesPart(
        total=len(counts),
        clips=_spread(list(counts.values())),
        variants=sum(count for count in words.values() if count > 1),
    )


def _spread(values: Sequence[float]) -> SpreadPart | None:
    if not values:
        return None
    points = np.percentile(np.array(values, np.float64), (0, 5, 50, 95, 100))
    least, p5, median, p95, most = (round(float(point), 3) for point in points)
    return SpreadPart(least=least, p5=p5, median=median, p95=p95, most=most)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _most_frequent(counts: Mapping[str, int], number: int) -> dict[str, Any]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:number])

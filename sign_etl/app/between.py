"""How a build differs from another one: clips, outcomes, classes, lengths, keypoints, choices."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np

from sign_etl.reader import Build
from sign_etl.reader.sample import is_keypoints
from sign_etl.schema.outcome import Outcome
from sign_etl.schema.report_parts import DriftPart, MeasurePart, PoseQualityPart
from sign_etl.schema.report_reply import Report

CHOICES = 40
"""So many differing choices are named."""
_WRITTEN = Outcome.WRITTEN.value


def between(build: Build, other: Build, here: Report, there: Report) -> DriftPart:
    """Compare two open builds.

    Args:
        build: the one that is reported.
        other: what it is held against.
        here: the report of the first.
        there: the report of the second.

    Raises:
        VerifyError: a table of one of them is damaged.
    """
    mine, theirs = _rows(build), _rows(other)
    both = mine.keys() & theirs.keys()
    moved: Counter[str] = Counter()
    split = label = keypoints = written = 0
    crcs, other_crcs = _keypoint_crcs(build), _keypoint_crcs(other)
    for key in both:
        one, two = mine[key], theirs[key]
        if one["end"] != two["end"]:
            moved[f"{one['end']} here, {two['end']} there"] += 1
        elif one["end"] == _WRITTEN:
            written += 1
            split += one["split"] != two["split"]
            label += one["label"] != two["label"]
            keypoints += crcs[key] != other_crcs[key]
    return DriftPart(
        build=str(other.path),
        name=other.manifest.name,
        same_plan=build.manifest.plan == other.manifest.plan,
        only_here=len(mine) - len(both),
        only_there=len(theirs) - len(both),
        moved=dict(sorted(moved.items(), key=lambda pair: (-pair[1], pair[0]))),
        other_split=split,
        other_label=label,
        other_keypoints=keypoints,
        both=written,
        class_distance=_class_distance(build, other),
        length_distance=_gap(_lengths(build), _lengths(other)),
        choices=tuple(_choices(build, other)),
        measures=tuple(_measures(here, there)),
    )


def _rows(build: Build) -> dict[str, dict[str, Any]]:
    columns = build.ledger.select(["key", "split", "label", "outcome", "reason"]).to_pydict()
    return {
        key: {"split": split, "label": label, "end": reason or outcome}
        for key, split, label, outcome, reason in zip(*columns.values(), strict=True)
    }


def _keypoint_crcs(build: Build) -> dict[str, list[tuple[str, int]]]:
    return {
        row["key"]: [
            (member["name"], member["crc32"])
            for member in row["members"]
            if is_keypoints(member["name"])
        ]
        for row in build.index.select(["key", "members"]).to_pylist()
    }


def _class_distance(build: Build, other: Build) -> float | None:
    shares = []
    for one in (build, other):
        counts = Counter(label for label in one.index["label"].to_pylist() if label is not None)
        total = sum(counts.values())
        if not total:
            return None
        shares.append({label: count / total for label, count in counts.items()})
    mine, theirs = shares
    apart = sum(abs(mine.get(label, 0) - theirs.get(label, 0)) for label in mine | theirs)
    return round(apart / 2, 4)


def _lengths(build: Build) -> list[float]:
    columns = build.index.select(["frames", "fps"]).to_pydict()
    return [frames / fps for frames, fps in zip(*columns.values(), strict=True)]


def _gap(mine: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Kolmogorov-Smirnov distance of two samples; None where one is empty."""
    if not mine or not theirs:
        return None
    one, two = np.sort(np.array(mine)), np.sort(np.array(theirs))
    points = np.concatenate([one, two])
    shares = [np.searchsorted(side, points, "right") / len(side) for side in (one, two)]
    return round(float(np.abs(shares[0] - shares[1]).max()), 4)


def _choices(build: Build, other: Build) -> Iterator[str]:
    mine, theirs = (dict(_flat(_chosen(one))) for one in (build, other))
    names = [name for name in sorted(mine | theirs) if mine.get(name) != theirs.get(name)]
    for name in names[:CHOICES]:
        yield f"{name}: {mine.get(name, 'none')} here, {theirs.get(name, 'none')} there"
    if len(names) > CHOICES:
        yield f"and {len(names) - CHOICES:,} more"


def _chosen(build: Build) -> dict[str, Any]:
    manifest = build.manifest
    poses = {name: pose.model_dump(mode="json") for name, pose in manifest.poses.items()}
    recipe = {"name": manifest.recipe, "version": manifest.recipe_version}
    return {
        "recipe": recipe,
        "pipeline": manifest.pipeline,
        "stages": manifest.stages,
        "poses": poses,
    }


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _measures(here: Report, there: Report) -> Iterator[MeasurePart]:
    mine, theirs = dict(_numbers(here)), dict(_numbers(there))
    for name in [*mine, *(name for name in theirs if name not in mine)]:
        yield MeasurePart(name=name, here=mine.get(name), there=theirs.get(name))


def _numbers(report: Report) -> Iterator[tuple[str, float | None]]:
    length = report.clip_seconds
    yield "requested clips", report.requested
    yield "written clips", report.outcomes.get(_WRITTEN, 0)
    yield "classes", report.classes.total
    yield "signers", report.signers
    yield "seconds in all", report.seconds
    yield "seconds of a clip (median)", length.median if length else None
    yield "leaks across splits", report.hygiene.leaks
    for quality in report.poses or ():
        yield from _pose_numbers(quality)


def _pose_numbers(quality: PoseQualityPart) -> Iterator[tuple[str, float | None]]:
    for curve in quality.curves:
        part = curve.part.replace("_", " ")
        scores = [score for score in curve.score if score is not None]
        yield f"{quality.backend}, {part}: score", round(median(scores), 4) if scores else None
        missing = sum(curve.missing) / max(len(curve.missing), 1)
        yield f"{quality.backend}, {part}: share of frames missing", round(missing, 4)

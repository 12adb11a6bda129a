"""What the data card of a build counts, from the index alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SEEN: Final = ("body", "left_hand", "right_hand")
"""Measures of the quality stage: shares of a clip's frames."""


@dataclass(frozen=True, slots=True)
class Split:
    """One split.

    Attributes:
        clips: written samples.
        sources: videos that they come from.
        classes: that have a clip there.
        signers: that are known.
        total_s: length of all clips in seconds.
    """

    clips: int
    sources: int
    classes: int
    signers: int
    total_s: float


@dataclass(frozen=True, slots=True)
class Group:
    """The clips of one class or signer.

    Attributes:
        clips: all of them.
        splits: by split.
    """

    clips: int
    splits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a build.

    Attributes:
        clips: written samples.
        videos: whether samples have videos.
        splits: by name, in the order of the shards.
        labels: clips by class.
        signers: clips by signer; those without one are in none.
        languages: clips by language, most first.
        flags: clips by flag, sorted by name.
        nameless: clips of which nobody knows who signs.
        shared_signers: signers in more than one split.
        shared_sources: sources in more than one split.
        total_s: length of all clips in seconds.
        lengths_s: shortest, median and longest clip in seconds; zeros without clips.
        fps: frame rates, sorted.
        short_side: smallest and largest short side of the pictures, in pixels.
        seen: mean share of frames by part of the body; None where it was not measured.
    """

    clips: int
    videos: bool
    splits: Mapping[str, Split]
    labels: Mapping[str, Group]
    signers: Mapping[str, Group]
    languages: Mapping[str, int]
    flags: Mapping[str, int]
    nameless: int
    shared_signers: int
    shared_sources: int
    total_s: float
    lengths_s: tuple[float, float, float]
    fps: tuple[float, ...]
    short_side: tuple[int, int]
    seen: Mapping[str, float | None]


def counts_of(index: Any) -> Counts:
    """Count.

    Args:
        index: a `pyarrow.Table` with the schema `tables.INDEX`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.divide(pc.cast(index["frames"], pa.float64()), index["fps"])
    splits = pc.unique(index["split"]).to_pylist()
    labels, signers = _groups(index, "label", splits), _groups(index, "signer", splits)
    sources, shared_sources = _sources(index)
    seconds = _seconds(index)
    sides = pc.min_max(pc.min_element_wise(index["width"], index["height"])).as_py()
    first = index.slice(0, 1).to_pylist()
    clips = _most_first(index["split"])
    return Counts(
        clips=len(index),
        videos=any(member["name"] == "mp4" for row in first for member in row["members"]),
        splits={
            split: Split(
                clips=clips[split],
                sources=sources[split],
                classes=sum(split in group.splits for group in labels.values()),
                signers=sum(split in group.splits for group in signers.values()),
                total_s=seconds[split],
            )
            for split in splits
        },
        labels=labels,
        signers=signers,
        languages=_most_first(index["language"]),
        flags=dict(sorted(_most_first(pc.list_flatten(index["flags"])).items())),
        nameless=index["signer"].null_count,
        shared_signers=sum(len(group.splits) > 1 for group in signers.values()),
        shared_sources=shared_sources,
        total_s=sum(seconds[split] for split in splits),
        lengths_s=_three(lengths),
        fps=tuple(sorted(pc.unique(index["fps"]).to_pylist())),
        short_side=(sides["min"] or 0, sides["max"] or 0),
        seen={part: _mean(index["quality"], part) for part in SEEN},
    )


def _groups(table: Any, name: str, splits: list[str]) -> dict[str, Group]:
    found: dict[str, dict[str, int]] = {}
    for row in table.group_by([name, "split"]).aggregate([([], "count_all")]).to_pylist():
        if row[name] is not None:
            found.setdefault(row[name], {})[row["split"]] = row["count_all"]
    order = {split: place for place, split in enumerate(splits)}
    return {
        each: Group(sum(by.values()), dict(sorted(by.items(), key=lambda item: order[item[0]])))
        for each, by in sorted(found.items())
    }


def _sources(table: Any) -> tuple[dict[str, int], int]:
    """Sources by split, and how many stand in several; no dict of them, there may be millions."""
    import pyarrow.compute as pc

    pairs = table.group_by(["source_id", "split"]).aggregate([])
    splits_of = pairs.group_by("source_id").aggregate([([], "count_all")])["count_all"]
    return _most_first(pairs["split"]), pc.sum(pc.greater(splits_of, 1)).as_py() or 0


def _seconds(table: Any) -> dict[str, float]:
    """Length of all clips by split; frames are added up as whole numbers, in any order the same."""
    found: dict[str, float] = {}
    rows = table.group_by(["split", "fps"]).aggregate([("frames", "sum")]).to_pylist()
    for row in sorted(rows, key=lambda row: (row["split"], row["fps"])):
        found[row["split"]] = found.get(row["split"], 0.0) + row["frames_sum"] / row["fps"]
    return found


def _most_first(column: Any) -> dict[str, int]:
    rows = column.value_counts().to_pylist()
    pairs = sorted((-row["counts"], row["values"]) for row in rows)
    return {name: -count for count, name in pairs}


def _three(lengths: Any) -> tuple[float, float, float]:
    import pyarrow.compute as pc

    found = pc.quantile(lengths, q=[0.0, 0.5, 1.0]).to_pylist()
    shortest, middle, longest = (value or 0.0 for value in found)
    return shortest, middle, longest


def _mean(quality: Any, name: str) -> float | None:
    """Mean of a measure; added up in millionths, so that no last bit depends on the order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = pc.map_lookup(quality, query_key=name, occurrence="first").drop_null()
    if not len(values):
        return None
    whole = pc.sum(pc.cast(pc.round(pc.multiply(values, 1e6)), pa.int64())).as_py()
    return float(whole) / 1e6 / len(values)

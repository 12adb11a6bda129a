"""Which clips and frames a picture shows: few, spread, and the same every time."""

from __future__ import annotations

from collections import Counter
from typing import Any

SPLITS_FIRST = ("train", "val", "dev", "test")


def choose_clips(index: Any, count: int) -> list[str]:
    """Keys of `count` clips, spread over splits and inside each split over its labels.

    Args:
        index: the build's index (`pyarrow.Table`).
        count: how many; fewer come where the build has fewer.
    """
    by_split: dict[str, dict[str, list[str]]] = {}
    columns = (index[name].to_pylist() for name in ("key", "split", "label"))
    for key, split, label in zip(*columns, strict=True):
        keys = by_split.setdefault(split, {}).setdefault(label or "", [])
        if len(keys) < count:
            keys.append(key)
    splits = sorted(by_split, key=_rank)
    sizes = {split: sum(map(len, by_split[split].values())) for split in splits}
    shares = dict.fromkeys(splits, 0)
    while sum(shares.values()) < min(count, sum(sizes.values())):
        free = [split for split in splits if shares[split] < sizes[split]]
        shares[min(free, key=lambda split: shares[split])] += 1
    used: Counter[str] = Counter()
    return [key for split in splits for key in _spread(by_split[split], shares[split], used)]


def choose_frames(frames: int, count: int) -> list[int]:
    """Numbers of `count` frames, the middles of as many equal pieces of a clip."""
    count = min(count, frames)
    return [int((piece + 0.5) * frames / count) for piece in range(count)]


def _spread(by_label: dict[str, list[str]], count: int, used: Counter[str]) -> list[str]:
    """Clips of the labels that were shown least so far; counts them in `used`."""
    chosen: list[str] = []
    taken: Counter[str] = Counter()
    while len(chosen) < count:
        left = [label for label in sorted(by_label) if taken[label] < len(by_label[label])]
        least = min(used[label] for label in left)
        fresh = [label for label in left if used[label] == least]
        for place in choose_frames(len(fresh), count - len(chosen)):
            label = fresh[place]
            chosen.append(by_label[label][taken[label]])
            taken[label] += 1
            used[label] += 1
    return chosen


def _rank(split: str) -> tuple[int, str]:
    return (SPLITS_FIRST.index(split) if split in SPLITS_FIRST else len(SPLITS_FIRST), split)

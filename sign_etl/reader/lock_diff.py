"""Two locks side by side: the same clips, the same bytes, the same ends?

Both files are read once, in step. Equal lines are never parsed, and only what one file has and the
other has not yet shown is held, so that two locks of a million clips in one order take seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType
from typing import Any, Final, Literal

from sign_etl.reader.lock import Line, Lock, parse_line
from sign_etl.schema.records import LockHead, dump

Kind = Literal["gone", "added", "bytes", "container", "outcome", "address", "outputs", "facts"]
KINDS: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        "gone": "in the first lock only",
        "added": "in the second lock only",
        "bytes": "other bytes of the source",
        "container": "other bytes of the source, the same normalised video: it was packed anew",
        "outcome": "another end",
        "address": "another address",
        "outputs": "another normalised video, other keypoints or features of the same source",
        "facts": "another rate, length or flags of the same source",
    }
)
"""In what a clip may differ, the weightiest first."""

_END = ("outcome", "stage", "reason", "detail")
_OUTPUTS = ("video", "poses", "features")
_NOT_COMPARED = frozenset({"notes", "key"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A clip that is not the same in both locks.

    Attributes:
        key: of the clip.
        kinds: in what it differs; the first one is the weightiest.
        first: its line in the first lock, None where it has none.
        second: likewise.
    """

    key: str
    kinds: tuple[Kind, ...]
    first: Line | None
    second: Line | None


@dataclass(frozen=True, slots=True)
class HeadDifference:
    """What the two heads do not share.

    Attributes:
        name: such as `stages.normalise`.
        first: its value there, None where it is absent.
        second: likewise.
    """

    name: str
    first: Any
    second: Any


def diff_heads(first: LockHead, second: LockHead) -> list[HeadDifference]:
    """Names under which two heads differ, sorted."""
    one, other = (dict(_flat(dump(head))) for head in (first, second))
    return [
        HeadDifference(name, one.get(name), other.get(name))
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name) and name != "pipeline_digest"
    ]


def diff_lines(first: Lock, second: Lock) -> Iterator[Difference]:
    """Clips that differ. Notes (when, how often) are not compared.

    Raises:
        VerifyError: a file is damaged.
    """
    waiting: tuple[dict[str, Line], dict[str, Line]] = ({}, {})
    for one, other in zip_longest(first.raw_lines(), second.raw_lines()):
        if one == other:
            continue
        for side, text, lock in ((0, one, first), (1, other, second)):
            if text is None:
                continue
            line = parse_line(text, lock.path)
            key = line["key"]
            partner = waiting[1 - side].pop(key, None)
            if partner is None:
                waiting[side][key] = line
                continue
            pair = (line, partner) if side == 0 else (partner, line)
            if kinds := compare(*pair):
                yield Difference(key, kinds, *pair)
    for key, line in waiting[0].items():
        yield Difference(key, ("gone",), line, None)
    for key, line in waiting[1].items():
        yield Difference(key, ("added",), None, line)


def compare(first: Line, second: Line) -> tuple[Kind, ...]:
    """In what two lines of one clip differ."""
    names = (first.keys() | second.keys()) - _NOT_COMPARED
    differing = {name for name in names if first.get(name) != second.get(name)}
    kinds: list[Kind] = []
    both = "sha256" in first and "sha256" in second
    if "sha256" in differing and both:
        same_video = "video" in first and first["video"] == second.get("video")
        kinds.append("container" if same_video else "bytes")
    if not differing.isdisjoint(_END):
        kinds.append("outcome")
    if "url" in differing:
        kinds.append("address")
    if not both:  # one of them was never fetched: that its outputs are missing says nothing more
        return tuple(kinds)
    if kinds and kinds != ["address"]:
        return tuple(kinds)
    if not differing.isdisjoint(_OUTPUTS):
        kinds.append("outputs")
    if differing - {"url", *_OUTPUTS}:
        kinds.append("facts")
    return tuple(kinds)


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner

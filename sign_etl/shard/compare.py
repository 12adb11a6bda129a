"""Two builds side by side: the same bytes, or the same keypoints within a tolerance.

Both are read through their manifests and indexes; a difference is named down to the sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from sign_etl.core.canonical import digest, sha256_file
from sign_etl.reader import Build, Sample, open_build
from sign_etl.schema.layouts import layout
from sign_etl.schema.records import ManifestRecord
from sign_etl.shard.problems import capped

NAMED = 20
"""So many differences of a kind are named."""
WORST = 10


@dataclass(frozen=True, slots=True)
class Distance:
    """The farthest that a point of a clip lies from its partner.

    Attributes:
        key: of the clip.
        backend: whose keypoints.
        frame: where, counted from 0.
        point: its name.
        px: pixels of the normalised clip.
        unpaired: points of the clip that only one of the builds has estimated.
    """

    key: str
    backend: str
    frame: int
    point: str
    px: float
    unpaired: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison found.

    Attributes:
        problems: one line each; empty where the builds are the same in the sense asked for.
        compared: samples that both have.
        worst: clips with the largest distances, the farthest first.
    """

    problems: tuple[str, ...]
    compared: int
    worst: tuple[Distance, ...] = ()


def tree_digest(manifest: ManifestRecord) -> str:
    """One digest for all shards and tables of a build: equal digests, equal bytes.

    It covers neither the manifest itself nor the lock, which name tools and people.
    """
    return digest(sorted(_stated(manifest).items()))


def compare_bytes(first: Path, second: Path) -> Comparison:
    """Compare what `first` states (and `verify` has checked) with the bytes of `second`.

    Raises:
        UsageError: no build.
        VerifyError: an unfinished or damaged one.
    """
    with open_build(first) as one, open_build(second) as other:
        problems = list(capped(_files(one, other), NAMED, "more differences"))
        common = len(set(one.index["key"].to_pylist()) & set(other.index["key"].to_pylist()))
    return Comparison(tuple(problems), common)


def compare_keypoints(first: Path, second: Path, tolerance_px: float) -> Comparison:
    """Compare keypoints of equal samples, in pixels of the normalised clip.

    Args:
        first: a build.
        second: another one with the same clips.
        tolerance_px: how far a point may lie from its partner.

    Raises:
        UsageError: no build, or none with keypoints.
        VerifyError: an unfinished or damaged one.
    """
    problems: list[str] = []
    worst: list[Distance] = []
    with open_build(first) as one, open_build(second) as other:
        problems += _only(one, other)
        backends = [name for name in one.backends if name in other.backends]
        problems += [
            f"only one of the builds has keypoints of `{name}`"
            for name in sorted(set(one.backends) ^ set(other.backends))
        ]
        one.require_backend()
        compared = 0
        for sample in one:
            if sample.key not in other:
                continue
            compared += 1
            partner = other.sample(sample.key)
            for backend in backends:
                found = _distance(one, other, sample, partner, backend)
                if isinstance(found, str):
                    problems.append(found)
                    continue
                worst = sorted([*worst, found], key=_badness)[:WORST]
                if found.px > tolerance_px or found.unpaired:
                    problems.append(_told(found))
    told = tuple(capped(iter(problems), NAMED, "more differences"))
    return Comparison(told, compared, tuple(worst))


def _files(one: Build, other: Build) -> Iterator[str]:
    stated = _stated(one.manifest)
    present = _stated(other.manifest)
    for name in sorted(stated.keys() | present.keys()):
        if name not in stated or name not in present:
            where = other.path if name in present else one.path
            yield f"{name}: only in {where}"
        elif sha256_file(other.path / name) != stated[name]:
            yield f"{name}: other bytes"
            if name.endswith(".tar"):
                yield from _members(one, other, name)


def _stated(manifest: ManifestRecord) -> dict[str, str]:
    shards = {shard.path: shard.sha256 for shard in manifest.shards}
    return shards | {name: record.sha256 for name, record in manifest.files.items()}


def _members(one: Build, other: Build, shard: str) -> Iterator[str]:
    """Samples and members of a shard that differ, by their checksums in the indexes."""
    mine, theirs = _crcs(one, shard), _crcs(other, shard)
    for name in sorted(mine.keys() | theirs.keys()):
        if name not in mine or name not in theirs:
            yield f"{shard}: {name} only in {other.path if name in theirs else one.path}"
        elif mine[name] != theirs[name]:
            yield f"{shard}: {name} has other bytes"


def _crcs(build: Build, shard: str) -> dict[str, int]:
    rows = build.index.filter(pc.equal(build.index["shard"], shard))
    return {
        f"{row['key']}.{member['name']}": member["crc32"]
        for row in rows.select(["key", "members"]).to_pylist()
        for member in row["members"]
    }


def _only(one: Build, other: Build) -> list[str]:
    mine, theirs = set(one.index["key"].to_pylist()), set(other.index["key"].to_pylist())
    return [
        *(f"{key}: only in {one.path}" for key in sorted(mine - theirs)),
        *(f"{key}: only in {other.path}" for key in sorted(theirs - mine)),
    ]


def _distance(
    one: Build, other: Build, sample: Sample, partner: Sample, backend: str
) -> Distance | str:
    mine, theirs = one.keypoints(sample, backend), other.keypoints(partner, backend)
    size = sample.width, sample.height
    if mine.shape != theirs.shape or size != (partner.width, partner.height):
        return f"{sample.key}: {backend} has another shape or picture size"
    distances = pixel_distances(mine, theirs, *size)
    unpaired = int(np.count_nonzero((mine[..., -1] > 0) != (theirs[..., -1] > 0)))
    px, frame, point = 0.0, 0, 0
    if distances.size and np.isfinite(distances).any():
        frame, point = np.unravel_index(int(np.nanargmax(distances)), distances.shape)  # type: ignore[assignment]
        px = float(distances[frame, point])
    names = _points(one.manifest.poses, backend)
    return Distance(sample.key, backend, int(frame), names[int(point)], round(px, 4), unpaired)


def pixel_distances(
    first: NDArray[Any], second: NDArray[Any], width: int, height: int
) -> NDArray[np.float64]:
    """Distances (T, K) in pixels between keypoints (T, K, C); NaN where either has no point."""
    scale = np.array([width, height], np.float64)
    difference = (first[..., :2].astype(np.float64) - second[..., :2].astype(np.float64)) * scale
    distances: NDArray[np.float64] = np.hypot(difference[..., 0], difference[..., 1])
    return distances


def _points(poses: Mapping[str, Any], backend: str) -> tuple[str, ...]:
    return layout(poses[backend].layout).points


def _badness(distance: Distance) -> tuple[float, int, str]:
    return (-distance.px, -distance.unpaired, distance.key)


def _told(found: Distance) -> str:
    unpaired = f", {found.unpaired} points in one build only" if found.unpaired else ""
    return (
        f"{found.key}: {found.backend} differs by {found.px:.2f} px"
        f" ({found.point}, frame {found.frame}){unpaired}"
    )

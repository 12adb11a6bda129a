"""Sections of a build's card about its arrays: keypoints, and features of frozen networks."""

from __future__ import annotations

from collections.abc import Iterator

from sign_etl.export.card import cell, table
from sign_etl.schema.layouts import LAYOUTS
from sign_etl.schema.records import FeatureSetRecord, ManifestRecord


def keypoints(manifest: ManifestRecord) -> Iterator[str]:
    """The section on keypoints; nothing where there are none."""
    if not manifest.poses:
        return
    yield from ("## Keypoints", "")
    dtype = manifest.pipeline.get("pack", {}).get("dtype", "float16")
    rows = []
    for name, pose in manifest.poses.items():
        kind = LAYOUTS.get(pose.layout)
        shape = f"(T, {kind.size}, {kind.channels})" if kind else ""
        parts = kind.parts if kind else {}
        points = [f"{part.replace('_', ' ')} {len(of)}" for part, of in parts.items() if of]
        rows.append((name, pose.version, pose.layout, shape, ", ".join(points)))
    yield from table(("backend", "version", "layout", "array", "points"), rows)
    yield (
        f"`KEY.BACKEND.npy` is {dtype}: x as a share of the width, y of the height, z where there "
        "are four channels, and the score last."
    )
    yield (
        "They may leave [0, 1]. A point that was not estimated is NaN with score 0. Left is the "
        "signer's own left."
    )
    yield (
        "Names, bones and mirror pairs: `sign-etl schemas show layouts`, or "
        "`sign_etl.schema.layouts.layout(NAME)`."
    )
    yield ""


def features(manifest: ManifestRecord) -> Iterator[str]:
    """The section on features; nothing where there are none."""
    if not manifest.features:
        return
    yield from ("## Features", "")
    yield from table(
        ("set", "network", "array", "type", "frames", "files"),
        (
            (
                name,
                cell(network(one)),
                f"(T, {one.size})" if one.size else "(T, D)",
                str(one.options.get("dtype", "float16")),
                _frames(one),
                ", ".join(f"{cell(file)} `{digest[:12]}`" for file, digest in one.weights.items()),
            )
            for name, one in manifest.features.items()
        ),
    )
    yield (
        "`KEY.SET.feat.npy` has a time step for each frame that the network saw, each frame alone. "
        "Nothing was trained for it."
    )
    yield (
        "`manifest.json` has the sha256 of its files and all options, `KEY.json` the shape and "
        "what it ran on."
    )
    yield ""


def network(one: FeatureSetRecord) -> str:
    """The backend, its version and the name of its model."""
    model = one.options.get("model")
    return f"{one.backend} {one.version}" + (f" ({model})" if model else "")


def _frames(one: FeatureSetRecord) -> str:
    rate, stride = one.options.get("fps"), one.options.get("stride", 1)
    if rate:
        return f"{rate:g} a second"
    return "all" if stride == 1 else f"one of {stride}"

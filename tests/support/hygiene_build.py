"""Tiny builds with copies, shared sources and other things that hygiene looks for."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from forge import change_index, change_ledger, change_member
from numpy.typing import NDArray
from tiny_build import write_tiny_build

from sign_etl.core.canonical import canonical_json
from sign_etl.reader import open_build
from sign_etl.schema.layouts import Layout, layout

HOLISTIC = layout("holistic-75")
Facts = Mapping[str, Mapping[str, Any]]


def write_build(
    out: Path,
    motions: list[NDArray[Any]],
    *,
    index: Facts | None = None,
    lock: Facts | None = None,
) -> list[str]:
    """A build with one clip for each array of keypoints; returns the keys by their number.

    Args:
        out: folder to create.
        motions: keypoints (T, 75, 4) of each clip.
        index: columns of index and ledger to change, by annotation id (`clip 0`).
        lock: what the lock says of a clip, likewise; no lock where it is None.
    """
    write_tiny_build(out, clips=len(motions), splits=("train", "val", "test"), keep_video=False)
    with open_build(out) as build:
        keys = {sample.annotation_id: sample.key for sample in build}
    ordered = [keys[f"clip {number}"] for number in range(len(motions))]
    for key, keypoints in zip(ordered, motions, strict=True):
        buffer = io.BytesIO()
        np.save(buffer, keypoints.astype(np.float16), allow_pickle=False)
        change_member(out, key, "blazepose.npy", lambda _, new=buffer: new.getvalue())
    changes = {keys[name]: dict(facts) for name, facts in (index or {}).items()}

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row.update(changes.get(row["key"], {}))

    change_index(out, change)
    change_ledger(out, lambda rows: change([row for row in rows if row["key"] in ordered]))
    if lock is not None:
        empty: dict[str, Any] = {name: {} for name in ("pipeline", "stages", "poses", "packages")}
        head = {"schema": "sign-etl/lock/1", "plan": "0" * 64, "sign_etl": "0", "cpu_flags": []}
        lines = [head | empty]
        for name, key in keys.items():
            own = {"sha256": f"source of {name}", "video": f"video of {name}"}
            lines.append({"key": key, "outcome": "written"} | own | dict(lock.get(name, {})))
        text = "".join(canonical_json(line) + "\n" for line in lines)
        (out / "build.lock").write_text(text, encoding="utf-8")
    return ordered


def motion(seed: int, frames: int = 80, kind: Layout = HOLISTIC) -> NDArray[np.float64]:
    """(T, K, C) of a signer whose hands go along smooth ways of their own."""
    random = np.random.default_rng(seed)
    keypoints = np.full((frames, kind.size, kind.channels), np.nan)
    keypoints[..., -1] = 0
    times = np.linspace(0, 1, frames)
    lift = np.clip(np.minimum(times, 1 - times) * 5 - 0.5, 0, 1)  # rest at both ends

    def put(name: str, x: Any, y: Any) -> None:
        if name in kind.points:
            at = kind.points.index(name)
            keypoints[:, at, 0], keypoints[:, at, 1], keypoints[:, at, -1] = x, y, 1.0

    put("left_shoulder", 0.62, 0.4)
    put("right_shoulder", 0.38, 0.4)
    for side, home in (("left", 0.62), ("right", 0.38)):
        ways = random.normal(0, 0.06, (2, 3))
        phases = random.uniform(0, 6, (2, 3))
        turns = np.array([1, 2, 3])
        x, y = (
            (way * np.sin(2 * np.pi * times[:, None] * turns + phase)).sum(axis=1)
            for way, phase in zip(ways, phases, strict=True)
        )
        x, y = home + lift * x, 0.85 - lift * (0.35 + y)
        put(f"{side}_wrist", x, y)
        put(f"{side}_elbow", (x + home) / 2 + 0.03, (y + 0.4) / 2)
        for number, finger in enumerate(("thumb", "index", "middle", "ring", "pinky")):
            spread = random.normal(0, 0.02)
            put(f"{side}_hand_{finger}_tip", x + 0.02 * (number - 2) + spread, y - 0.06)
    return keypoints

"""What nearest neighbours reach without any training: the bar that a trained model must pass.

    python baselines.py --data BUILD [--split test] [--select val] [--shape]

Single frames of all clips are compared at the same share of their time: a still picture of a sign
often tells it. The share and k are chosen on the selection split, as a model is (of equal ones the
mean is told), and with hindsight on the judged split itself, which no method may do. Whole clips
are compared at equal length.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.cli.output import Output
from sign_etl.core.errors import SignEtlError
from sign_etl.reader import open_build
from sign_etl.schema.layouts import layout
from sign_etl.stream.transforms_pose import Pose, transform

SHARES = tuple(number / 10 for number in range(11))
"""Places of the single frame in the clip, 0 the first one."""
NEIGHBOURS = (1, 3, 5)
LENGTH = 32
"""Frames of a whole clip when clips are compared."""

Set = tuple[list[NDArray[np.float32]], NDArray[np.int64]]


def read_split(build: Path, split: str, steps: Sequence[str], wanted: Sequence[str] = ()) -> Set:
    """Keypoints of every labelled clip after some transforms, missing points 0, and the classes."""
    made = [transform(step) for step in steps]
    clips, labels = [], []
    with open_build(build) as opened:
        name = opened.require_backend()
        kind = layout(opened.manifest.poses[name].layout)
        for sample in opened:
            if sample.split != split or sample.label_id is None:
                continue
            if wanted and sample.label not in wanted:
                continue
            keypoints = opened.keypoints(sample, name).astype(np.float32)
            pose = Pose(keypoints, kind, sample.width, sample.height, sample.fps)
            for step in made:
                pose = step(pose, np.random.default_rng)
            clips.append(np.nan_to_num(pose.keypoints[..., :-1]))
            labels.append(sample.label_id)
    return clips, np.array(labels, np.int64)


def still(clips: Sequence[NDArray[Any]], share: float) -> NDArray[np.float32]:
    """(N, K * C) one frame of each clip."""
    return np.stack([clip[round(share * (len(clip) - 1))].ravel() for clip in clips])


def whole(clips: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    """(N, LENGTH * K * C) evenly spaced frames of each clip."""
    rows = [clip[np.rint(np.linspace(0, len(clip) - 1, LENGTH)).astype(int)] for clip in clips]
    return np.stack([row.ravel() for row in rows])


def accuracy(queries: NDArray[Any], gallery: NDArray[Any], one: Set, other: Set, k: int) -> float:
    """Share of queries whose class most of their k nearest neighbours have."""
    distance = ((queries[:, None] - gallery[None]) ** 2).sum(-1)
    near = other[1][np.argsort(distance, axis=1, kind="stable")[:, :k]]
    votes = (near[:, :, None] == near[:, None, :]).sum(-1)  # of equal votes the nearer one
    found = near[np.arange(len(near)), votes.argmax(1)]
    return float((found == one[1]).mean())


def baselines(
    build: Path,
    steps: Sequence[str],
    labels: Sequence[str] = (),
    *,
    select: str = "val",
    split: str = "test",
) -> dict[str, Any]:
    """Accuracies on `split`; what there is to choose is chosen on `select`."""
    train, chooser, judged = (
        read_split(build, name, steps, labels) for name in ("train", select, split)
    )

    def frame(of: Set, share: float, k: int) -> float:
        return accuracy(still(of[0], share), still(train[0], share), of, train, k)

    def clip(of: Set, k: int) -> float:
        return accuracy(whole(of[0]), whole(train[0]), of, train, k)

    tried = [(share, k) for share in SHARES for k in NEIGHBOURS]
    on_select = [frame(chooser, *choice) for choice in tried]
    on_split = [frame(judged, *choice) for choice in tried]
    best = [on_split[n] for n, value in enumerate(on_select) if value == max(on_select)]
    k = max(NEIGHBOURS, key=lambda k: clip(chooser, k))
    return {
        "clips": len(judged[1]),
        "chance": 1 / len(np.unique(train[1])),
        "middle frame, 1-NN": frame(judged, 0.5, 1),
        "best frame by selection": float(np.mean(best)),
        "best frame with hindsight": max(on_split),
        f"whole clip, {k}-NN": clip(judged, k),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="baselines.py", description="Nearest neighbours.")
    parser.add_argument("--data", type=Path, required=True, help="a build")
    parser.add_argument("--split", default="test")
    parser.add_argument("--select", default="val")
    parser.add_argument("--labels", nargs="+", default=[], help="only these; default all")
    parser.add_argument("--shape", action="store_true", help="hands in a scale of their own")
    options = parser.parse_args(arguments)
    out, steps = Output(), ["clip-box", *(["hand-shape"] if options.shape else [])]
    try:
        found = baselines(
            options.data, steps, options.labels, select=options.select, split=options.split
        )
    except SignEtlError as error:
        out.error(error.message, error.hint)
        return error.exit_code
    out.table(("baseline", "value"), [(name, f"{value:.4g}") for name, value in found.items()])
    return 0


if __name__ == "__main__":
    sys.exit(main())

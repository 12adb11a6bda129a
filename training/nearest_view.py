"""Nearest neighbours from one view to another, without training: the bar for the systems.

    python nearest_view.py --data BUILD

Clips of `test` are looked for among those of `train`, in SPOTER's normalisation, missing points 0.
There is nothing to choose but the frame, and choosing it with hindsight is told apart.
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
from sign_etl.stream.transforms_pose import Pose, transforms

LENGTH = 32
"""Frames of a clip when clips are compared."""
STEPS = (
    {"name": "temporal", "method": "linspace", "frames": LENGTH},
    {"name": "layout", "to": "spoter-54"},
    {"name": "spoter-normalise"},
)

Clips = NDArray[np.float32]
"""(N, LENGTH, K * 2), a clip of each class, in the order of the classes."""


def read_split(build: Path, split: str) -> tuple[Clips, NDArray[np.int64]]:
    """Clips and their classes."""
    clips, labels, steps = [], [], transforms(list(STEPS))
    with open_build(build) as opened:
        name = opened.require_backend()
        kind = layout(opened.manifest.poses[name].layout)
        for sample in opened:
            if sample.split == split and sample.label_id is not None:
                given = opened.keypoints(sample, name).astype(np.float32)
                pose = Pose(given, kind, sample.width, sample.height, sample.fps)
                for step in steps:
                    pose = step(pose, np.random.default_rng)
                clips.append(np.nan_to_num(pose.keypoints[..., :2]).reshape(LENGTH, -1))
                labels.append(sample.label_id)
    return np.stack(clips), np.array(labels, np.int64)


def squares(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float64]:
    """(N, M) squared distances of (N, D) and (M, D)."""
    return np.stack([((row - other) ** 2).sum(-1, dtype=np.float64) for row in one])


def warped(one: Clips, other: Clips) -> NDArray[np.float64]:
    """(N, M) distances by dynamic time warping, of single frames the Euclidean one.

    D[i, j] = d(i, j) + min(D[i-1, j-1], D[i-1, j], D[i, j-1]), the end over both lengths.
    """
    steps = one.shape[1]
    cost = np.full((steps + 1, steps + 1, len(one), len(other)), np.inf)
    cost[0, 0] = 0
    for i in range(steps):
        for j in range(steps):
            before = np.minimum(np.minimum(cost[i, j], cost[i, j + 1]), cost[i + 1, j])
            cost[i + 1, j + 1] = before + np.sqrt(squares(one[:, i], other[:, j]))
    return np.asarray(cost[-1, -1] / (2 * steps))


def tops(distances: NDArray[np.float64], asked: Any, known: Any) -> tuple[float, float]:
    """How often the class of the nearest clip is right, and one of the five nearest."""
    order = known[np.argsort(distances, axis=1, kind="stable")]
    right = order[:, :5] == np.asarray(asked)[:, None]
    return float(right[:, 0].mean()), float(right.any(1).mean())


def nearest(build: Path) -> list[dict[str, Any]]:
    """Lines of results: top 1 and top 5 of each way to compare."""
    known, labels = read_split(build, "train")
    asked, answers = read_split(build, "test")

    def of_frame(number: int) -> tuple[float, float]:
        return tops(squares(asked[:, number], known[:, number]), answers, labels)

    def flat(clips: Clips) -> NDArray[np.float32]:
        return clips.reshape(len(clips), -1)

    found = {
        "1-NN, middle frame": of_frame(LENGTH // 2),
        "1-NN, best single frame with hindsight": max(map(of_frame, range(LENGTH))),
        "1-NN, mean pose": tops(squares(asked.mean(1), known.mean(1)), answers, labels),
        "1-NN, whole clip": tops(squares(flat(asked), flat(known)), answers, labels),
        "1-NN, whole clip, time warping": tops(warped(asked, known), answers, labels),
    }
    common = {"protocol": "nearest", "number": 0, "takes": "keypoints", "parameters": 0}
    return [
        {"system": name, **common, "top1": top1, "top5": top5}
        for name, (top1, top5) in found.items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="nearest_view.py", description="Neighbours by view.")
    parser.add_argument("--data", type=Path, required=True, help="a build")
    out = Output()
    try:
        lines = nearest(parser.parse_args(arguments).data)
    except SignEtlError as error:
        out.error(error.message, error.hint)
        return error.exit_code
    rows = [(line["system"], f"{line['top1']:.3f}", f"{line['top5']:.3f}") for line in lines]
    out.table(("neighbours", "top 1", "top 5"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

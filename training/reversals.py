"""Motions and their time-reversals: a data set in which no single frame tells the class.

    python reversals.py reversals.npz

The head of `spoter/reversals.yaml` says how it becomes a build.

The motions are those of the demo, drawn by nobody and of no sign language. Some time in a clip the
signer goes from the middle of a motion to its one end, to the other end, and back to the middle.
The twin of a clip shows the same frames in reverse order under another label, so whatever looks at
all frames without their order is right in half of the cases; and since the motion begins at any
time, so, nearly, is whatever looks at one frame.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.files import atomic_open
from sign_etl.recipes.demo import MOTIONS, SIDE
from sign_etl.recipes.signer import clip_poses, joints, signer
from sign_etl.schema.layouts import layout

FRAMES = 48
EVENT = 20
"""Frames of the motion; before and after it the signer stands still."""
FINE = 240
"""Poses that are drawn of a motion."""
SIGNERS = 4
UPRIGHT = ("circle", "rise", "zigzag")
"""Motions whose way is told by the height of the hand, others by its side."""
WRIST = layout("holistic-75").index("right_wrist")


def clip(motion: str, take: int) -> NDArray[np.float32]:
    """(T, 75, 3) shares of the picture and depth 0; joints that are not drawn are 0."""
    seed = 100 * take + MOTIONS.index(motion)
    poses = clip_poses(motion, frames=FINE, seed=seed)
    person = signer(take % SIGNERS)
    drawn = np.stack([joints(person, pose, width=SIDE, height=SIDE) for pose in poses]) / SIDE
    hand = drawn[:, WRIST, int(motion in UPRIGHT)]
    shown = drawn[way(hand, np.random.default_rng(seed))]
    return np.nan_to_num(np.concatenate([shown, np.zeros_like(shown[..., :1])], -1)).astype("f4")


def way(track: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.intp]:
    """(T,) which pose stands in each frame: middle, lowest, highest, middle.

    Args:
        track: (N,) places of the hand on one axis.
        rng: for when it begins, and how long each part takes.
    """
    low = int(np.argmin(track))
    # The nearest of several tops: between the two the hand goes one way only.
    tops = np.flatnonzero(track >= track.max() - 0.05 * np.ptp(track))
    high = int(tops[np.argmin(np.abs(tops - low))])
    begin = rng.integers(1, FRAMES - EVENT)
    first, second = np.sort(rng.uniform(0.2, 0.8, 2))
    times = begin + EVENT * np.array([0.0, first * 0.8, 0.2 + second * 0.8, 1.0])
    share = np.interp(np.arange(FRAMES), times, [0.5, 0.0, 1.0, 0.5])
    return np.rint(low + share * (high - low)).astype(np.intp)


def data_set(motions: Sequence[str], takes: int) -> dict[str, NDArray[np.generic]]:
    """Arrays `X` (N, T, 225), `y` and `take`: every take of every motion, and its reversal."""
    clips, labels, numbers = [], [], []
    for motion in motions:
        for take in range(takes):
            made = clip(motion, take).reshape(FRAMES, -1)
            clips += [made, made[::-1]]
            labels += [motion, f"{motion}-reversed"]
            numbers += [take, take]
    return {"X": np.stack(clips), "y": np.array(labels), "take": np.array(numbers)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="reversals.py", description="Motions both ways.")
    parser.add_argument("out", type=Path, help="the .npz file")
    parser.add_argument("--takes", type=int, default=130)
    parser.add_argument("--motions", nargs="+", default=list(MOTIONS), choices=MOTIONS)
    options = parser.parse_args(arguments)
    with atomic_open(options.out) as file:
        np.savez_compressed(file, **data_set(options.motions, options.takes))
    return 0


if __name__ == "__main__":
    sys.exit(main())

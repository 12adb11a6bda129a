"""Score and gaps of keypoints over the course of clips."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tiny_build import write_tiny_build

from sign_etl.reader import open_build
from sign_etl.reader.pose_quality import PIECES, pose_quality


def test_a_hand_that_is_gone_in_the_last_quarter(tmp_path: Path) -> None:
    write_tiny_build(tmp_path / "b", clips=3, keep_video=False, backends=("one", "two"))
    with open_build(tmp_path / "b") as build:
        first, second = pose_quality(build)
        fewer, _ = pose_quality(build, clips=2)
    assert (first.backend, second.backend, first.clips, fewer.clips) == ("one", "two", 3, 2)
    curves = {curve.part: curve for curve in first.curves}
    # Twelve frames go into twenty pieces: some hold one frame, some none.
    gone = curves["right_hand"].missing
    assert gone[: PIECES * 3 // 4].sum() == 0
    assert gone[PIECES * 3 // 4] == 1
    assert curves["left_hand"].missing.sum() == 0
    there = curves["left_hand"].score[np.isfinite(curves["left_hand"].score)]
    assert np.abs(there - 0.97).max() < 0.01
    assert np.isnan(curves["right_hand"].score[PIECES * 3 // 4])

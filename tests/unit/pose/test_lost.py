"""When the detector must look again, and where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sign_etl.pose.lost import lost, middles

FRAMES = 21
KEYS = np.arange(FRAMES) % 10 == 0


def clip(score: float = 0.8) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Points that fill their boxes by two thirds."""
    boxes = np.tile(np.array([100, 50, 200, 250], np.float32), (FRAMES, 1))
    rng = np.random.default_rng(0)
    points = np.empty((FRAMES, 133, 3), np.float32)
    points[..., 0] = rng.uniform(110, 190, (1, 133))
    points[..., 1] = rng.uniform(60, 240, (1, 133))
    points[..., 2] = score
    return points, boxes


def test_a_clip_without_losses_is_not_looked_at_again() -> None:
    for score in (0.02, 0.8, 7.0):
        points, boxes = clip(score)
        assert not lost(points, boxes, KEYS).any()


def test_a_fall_of_the_score_is_a_loss() -> None:
    points, boxes = clip()
    points[13:16, :17, 2] = 0.3
    assert np.flatnonzero(lost(points, boxes, KEYS)).tolist() == [13, 14, 15]
    assert middles(lost(points, boxes, KEYS)) == (14,)


def test_points_that_shrink_in_their_box_are_a_loss() -> None:
    points, boxes = clip()
    points[5:9, :, :2] = 150 + (points[5:9, :, :2] - 150) * 0.4
    points[3, :, :2] = 150 + (points[3, :, :2] - 150) * 0.8
    assert np.flatnonzero(lost(points, boxes, KEYS)).tolist() == [5, 6, 7, 8]


def test_key_frames_and_frames_without_anybody_are_no_losses() -> None:
    points, boxes = clip()
    points[[10, 12], :, 2] = 0.01
    boxes[12] = np.nan
    points[12] = (np.nan, np.nan, 0)
    assert not lost(points, boxes, KEYS).any()


def test_nobody_at_any_key_frame_compares_with_nothing() -> None:
    points, boxes = clip()
    boxes[KEYS] = np.nan
    assert not lost(points, boxes, KEYS).any()


def test_no_sure_point_at_all_is_no_division_by_zero() -> None:
    points, boxes = clip(0.0)
    points[..., :2] = np.nan
    assert not lost(points, boxes, KEYS).any()


def test_runs_are_asked_in_their_middle() -> None:
    wrong = np.array([1, 1, 1, 0, 1, 0, 0, 1, 1], bool)
    assert middles(wrong) == (1, 4, 7)
    assert middles(np.zeros(4, bool)) == ()
    assert middles(np.ones(4, bool)) == (1,)

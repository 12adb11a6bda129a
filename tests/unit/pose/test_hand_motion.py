"""Motion of the hands in shoulder widths."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sign_etl.pose.motion import hand_motion
from sign_etl.schema.layouts import layout

KIND = layout("coco-wholebody-133")


def standing(sightings: int) -> NDArray[np.float64]:
    pixels = np.full((sightings, KIND.size, 2), 200.0)
    pixels[:, KIND.index("left_shoulder")] = (250, 100)
    pixels[:, KIND.index("right_shoulder")] = (150, 100)
    return pixels


def test_hands_move_in_shoulder_widths() -> None:
    pixels = standing(3)
    hands = [KIND.index(name) for name in ("left_wrist", "left_hand_index_tip")]
    pixels[1, hands] += (30, 40)  # 50 px there and 50 px back: half a shoulder width
    scores = np.ones(pixels.shape[:2])
    # Two of ten markers move.
    assert hand_motion(pixels, scores, (0, 9, 18), KIND) == pytest.approx(0.5 * 2 / 10)
    assert hand_motion(pixels * 3, scores, (0, 9, 18), KIND) == pytest.approx(0.1)
    unsure = np.where(np.isin(np.arange(KIND.size), hands), 0.2, 1.0)[None].repeat(3, axis=0)
    assert hand_motion(pixels, unsure, (0, 9, 18), KIND) == 0


def test_walking_is_no_signing() -> None:
    pixels = standing(4) + np.arange(4)[:, None, None] * 100.0
    assert hand_motion(pixels, np.ones(pixels.shape[:2]), range(4), KIND) == 0


def test_motion_that_cannot_be_told() -> None:
    pixels = standing(2)
    scores = np.ones(pixels.shape[:2])
    assert np.isnan(hand_motion(pixels[:1], scores[:1], (0,), KIND))
    assert np.isnan(hand_motion(pixels, scores * 0, (0, 1), KIND))
    hands = layout("hands-42")
    assert np.isnan(hand_motion(np.zeros((2, 42, 2)), np.ones((2, 42)), (0, 1), hands))

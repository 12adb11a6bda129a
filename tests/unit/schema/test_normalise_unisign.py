"""Uni-Sign's normalisation, by hand and whatever the camera does."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from made_signer import (
    SIZE,
    UNISIGN,
    WHOLE,
    filmed,
    near,
    same,
    scales,
    seeds,
    shifts,
    signer,
)

from sign_etl.schema.conversions import convert, mirrored
from sign_etl.schema.normalise_unisign import unisign_normalised


def test_unisign_by_hand() -> None:
    keypoints = np.full((2, 133, 3), 0.5, np.float32)
    keypoints[..., 2] = 0.1
    body = {0: (0.5, 0.2), 3: (0.55, 0.2), 4: (0.45, 0.2), 5: (0.6, 0.4), 6: (0.4, 0.4)}
    for number, xy in {**body, 9: (0.7, 0.6)}.items():
        keypoints[:, number] = (*xy, 0.9)
    keypoints[1, 9, :2] = (0.3, 0.6)
    keypoints[:, 91] = (0.7, 0.6, 0.9)
    keypoints[:, 99] = (0.74, 0.52, 0.8)
    keypoints[:, 53] = (0.5, 0.2, 0.7)
    keypoints[:, 39] = (0.52, 0.25, 0.6)
    made = unisign_normalised(keypoints, "coco-wholebody-133")
    assert made.shape == (2, 69, 3)
    # x from 0.3 to 0.7 over both frames, y from 0.2 to 0.6: s = 0.4, middle (0.5, 0.4)
    assert made[0, 0].tolist() == near([0, -1, 0.9])
    assert made[0, UNISIGN.index("left_shoulder")].tolist() == near([0.5, 0, 0.9], abs=1e-6)
    assert made[0, UNISIGN.index("left_wrist"), :2].tolist() == near([1, 1])
    assert made[1, UNISIGN.index("left_wrist"), :2].tolist() == near([-1, 1])
    # Other parts without the 2, from wrist and nose.
    tip = made[0, UNISIGN.index("left_hand_index_tip")].tolist()
    assert tip == near([0.1, -0.2, 0.8])
    assert made[0, 9].tolist() == near([0, 0, 0.9])
    assert made[0, UNISIGN.index("face_16")].tolist() == near([0.05, 0.125, 0.6])
    assert made[0, -1].tolist() == near([0, 0, 0.7])
    # Not believed: no place and no score.
    assert (made[:, UNISIGN.index("right_elbow")] == 0).all()
    assert (made[:, list(UNISIGN.parts["right_hand"])] == 0).all()


def test_unisign_clips_and_gives_up() -> None:
    keypoints = np.zeros((1, 69, 3), np.float32)
    for number, xy in ((0, (0.4, 0.4)), (1, (0.5, 0.4)), (3, (0.4, 0.5)), (4, (0.5, 0.5))):
        keypoints[0, number] = (*xy, 0.9)
    keypoints[0, 30] = (0.5, 0.5, 0.2)  # a wrist that is not believed is an origin still
    keypoints[0, 31] = (0.52, 0.9, 1.08)
    made = unisign_normalised(keypoints)
    assert made[0, 31].tolist() == near([0.2, 1, 1])
    assert (made[0, 30] == 0).all()
    keypoints[0, 4, 2] = 0.3
    assert (unisign_normalised(keypoints) == 0).all()
    keypoints[0, :, 2] = 0.9
    keypoints[..., :2] = 0.5
    assert (unisign_normalised(keypoints) == 0).all()
    assert unisign_normalised(keypoints[:0]).shape == (0, 69, 3)


def test_unisign_without_an_origin() -> None:
    keypoints = signer(WHOLE, SIZE, 1)
    keypoints[:, [91, 112]] = (0.5, 0.5, 0.9)
    keypoints[0, 91] = (np.nan, np.nan, 0)
    made = unisign_normalised(keypoints, "coco-wholebody-133")
    assert (made[0, list(UNISIGN.parts["left_hand"])] == 0).all()
    assert made[0, list(UNISIGN.parts["right_hand"])].any()
    assert made[1, list(UNISIGN.parts["left_hand"])].any()


@given(seed=seeds, scale=scales, shift=shifts)
def test_unisign_does_not_see_the_camera(seed: int, scale: float, shift: tuple[int, int]) -> None:
    keypoints = signer(WHOLE, SIZE, seed)
    moved = filmed(keypoints, WHOLE, SIZE, scale, shift)
    for size in (None, SIZE):
        one = unisign_normalised(keypoints, "coco-wholebody-133", size=size)
        assert same(one, unisign_normalised(moved, "coco-wholebody-133", size=size), 1e-3)
    assert np.abs(one).max() <= 1


@given(seed=seeds)
def test_unisign_and_flips_commute(seed: int) -> None:
    keypoints = signer(WHOLE, SIZE, seed)
    made = unisign_normalised(keypoints, "coco-wholebody-133")
    flipped = unisign_normalised(mirrored(keypoints, WHOLE), "coco-wholebody-133")
    assert same(flipped, mirrored(made, UNISIGN, axis=0))


@given(seed=seeds)
def test_unisign_does_not_change_its_input(seed: int) -> None:
    keypoints = convert(signer(WHOLE, SIZE, seed), "coco-wholebody-133", "unisign-69")
    before = keypoints.copy()
    made = unisign_normalised(keypoints)
    assert np.array_equal(keypoints, before, equal_nan=True)
    assert np.isfinite(made).all()

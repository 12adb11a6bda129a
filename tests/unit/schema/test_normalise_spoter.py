"""SPOTER's normalisation, by hand and whatever the camera does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from made_signer import (
    SIZE,
    SPOTER,
    SQUARE,
    filmed,
    near,
    same,
    scales,
    seeds,
    shifts,
    signer,
)

from sign_etl.schema.conversions import mirrored
from sign_etl.schema.coordinates import Floats
from sign_etl.schema.normalise_spoter import spoter_normalised


def boxed(frames: int = 1) -> Floats:
    """Shoulders 100 px apart in a picture of 500 px, eye 100 px above them."""
    keypoints = np.full((frames, 54, 3), np.nan, np.float32)
    keypoints[..., 2] = 0
    for name, x, y in (
        ("left_shoulder", 300, 300),
        ("right_shoulder", 200, 300),
        ("neck", 250, 300),
        ("left_eye", 260, 200),
        ("nose", 250, 220),
        ("left_wrist", 400, 450),
    ):
        keypoints[:, SPOTER.index(name)] = (x / 500, y / 500, 1)
    return keypoints


def at(made: Floats, point: str, frame: int = 0) -> list[float]:
    return [float(value) for value in made[frame, SPOTER.index(point)]]


def test_the_body_in_its_box_by_hand() -> None:
    made = spoter_normalised(boxed(), SQUARE)
    # x from 250 - 300, y from 200 - 100, sides of 600
    assert at(made, "left_wrist") == near([450 / 600 - 0.5, 350 / 600 - 0.5])
    assert at(made, "neck") == near([0, 200 / 600 - 0.5])
    assert np.isnan(at(made, "right_ear")).all()
    half = spoter_normalised(boxed(), SQUARE, eye_to_edge=0.5)
    assert at(half, "left_eye") == near([310 / 600 - 0.5, 50 / 600 - 0.5])


def test_the_body_as_published_by_hand() -> None:
    made = spoter_normalised(boxed(), SQUARE, published=True)
    # In shares h = 0.2: x from 0.5 - 0.6 raised to 0, up to 1.1; y from 0.6 - 1.2 raised to 0
    # up to leftEye.y + h = 0.6.
    assert at(made, "left_wrist") == near([0.8 / 1.1 - 0.5, 0.9 / 0.6 - 0.5])
    assert at(made, "neck") == near([0.5 / 1.1 - 0.5, 0.6 / 0.6 - 0.5])
    assert at(made, "right_ear") == [-0.5, -0.5]
    half = spoter_normalised(boxed(), SQUARE, published=True, eye_to_edge=0.5)
    assert at(half, "left_wrist")[1] == near(0.9 / 0.5 - 0.5)


def test_published_is_right_where_y_grows_upwards() -> None:
    keypoints = boxed()
    # Far away, in the middle: no edge of the box leaves the picture.
    keypoints[..., :2] = 0.5 + (keypoints[..., :2] - 0.5) / 8
    upwards = keypoints.copy()
    upwards[..., 1] = 1 - upwards[..., 1]
    seen = keypoints[0, :, 2] > 0
    theirs = spoter_normalised(upwards, SQUARE, published=True)[0, seen]
    ours = spoter_normalised(keypoints, SQUARE)[0, seen]
    assert theirs == near(ours * (1, -1), abs=1e-5)
    # On our y it is not: the same signer lies far outside of the published box.
    assert spoter_normalised(keypoints, SQUARE, published=True)[0, seen, 1].min() > 0.2


def test_a_hand_in_its_box_by_hand() -> None:
    keypoints = boxed()
    points = list(SPOTER.parts["left_hand"])
    # 120 px wide, 60 px high, middle (360, 130): sides of 144 px
    for number, (x, y) in zip(points, ((300, 100), (420, 160), (360, 130)), strict=False):
        keypoints[0, number] = (x / 500, y / 500, 1)
    for published in (False, True):
        made = spoter_normalised(keypoints, SQUARE, published=published)[0, points]
        assert made[:3].tolist() == near(np.array([[-60, -30], [60, 30], [0, 0]]) / 144, abs=1e-6)
        assert (made[3:] == -0.5).all() if published else np.isnan(made[3:]).all()


def test_a_hand_of_one_point() -> None:
    keypoints = boxed()
    number = SPOTER.parts["right_hand"][7]
    keypoints[0, number] = (0.3, 0.7, 1)
    assert spoter_normalised(keypoints, SQUARE)[0, number].tolist() == [0, 0]
    published = spoter_normalised(keypoints, SQUARE, published=True)
    assert published[0, number].tolist() == near([-0.2, 0.2])


def test_a_frame_without_shoulders() -> None:
    keypoints = boxed(4)
    for frame, names in ((1, ("left_shoulder",)), (2, ("left_shoulder", "nose"))):
        for name in names:
            keypoints[frame, SPOTER.index(name)] = (np.nan, np.nan, 0)
    made = spoter_normalised(keypoints, SQUARE)
    # From neck to nose: 80 px
    assert at(made, "left_wrist", 1)[0] == near((400 - 250) / 480)
    # Neither: the box of the frame before.
    assert at(made, "left_wrist", 2) == at(made, "left_wrist", 1)
    assert at(made, "left_wrist", 3) == at(made, "left_wrist", 0)


def test_before_the_first_box_and_without_any() -> None:
    keypoints = boxed(2)
    keypoints[0, SPOTER.index("left_shoulder")] = (np.nan, np.nan, 0)
    keypoints[0, SPOTER.index("nose")] = (np.nan, np.nan, 0)
    made = spoter_normalised(keypoints, SQUARE)
    assert at(made, "left_wrist", 0) == at(made, "left_wrist", 1)
    published = spoter_normalised(keypoints, SQUARE, published=True)
    assert at(published, "left_wrist", 0) == near([0.3, 0.4])
    assert np.isnan(spoter_normalised(keypoints[:1], SQUARE)[0, :12]).all()
    assert spoter_normalised(keypoints[:0], SQUARE).shape == (0, 54, 2)
    with pytest.raises(ValueError, match=r"\(T, 54, 3\) wanted"):
        spoter_normalised(np.zeros((2, 75, 4)), SQUARE)


@given(seed=seeds, scale=scales, shift=shifts)
def test_spoter_does_not_see_the_camera(seed: int, scale: float, shift: tuple[int, int]) -> None:
    keypoints = signer(SPOTER, SIZE, seed)
    moved = filmed(keypoints, SPOTER, SIZE, scale, shift)
    assert same(spoter_normalised(keypoints, SIZE), spoter_normalised(moved, SIZE))


@given(seed=seeds)
def test_spoter_and_flips_commute(seed: int) -> None:
    keypoints = signer(SPOTER, SIZE, seed)
    # The box hangs from the left eye, which is the other one in a mirrored picture.
    eyes = [SPOTER.index(f"{side}_eye") for side in ("left", "right")]
    keypoints[:, eyes] = keypoints[:, eyes[:1]]
    made = spoter_normalised(keypoints, SIZE)
    flipped = spoter_normalised(mirrored(keypoints, SPOTER), SIZE)
    assert same(flipped, mirrored(made, SPOTER, axis=0))

"""Pixels and shoulder widths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_signer import (
    HOLISTIC,
    SIZE,
    SPOTER,
    filmed,
    near,
    place,
    same,
    scales,
    seeds,
    shifts,
    signer,
)

from sign_etl.core.errors import ConfigError
from sign_etl.schema.conversions import mirrored
from sign_etl.schema.coordinates import Floats, body_normalised, to_pixels, to_unit
from sign_etl.schema.layouts import layout


def test_pixels_by_hand() -> None:
    keypoints = np.array([[[0.5, 0.25, -0.1, 0.9]] * 75], np.float32)
    assert to_pixels(keypoints, HOLISTIC, SIZE)[0, 0].tolist() == near([320, 120, -64, 0.9])
    flat = np.array([[[0.5, 0.25, 0.9]] * 54], np.float16)
    made = to_pixels(flat, SPOTER, SIZE)
    assert made.dtype == np.float32
    assert made[0, 0].tolist() == pytest.approx([320, 120, 0.9], abs=1e-3)


@given(seed=seeds)
def test_pixels_and_back(seed: int) -> None:
    keypoints = signer(HOLISTIC, SIZE, seed)
    assert same(to_unit(to_pixels(keypoints, HOLISTIC, SIZE), HOLISTIC, SIZE), keypoints, 1e-6)


def standing() -> Floats:
    keypoints = np.full((2, HOLISTIC.size, 4), 0.5, np.float32)
    place(keypoints, HOLISTIC, "left_shoulder", 0.6, 0.5)  # 384, 240
    place(keypoints, HOLISTIC, "right_shoulder", 0.4, 0.5)  # 256, 240: 128 px apart
    place(keypoints, HOLISTIC, "left_wrist", 0.7, 0.9)  # 448, 432
    return keypoints


def test_shoulder_widths_by_hand() -> None:
    made = body_normalised(standing(), HOLISTIC, SIZE)
    wrist = made[0, HOLISTIC.index("left_wrist")].tolist()
    # 128 px to the right of the middle, 192 px below it, depth 0.5 * 640 px, score as it was
    assert wrist == near([1, 1.5, 2.5, 0.5])
    shoulder = made[0, HOLISTIC.index("right_shoulder"), :2].tolist()
    assert shoulder == near([-0.5, 0])


def test_a_clip_or_each_frame() -> None:
    keypoints = standing()
    keypoints[1, :, :2] += 0.1  # sways
    clip = body_normalised(keypoints, HOLISTIC, SIZE)
    assert clip[1, 11, 0] - clip[0, 11, 0] == near(0.5, abs=1e-5)
    frame = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=True)
    assert same(frame[0], frame[1], 1e-5)


def test_without_shoulders_there_is_no_measure() -> None:
    keypoints = standing()
    keypoints[0, 11] = (np.nan, np.nan, np.nan, 0)
    clip = body_normalised(keypoints, HOLISTIC, SIZE)
    assert np.isfinite(clip[0, 15]).all()
    each = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=True)
    assert np.isnan(each[0, :, :-1]).all()
    assert (each[0, :, -1] == 0).all()
    assert np.isfinite(each[1]).all()
    keypoints[:, 11] = keypoints[:, 12]
    assert np.isnan(body_normalised(keypoints, HOLISTIC, SIZE)[..., :-1]).all()
    assert body_normalised(keypoints[:0], HOLISTIC, SIZE).shape == (0, 75, 4)
    with pytest.raises(ConfigError, match="no point `left_shoulder`"):
        body_normalised(np.zeros((1, 42, 4)), layout("hands-42"), SIZE)


@given(seed=seeds, scale=scales, shift=shifts, each_frame=st.booleans())
def test_shoulder_widths_do_not_see_the_camera(
    seed: int, scale: float, shift: tuple[int, int], each_frame: bool
) -> None:
    keypoints = signer(HOLISTIC, SIZE, seed)
    one = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=each_frame)
    moved = filmed(keypoints, HOLISTIC, SIZE, scale, shift)
    assert same(one, body_normalised(moved, HOLISTIC, SIZE, each_frame=each_frame))
    # The same pixels in another frame around them.
    wide = to_unit(to_pixels(keypoints, HOLISTIC, SIZE), HOLISTIC, (1280, 720))
    assert same(one, body_normalised(wide, HOLISTIC, (1280, 720), each_frame=each_frame))


@given(seed=seeds, each_frame=st.booleans())
def test_shoulder_widths_and_flips_commute(seed: int, each_frame: bool) -> None:
    keypoints = signer(HOLISTIC, SIZE, seed)
    flipped = body_normalised(mirrored(keypoints, HOLISTIC), HOLISTIC, SIZE, each_frame=each_frame)
    made = body_normalised(keypoints, HOLISTIC, SIZE, each_frame=each_frame)
    assert same(flipped, mirrored(made, HOLISTIC, axis=0))

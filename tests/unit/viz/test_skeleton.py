"""The skeleton lands on the points, in the colours of its parts, and leaves out what is unsure."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny_build import signer_keypoints

from sign_etl.schema.layouts import LAYOUTS, layout
from sign_etl.viz.skeleton import COLOURS, GROUND, OVERSAMPLE, draw_sample_line, draw_skeleton

SIZE = (640, 480)
HOLISTIC = layout("holistic-75")


def drawn(keypoints: NDArray[np.float32]) -> NDArray[np.int64]:
    picture = draw_skeleton(Image.new("RGB", SIZE, GROUND), keypoints, HOLISTIC)
    return np.asarray(picture).astype(np.int64)


def near(
    picture: NDArray[np.int64], colour: tuple[int, int, int], within: int
) -> NDArray[np.bool_]:
    return np.abs(picture - colour).max(axis=-1) <= within


def test_hands_are_where_the_keypoints_are_in_their_own_colours() -> None:
    keypoints = signer_keypoints(8)[0]
    picture = drawn(keypoints)
    for hand in ("left_hand", "right_hand"):
        rows, columns = np.nonzero(near(picture, COLOURS[hand], 12))
        points = keypoints[list(HOLISTIC.parts[hand]), :2] * SIZE
        assert len(rows) > 100
        assert columns.min() >= points[:, 0].min() - 8
        assert columns.max() <= points[:, 0].max() + 8
        assert rows.min() >= points[:, 1].min() - 8
        assert rows.max() <= points[:, 1].max() + 8


def test_the_left_hand_of_who_faces_the_camera_is_on_the_right() -> None:
    picture = drawn(signer_keypoints(8)[0])
    left = np.nonzero(near(picture, COLOURS["left_hand"], 12))[1].mean()
    right = np.nonzero(near(picture, COLOURS["right_hand"], 12))[1].mean()
    assert left > right + SIZE[0] / 5


def test_nothing_found_changes_nothing() -> None:
    nothing = np.full((75, 4), np.nan, np.float32)
    nothing[:, -1] = 0
    assert (drawn(nothing) == GROUND).all()


def test_a_low_score_is_faint_and_a_very_low_one_absent() -> None:
    contrasts = []
    for score in (0.9, 0.3, 0.05):
        keypoints = signer_keypoints(8)[0]
        keypoints[keypoints[:, -1] > 0, -1] = score
        contrasts.append(int(np.abs(drawn(keypoints) - GROUND).sum()))
    assert contrasts[0] > 1.5 * contrasts[1] > 0
    assert contrasts[2] == 0


def test_points_far_outside_are_left_out() -> None:
    keypoints = signer_keypoints(8)[0]
    without = keypoints.copy()
    without[HOLISTIC.index("left_elbow"), :-1] = np.nan
    without[HOLISTIC.index("left_elbow"), -1] = 0
    keypoints[HOLISTIC.index("left_elbow"), :2] = (40.0, -9.0)
    np.testing.assert_array_equal(drawn(keypoints), drawn(without))


def test_the_bodys_own_fingers_give_way_to_a_hand() -> None:
    keypoints = signer_keypoints(8)[0]
    plain = drawn(keypoints)
    keypoints[HOLISTIC.index("left_pinky")] = (0.9, 0.9, 0, 0.99)
    np.testing.assert_array_equal(drawn(keypoints), plain)
    hand = list(HOLISTIC.parts["left_hand"])
    keypoints[hand, :-1] = np.nan
    keypoints[hand, -1] = 0
    corner = np.s_[int(0.85 * SIZE[1]) :, int(0.85 * SIZE[0]) :]
    assert (drawn(keypoints)[corner] != plain[corner]).any()


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_every_layout_can_be_drawn(name: str) -> None:
    kind = layout(name)
    points = np.random.default_rng(0).random((kind.size, kind.channels)).astype(np.float16)
    points[:, -1] = 1
    picture = draw_skeleton(Image.new("RGB", (64, 48), GROUND), points, kind)
    assert picture.size == (64, 48)
    assert (np.asarray(picture) != GROUND).any()


@pytest.mark.parametrize("part", list(COLOURS))
def test_a_swatch_shows_its_colour(part: str) -> None:
    swatch = np.asarray(draw_sample_line((44, 22), part)).astype(np.int64)
    assert near(swatch, COLOURS[part], 2).sum() > 44 * 22 / OVERSAMPLE**2

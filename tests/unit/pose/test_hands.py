"""Whose hand is it, in made-up geometry."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sign_etl.pose.hands import assign, assign_by_side, body_scale_px, wrists

WRISTS = np.array([[400.0, 300.0], [200.0, 300.0]])  # the signer's left is on the picture's right
LIMIT = 100.0


def places(*points: tuple[float, float]) -> NDArray[np.float64]:
    return np.array(points, np.float64).reshape(-1, 2)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_order_of_detection_does_not_matter(order: tuple[int, int]) -> None:
    hands = places((410, 290), (190, 305))[list(order)]
    assert assign(hands, WRISTS, LIMIT) == (order.index(0), order.index(1))


@pytest.mark.parametrize(
    ("place", "owner"),
    [((395, 310), (0, None)), ((210, 280), (None, 0)), ((301, 300), (0, None))],
)
def test_one_hand_goes_to_the_nearer_wrist(
    place: tuple[float, float], owner: tuple[int | None, int | None]
) -> None:
    assert assign(places(place), WRISTS, LIMIT) == owner


def test_crossed_arms() -> None:
    crossed = WRISTS[::-1]
    assert assign(places((410, 290), (190, 305)), crossed, LIMIT) == (1, 0)


def test_the_sum_decides_where_both_are_nearest_to_one_wrist() -> None:
    near = np.array([[310.0, 300.0], [290.0, 300.0]])
    # Both hands are nearer to the left wrist; 20 + 12 is less than 8 + 40.
    assert assign(places((330, 300), (302, 300)), near, LIMIT) == (0, 1)


def test_a_far_hand_is_nobodys_and_does_not_push_the_near_one_away() -> None:
    assert assign(places((400, 300), (600, 300)), WRISTS, LIMIT) == (0, None)
    assert assign(places((600, 300), (390, 300)), WRISTS, LIMIT) == (1, None)
    assert assign(places((600, 300)), WRISTS, LIMIT) == (None, None)


def test_of_three_hands_the_nearest_two_are_taken() -> None:
    assert assign(places((260, 300), (205, 300), (402, 300)), WRISTS, LIMIT) == (2, 1)


def test_no_hands() -> None:
    assert assign(places(), WRISTS, LIMIT) == (None, None)


def test_without_a_body_the_side_of_the_picture_decides() -> None:
    assert assign_by_side(places((100, 0), (500, 0)), 640) == (1, 0)
    assert assign_by_side(places((500, 0), (100, 0)), 640) == (0, 1)
    assert assign_by_side(places((500, 0)), 640) == (0, None)
    assert assign_by_side(places((100, 0)), 640) == (None, 0)
    assert assign_by_side(places(), 640) == (None, None)
    assert assign_by_side(places((1, 0), (2, 0), (3, 0)), 640) == (None, None)


def body(shoulder_px: float, torso_px: float) -> NDArray[np.float64]:
    points = np.zeros((33, 2))
    points[11], points[12] = (shoulder_px / 2, 0), (-shoulder_px / 2, 0)
    points[23], points[24] = (10, torso_px), (-10, torso_px)
    points[15], points[16] = (7, 8), (-7, 9)
    return points


def test_scale_is_the_shoulder_width_or_half_of_the_torso() -> None:
    assert body_scale_px(body(200, 300)) == pytest.approx(200)
    assert body_scale_px(body(20, 300)) == pytest.approx(150)


def test_wrists_are_left_then_right() -> None:
    assert wrists(body(200, 300)).tolist() == [[7, 8], [-7, 9]]

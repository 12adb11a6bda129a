"""Which hands get crops, and where their joints lie in them, computed a second time."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from tiny_build import encode, write_tiny_build

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import SampleFacts, SampleRng
from sign_etl.stream.crop_view import CropView, chosen_hands
from sign_etl.stream.index import Index, open_index
from sign_etl.tasks.seen import check_policy, policy_of

FRAMES, WIDTH, HEIGHT = 30, 160, 120


def rng(visit: int = 0) -> SampleRng:
    return SampleRng(0, visit, "a", "crop")


def chances(scores: np.ndarray) -> np.ndarray:
    """(T,) that each frame is drawn first, of the scores (T, 21) of one hand."""
    tips = (4, 8, 12, 16, 20)
    seen = [frame for frame in scores if sum(frame) / 21 > 0.3]
    best = max(min(frame[tip] for tip in tips) for frame in seen)
    doubt = [
        best - min(frame[tip] for tip in tips) + 1e-5 if sum(frame) / 21 > 0.3 else 0.0
        for frame in scores
    ]
    return np.array(doubt) / sum(doubt)


def test_frames_are_drawn_as_published() -> None:
    """One of ten frames with the hand, by its least certain finger tip."""
    scores = np.full((12, 2, 21), 0.9, np.float32)
    scores[:2] = 0.1
    scores[2:, 0, 8] = np.linspace(0.4, 0.85, 10)
    scores[5, 0, 2] = 0.05  # no tip
    scores[2:, 1, 20] = np.linspace(0.8, 0.2, 10)
    drawn = np.stack([chosen_hands(scores, 0.1, rng(visit)) for visit in range(3000)])
    assert (drawn.sum(axis=1) == 1).all()
    for hand in (0, 1):
        np.testing.assert_allclose(drawn[:, :, hand].mean(0), chances(scores[:, hand]), atol=0.03)


@pytest.mark.parametrize("seen", [1, 10, 11, 20, 21])
def test_a_tenth_is_rounded_up(seen: int) -> None:
    scores = np.zeros((FRAMES, 2, 21), np.float32)
    scores[:seen, 1] = 0.9
    for draw in (None, rng()):
        assert chosen_hands(scores, 0.1, draw).sum(axis=0).tolist() == [0, math.ceil(seen / 10)]


def test_a_hand_at_rest_does_not_choose_for_the_other() -> None:
    """In signs of one hand the other one lies in the lap, and its joints are guessed or nowhere."""
    scores = np.full((20, 2, 21), 0.9, np.float32)
    scores[:, 1] = np.linspace(0.29, 0, 20)[:, None]
    scores[7, 0, 8] = scores[13, 0, 20] = 0.35
    found = chosen_hands(scores, 0.1, None)
    assert np.argwhere(found).tolist() == [[7, 0], [13, 0]]
    drawn = [np.flatnonzero(chosen_hands(scores, 0.1, rng(v))[:, 0]).tolist() for v in range(30)]
    assert drawn.count([7, 13]) >= 28
    scores[:, 1] = np.nan
    assert np.array_equal(chosen_hands(scores, 0.1, None), found)
    assert not chosen_hands(np.zeros((5, 2, 21), np.float32), 0.5, None).any()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return open_index([write_tiny_build(tmp_path_factory.mktemp("b") / "build", clips=2)])


def read(index: Index, hands: np.ndarray, **options: Any) -> dict[str, np.ndarray]:
    """The view of a film of grey noise, and of hands (T, 2, 21, 3) in pixels."""
    keypoints = np.zeros((FRAMES, 75, 4), np.float32)
    keypoints[:, 33:, 2] = 0
    keypoints[:, 33:, :2] = hands[..., :2].reshape(FRAMES, 42, 2) / (WIDTH, HEIGHT)
    keypoints[:, 33:, 3] = hands[..., 2].reshape(FRAMES, 42)
    buffer = io.BytesIO()
    np.save(buffer, keypoints)
    draw = np.random.default_rng(0)
    film = encode([draw.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(FRAMES)])
    settings = {"pose": {"layout": "hands-42"}, "size": 16, "share": 0.1, **options}
    view = CropView.for_recipe(settings, augment=[], noise=0, use="evaluate")
    view.members(index)
    facts = SampleFacts(0, "a", 0, FRAMES, 25.0, WIDTH, HEIGHT)
    return view.read((film, buffer.getvalue()), facts, rng())


def moving_hands() -> np.ndarray:
    """Two hands of different sizes, far from one another, both certain."""
    draw = np.random.default_rng(1)
    hands = np.full((FRAMES, 2, 21, 3), 0.9)
    hands[:, 0, :, :2] = draw.uniform((30, 30), (60, 50), (FRAMES, 21, 2))
    hands[:, 1, :, :2] = draw.uniform((100, 40), (118, 70), (FRAMES, 21, 2))
    hands[:, 0, 8, 2] = np.linspace(0.5, 0.8, FRAMES)
    hands[:, 1, 8, 2] = np.linspace(0.8, 0.5, FRAMES)
    return hands


def test_a_crop_is_a_square_around_the_hand(index: Index) -> None:
    """1.2 times the longest extent of the chosen hands, an even number of pixels."""
    hands = moving_hands()
    found = read(index, hands)
    assert found["crop_place"].tolist() == [0, 1, 2, 27, 28, 29]
    there = found["crop_joints"][..., 2].any(-1)
    assert there.tolist() == [[True, False]] * 3 + [[False, True]] * 3
    assert found["crop"].any((2, 3, 4)).tolist() == there.tolist()
    chosen = [
        hands[place, side, :, :2]
        for place, side in zip((0, 1, 2, 27, 28, 29), (0, 0, 0, 1, 1, 1), strict=True)
    ]
    longest = max(float(np.ptp(points, axis=0).max()) for points in chosen)
    side = 2 * int(1.2 * longest / 2)
    for row, points in enumerate(chosen):
        corner = (points.min(0) + points.max(0)) / 2 - side / 2
        joints = found["crop_joints"][row, row // 3]
        # A corner lies on a whole pixel.
        np.testing.assert_allclose(joints[:, :2], (points - corner) / side, atol=0.51 / side)
        np.testing.assert_allclose(
            joints[:, 2], hands[int(found["crop_place"][row]), row // 3, :, 2], rtol=1e-6
        )


def test_an_uncertain_joint_is_looked_for_where_it_was_guessed(index: Index) -> None:
    """It is what the picture is there for; only a joint without a place lies in the middle."""
    hands = moving_hands()
    hands[0, 0, 12, 2] = 0.05
    hands[1, 0, 13] = (np.nan, np.nan, 0)
    joints = read(index, hands)["crop_joints"][:, 0]
    sure = read(index, moving_hands())["crop_joints"][:, 0]
    np.testing.assert_allclose(joints[0, :, :2], sure[0, :, :2], atol=1e-6)
    assert joints[0, 12, 2] == pytest.approx(0.05)
    assert joints[1, 13].tolist() == [0.5, 0.5, 0]
    assert joints[..., :2].min() >= 0
    assert joints[..., :2].max() <= 1


@pytest.mark.parametrize("far", [1e7, -1e7, np.inf])
def test_a_guess_far_away_does_not_make_the_hands_small(index: Index, far: float) -> None:
    hands = moving_hands()
    hands[0, 0, 13] = (far, 40, 0)
    found, sure = read(index, hands), read(index, moving_hands())
    assert found["crop_joints"][0, 0, 13].tolist() == [0.5, 0.5, 0]
    assert np.array_equal(found["crop"][1:], sure["crop"][1:])
    np.testing.assert_allclose(found["crop_joints"][1:], sure["crop_joints"][1:], atol=1e-6)


def test_a_run_of_before_hands_were_chosen_one_by_one_is_refused() -> None:
    settings = {"pose": {"layout": "hands-42"}, "size": 16, "share": 0.1}
    view = CropView.for_recipe(settings, augment=[], noise=0, use="evaluate")
    kept = policy_of(view)
    check_policy(view, kept, "mine")
    earlier = {**kept, "share": kept.pop("share_of_each_hand")}
    with pytest.raises(ConfigError, match="`old` was trained with another preprocessing: `share`"):
        check_policy(view, earlier, "old")

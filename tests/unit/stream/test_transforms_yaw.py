"""Turning keypoints about the vertical axis: what a camera at the side would have seen."""

from __future__ import annotations

import numpy as np
import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.schema.layouts import layout
from sign_etl.stream.transforms_pose import Pose, transform
from sign_etl.stream.transforms_pose_yaw import turned

KIND = layout("holistic-75")
SHOULDERS = [KIND.index("left_shoulder"), KIND.index("right_shoulder")]


def signer(frames: int = 3) -> np.ndarray:
    """(T, 75, 4): joints all over, the shoulders at x = 0.4 and 0.6 and depth 0."""
    keypoints = np.random.default_rng(0).uniform(0.2, 0.8, (frames, KIND.size, 4)).astype("f4")
    keypoints[:, SHOULDERS] = [[0.6, 0.5, 0, 1], [0.4, 0.5, 0, 1]]
    return keypoints


def fixed() -> np.random.Generator:
    return np.random.default_rng(3)


def test_a_quarter_turn_makes_depth_of_width() -> None:
    keypoints = signer()
    keypoints[:, KIND.index("nose"), :3] = 0.5, 0.2, -0.1
    made = turned(keypoints, KIND, 90)
    # The nose, a tenth before the axis, is now a tenth left of it; the left shoulder is near.
    np.testing.assert_allclose(made[:, KIND.index("nose"), :3], [[0.4, 0.2, 0.0]] * 3, atol=1e-6)
    np.testing.assert_allclose(made[:, SHOULDERS, 0], 0.5, atol=1e-6)
    np.testing.assert_allclose(made[:, SHOULDERS, 2], [[-0.1, 0.1]] * 3, atol=1e-6)
    np.testing.assert_array_equal(made[..., [1, 3]], keypoints[..., [1, 3]])


def test_there_and_back_again() -> None:
    keypoints = signer()
    keypoints[1, KIND.index("right_elbow"), :3] = np.nan
    back = turned(turned(keypoints, KIND, 37), KIND, -37)
    np.testing.assert_allclose(back, keypoints, atol=1e-5)


def test_a_hand_is_turned_where_its_wrist_is() -> None:
    keypoints = signer()
    hand, wrist = list(KIND.parts["left_hand"]), KIND.index("left_wrist")
    keypoints[:, hand, :3] = keypoints[:, [wrist], :3]
    keypoints[:, hand, 2] = 0  # all of the hand in one point, at the wrist's depth
    made = turned(keypoints, KIND, 50)
    for point in hand:
        np.testing.assert_allclose(made[:, point, :2], made[:, wrist, :2], atol=1e-6)
    np.testing.assert_allclose(made[:, hand, 2], 0, atol=1e-6)


def test_lengths_in_space_stay() -> None:
    keypoints, body = signer(), list(KIND.parts["body"])

    def lengths(of: np.ndarray) -> np.ndarray:
        return np.asarray(np.linalg.norm(np.diff(of[:, body, :3][..., [0, 2]], axis=1), axis=-1))

    np.testing.assert_allclose(lengths(turned(keypoints, KIND, -64)), lengths(keypoints), atol=1e-5)


def test_one_angle_a_clip_drawn_by_the_sample() -> None:
    keypoints = np.repeat(signer(1), 4, axis=0)
    step = transform("rotate-yaw", degrees=60)
    made = step(Pose(keypoints, KIND), fixed).keypoints
    assert not np.allclose(made, keypoints)
    np.testing.assert_array_equal(made, np.repeat(made[:1], 4, axis=0))
    np.testing.assert_array_equal(step(Pose(keypoints, KIND), fixed).keypoints, made)
    never = transform("rotate-yaw", probability=0.0)
    assert never(Pose(keypoints, KIND), fixed).keypoints is keypoints


def test_without_shoulders_it_stays_as_it_is() -> None:
    keypoints = signer()
    keypoints[:, SHOULDERS] = np.nan
    assert turned(keypoints, KIND, 40) is keypoints


@pytest.mark.parametrize("name", ["spoter-54", "hands-42"])
def test_it_needs_depth_and_a_body(name: str) -> None:
    kind = layout(name)
    pose = Pose(np.zeros((2, kind.size, kind.channels), np.float32), kind)
    with pytest.raises(ConfigError, match="depth and shoulders"):
        transform("rotate-yaw")(pose, fixed)


def test_options() -> None:
    with pytest.raises(ConfigError, match="from 0 to 90"):
        transform("rotate-yaw", degrees=120)
    with pytest.raises(ConfigError, match="from 0 to 1"):
        transform("rotate-yaw", probability=2.0)

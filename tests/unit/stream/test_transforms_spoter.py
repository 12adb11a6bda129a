"""SPOTER's augmentations and boxes: what they move, and that the sample alone decides."""

from __future__ import annotations

import numpy as np
import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.schema.layouts import layout
from sign_etl.stream.transforms_pose import Pose, transform
from sign_etl.stream.transforms_spoter import SpoterAugment, rotated, sheared

KIND = layout("spoter-54")


def pose(frames: int = 5, name: str = "spoter-54", *, width: int = 640, height: int = 480) -> Pose:
    kind = layout(name)
    rng = np.random.default_rng(3)
    keypoints = rng.uniform(0.2, 0.8, (frames, kind.size, kind.channels)).astype(np.float32)
    keypoints[..., -1] = 1
    keypoints[1, 20] = np.nan
    keypoints[1, 20, -1] = 0
    return Pose(keypoints, kind, width, height, 25.0)


def drawn(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=seed))


def test_a_quarter_turn_keeps_lengths_of_the_picture() -> None:
    # In 640 x 480, 0.3 of the width is 0.4 of the height.
    turned = rotated(np.array([[0.8, 0.5]], np.float32), np.full(2, 0.5), 90.0, 640 / 480)
    np.testing.assert_allclose(turned, [[0.5, 0.9]], atol=1e-6)
    back = rotated(turned, np.full(2, 0.5), -90.0, 640 / 480)
    np.testing.assert_allclose(back, [[0.8, 0.5]], atol=1e-6)


def test_a_shear_moves_one_edge_and_leaves_the_other() -> None:
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    left = sheared(corners, 0.1, left=True)
    np.testing.assert_allclose(left, [[0.1, 0.1], [0.1, 0.9], [1, 0], [1, 1]], atol=1e-6)
    right = sheared(corners, 0.1, left=False)
    np.testing.assert_allclose(right, [[0, 0], [0, 1], [0.9, 0.1], [0.9, 0.9]], atol=1e-6)
    # It is a projection: what lay on a line lies on one.
    line = sheared(np.linspace([0.1, 0.3], [0.9, 0.6], 5).astype(np.float32), 0.1, left=True)
    steps = np.diff(line, axis=0)
    np.testing.assert_allclose(steps[:, 1] / steps[:, 0], steps[0, 1] / steps[0, 0], rtol=1e-3)


def test_all_four_changes_occur_and_are_the_same_in_all_frames() -> None:
    still = pose()
    still.keypoints[:] = still.keypoints[:1]
    augment = SpoterAugment(probability=1.0, joint_probability=1.0)
    results = [augment(still, lambda seed=seed: drawn(seed)) for seed in range(40)]
    for changed in results:
        assert np.array_equal(changed.keypoints[0], changed.keypoints[-1], equal_nan=True)
        assert np.array_equal(changed.keypoints[..., -1], still.keypoints[..., -1])
        assert np.abs(changed.keypoints[..., :2] - still.keypoints[..., :2]).max() < 0.35
    nose = KIND.index("nose")
    moves = [not np.allclose(r.keypoints[:, nose], still.keypoints[:, nose]) for r in results]
    assert 0 < sum(moves) < 40  # bent arms leave the nose where it is, the other three do not


def test_hands_go_with_the_arm() -> None:
    given = pose()
    augment = SpoterAugment(probability=1.0, joint_probability=1.0)
    bent = None
    for seed in range(60):
        changed = augment(given, lambda seed=seed: drawn(seed))
        if np.array_equal(changed.keypoints[:, 0], given.keypoints[:, 0]):
            bent = changed
            break
    assert bent is not None
    size = np.array([640, 480])
    for side in ("left", "right"):
        hand = list(KIND.parts[f"{side}_hand"])
        before, after = (p.keypoints[0, hand, :2] * size for p in (given, bent))
        assert np.abs(before - after).max() > 0.1
        lengths = [np.linalg.norm(points - points[0], axis=1) for points in (before, after)]
        np.testing.assert_allclose(lengths[0], lengths[1], rtol=1e-3)


def test_the_sample_decides_and_nothing_else() -> None:
    given = pose()
    before = given.keypoints.copy()
    augment = transform("spoter-augment")
    one = [augment(given, lambda seed=seed: drawn(seed)).keypoints for seed in range(8)]
    two = [augment(given, lambda seed=seed: drawn(seed)).keypoints for seed in range(8)]
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, two, strict=True))
    assert len({array.tobytes() for array in one}) > 2
    assert np.array_equal(given.keypoints, before, equal_nan=True)
    never = transform("spoter-augment", probability=0.0)
    assert never(given, lambda: drawn(0)) is given


def test_missing_points_stay_missing() -> None:
    given = pose()
    for name in ("spoter-augment", "spoter-normalise", "clip-box", "hand-shape"):
        done = transform(name)(given, lambda: drawn(5)).keypoints
        assert np.isnan(done[1, 20, :-1]).all(), name
        assert done[1, 20, -1] == 0


def test_the_clip_box_is_square_and_in_the_middle() -> None:
    done = transform("clip-box", margin=0.0)(pose(name="hands-42"), lambda: drawn(0)).keypoints
    low, high = np.nanmin(done[..., :2], axis=(0, 1)), np.nanmax(done[..., :2], axis=(0, 1))
    np.testing.assert_allclose(low, -high, atol=1e-5)
    assert (high - low).max() == pytest.approx(1.0, abs=1e-5)
    far = pose(name="hands-42")
    far.keypoints[..., :2] = far.keypoints[..., :2] * 0.25 + 0.6
    again = transform("clip-box", margin=0.0)(far, lambda: drawn(0)).keypoints
    np.testing.assert_allclose(again[..., :2], done[..., :2], atol=1e-4)


def test_a_hand_is_its_wrist_and_a_shape() -> None:
    given = pose(name="hands-42")
    done = transform("hand-shape")(given, lambda: drawn(0)).keypoints
    np.testing.assert_array_equal(done[:, [0, 21]], given.keypoints[:, [0, 21]])
    moved = pose(name="hands-42")
    moved.keypoints[:, :21, :2] = moved.keypoints[:, :21, :2] * 0.5 + 0.3
    shape = transform("hand-shape")(moved, lambda: drawn(0)).keypoints
    np.testing.assert_allclose(shape[:, 1:21, :2], done[:, 1:21, :2], atol=1e-4)


def test_another_layout_has_no_spoter_boxes() -> None:
    with pytest.raises(ConfigError, match="spoter-54, not hands-42"):
        transform("spoter-normalise")(pose(name="hands-42"), lambda: drawn(0))

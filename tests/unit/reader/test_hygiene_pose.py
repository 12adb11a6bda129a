"""What counts as nearly the same clip: the same motion, however it was filmed and cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hygiene_build import HOLISTIC, motion
from numpy.typing import NDArray

from sign_etl.reader.hygiene_pose import COPY, OUTLINE, Track, distance, has_arms, track
from sign_etl.schema.layouts import LAYOUTS, layout

SQUARE = 400


def seen(keypoints: NDArray[Any], **changes: Any) -> Track:
    facts = {"width": SQUARE, "height": SQUARE, "fps": 25.0, "kind": HOLISTIC} | changes
    found = track(keypoints, **facts)
    assert found is not None
    return found


def test_a_clip_is_its_own_copy() -> None:
    one = seen(motion(1))
    assert one.points.shape == (80, 14, 2)
    assert one.outline.shape == (8, 4, 2)
    assert distance(one, one) == 0


def test_place_and_size_in_the_picture_do_not_count() -> None:
    keypoints = motion(1)
    moved = keypoints.copy()
    moved[..., 0] = keypoints[..., 0] * 0.5 * 0.8 + 0.2  # half the size in a wider picture
    moved[..., 1] = keypoints[..., 1] * 0.5 + 0.3
    assert distance(seen(keypoints), seen(moved, width=500)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("cut", [(0, 8), (8, 0), (8, 8), (9, 4)])
def test_trimmed_copies_are_copies(cut: tuple[int, int]) -> None:
    keypoints = motion(2)
    shorter = keypoints[cut[0] : len(keypoints) - cut[1]]
    noisy = shorter + np.random.default_rng(0).normal(0, 0.004, shorter.shape)
    one, other = seen(keypoints), seen(noisy)
    assert np.sqrt(np.square(one.outline - other.outline).sum(axis=2).mean()) <= OUTLINE
    assert distance(one, other) <= COPY
    assert distance(other, one) == pytest.approx(distance(one, other), abs=0.01)


def test_another_frame_rate_is_a_copy() -> None:
    keypoints = motion(3, frames=101)
    half = keypoints[::2]
    assert distance(seen(keypoints, fps=25.0), seen(half, fps=12.5)) < 0.05


def test_hands_that_come_and_go_are_forgiven() -> None:
    keypoints = motion(4)
    gaps = keypoints.copy()
    tips = [number for number, name in enumerate(HOLISTIC.points) if name.endswith("_tip")]
    gaps[10:30, tips, :-1] = np.nan
    gaps[40:45, HOLISTIC.index("left_wrist"), :-1] = np.nan
    gaps[50:60, tips, 0] += 0.2  # the wrong hand for a while
    assert distance(seen(keypoints), seen(gaps)) <= COPY


def test_other_motions_are_no_copies() -> None:
    tracks = [seen(motion(seed)) for seed in range(8)]
    distances = [
        distance(one, other) for place, one in enumerate(tracks) for other in tracks[:place]
    ]
    assert min(distances) > COPY


def test_another_handshape_is_no_copy() -> None:
    keypoints = motion(5)
    other = keypoints.copy()
    for side in ("left", "right"):
        for finger in ("index", "middle", "ring"):
            other[:, HOLISTIC.index(f"{side}_hand_{finger}_tip"), 1] += 0.06  # bent fingers
    assert COPY < distance(seen(keypoints), seen(other)) < np.inf


def test_short_clips_are_compared_too() -> None:
    keypoints = motion(6, frames=12)
    assert distance(seen(keypoints), seen(keypoints[1:])) < 0.2
    assert distance(seen(keypoints), seen(motion(7, frames=12))) > COPY


def test_clips_that_rest_are_not_compared() -> None:
    keypoints = motion(1)
    still = np.repeat(keypoints[:1], 60, axis=0)
    still += np.random.default_rng(0).normal(0, 0.002, still.shape)
    assert track(still, width=SQUARE, height=SQUARE, fps=25.0, kind=HOLISTIC) is None


@pytest.mark.parametrize("point", ["left_shoulder", None])
def test_clips_without_a_body_are_not_compared(point: str | None) -> None:
    keypoints = motion(1)
    gone = slice(None) if point is None else HOLISTIC.index(point)
    keypoints[:, gone, :-1] = np.nan
    assert track(keypoints, width=SQUARE, height=SQUARE, fps=25.0, kind=HOLISTIC) is None


def test_empty_clips_are_not_compared() -> None:
    empty = motion(1)[:0]
    assert track(empty, width=SQUARE, height=SQUARE, fps=25.0, kind=HOLISTIC) is None


def test_one_arm_is_enough() -> None:
    keypoints = motion(8)
    for name in ("right_wrist", "right_elbow"):
        keypoints[:, HOLISTIC.index(name), :-1] = np.nan
    assert distance(seen(keypoints), seen(keypoints[5:])) <= COPY


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_layout_with_arms_can_be_compared(name: str) -> None:
    kind = layout(name)
    keypoints = motion(9, kind=kind)
    found = track(keypoints, width=SQUARE, height=SQUARE, fps=25.0, kind=kind)
    assert (found is not None) == has_arms(kind)
    assert has_arms(kind) == ("left_wrist" in kind.points and "left_shoulder" in kind.points)

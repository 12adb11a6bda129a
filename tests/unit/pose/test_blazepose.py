"""How one frame's findings become keypoints; the models themselves run in the contract tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sign_etl.pose.blazepose import BACKEND, empty, flattened
from sign_etl.pose.blazepose_hands import HandOwner
from sign_etl.pose.blazepose_options import BlazePoseOptions

WIDTH, HEIGHT = 640, 480
LEFT, RIGHT = 33, 54


def found(*wrists_px: tuple[float, float]) -> Any:
    """Hands as MediaPipe gives them, all points at the wrist, with the wrong handedness label."""
    return SimpleNamespace(
        hand_landmarks=[
            [SimpleNamespace(x=x / WIDTH, y=y / HEIGHT, z=0.0)] * 21 for x, y in wrists_px
        ],
        handedness=[
            [SimpleNamespace(score=0.9 - number / 10, category_name="Right")]
            for number, _ in enumerate(wrists_px)
        ],
    )


def frame(
    left_wrist: tuple[float, float] | None = None, right_wrist: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """A frame with a body, shoulders 100 px wide, or with none."""
    keypoints = empty(1)[0]
    if left_wrist is not None and right_wrist is not None:
        body = np.full((33, 2), 200.0)
        body[11], body[12] = (370, 200), (270, 200)
        body[23], body[24] = (350, 350), (290, 350)
        body[15], body[16] = left_wrist, right_wrist
        keypoints[:33, :2] = body / (WIDTH, HEIGHT)
        keypoints[:33, 2:] = (0.0, 1.0)
    return keypoints


def owner(limit: float = 0.5) -> HandOwner:
    return HandOwner(limit, WIDTH, HEIGHT)


def x_px(keypoints: NDArray[np.float32], first: int) -> float:
    part = keypoints[first : first + 21]
    assert (part[:, 0] == part[0, 0]).all() or np.isnan(part[:, 0]).all()
    return float(part[0, 0]) * WIDTH


def test_hands_go_to_their_wrists_and_bring_their_score() -> None:
    keypoints = frame((400, 300), (240, 300))
    owner().put(keypoints, found((245, 300), (402, 300)))
    assert x_px(keypoints, LEFT) == pytest.approx(402)
    assert x_px(keypoints, RIGHT) == pytest.approx(245)
    assert keypoints[LEFT : LEFT + 21, 3] == pytest.approx(0.8)
    assert keypoints[RIGHT : RIGHT + 21, 3] == pytest.approx(0.9)


def test_a_hand_of_somebody_else_is_dropped() -> None:
    keypoints = frame((400, 300), (240, 300))
    owner().put(keypoints, found((460, 300)))
    assert np.isnan(keypoints[33:, :3]).all()
    assert (keypoints[33:, 3] == 0).all()
    owner(limit=1.0).put(keypoints, found((460, 300)))
    assert x_px(keypoints, LEFT) == pytest.approx(460)


def test_without_a_body_the_wrists_seen_last_decide() -> None:
    clip = owner()
    clip.put(frame((240, 300), (400, 300)), found())  # arms crossed
    keypoints = frame()
    clip.put(keypoints, found((238, 300)))
    assert x_px(keypoints, LEFT) == pytest.approx(238)
    assert np.isnan(keypoints[:33, :3]).all()
    assert np.isnan(keypoints[RIGHT:, :3]).all()


def test_where_no_body_was_ever_seen_the_side_decides() -> None:
    keypoints = frame()
    owner().put(keypoints, found((238, 300)))
    assert x_px(keypoints, RIGHT) == pytest.approx(238)


LEFT_AT, RIGHT_AT = (400, 300), (240, 300)


def overlooked(clip: HandOwner, keypoints: NDArray[np.float32], *followed: Any) -> bool:
    """What following found goes into the frame, and then the question is asked."""
    hands = found(*followed)
    clip.put(keypoints, hands)
    return clip.overlooked(keypoints, hands)


def test_both_hands_need_no_second_look() -> None:
    clip = owner()
    for _ in range(3):
        assert not overlooked(clip, frame(LEFT_AT, RIGHT_AT), LEFT_AT, RIGHT_AT)


def test_the_frame_in_which_a_followed_hand_is_lost_is_looked_at_again() -> None:
    clip = owner()
    assert not overlooked(clip, frame(LEFT_AT, RIGHT_AT), LEFT_AT, RIGHT_AT)
    # Two were held, so nobody looked for palms; in the next frame, somebody does.
    assert overlooked(clip, frame(LEFT_AT, RIGHT_AT), LEFT_AT)
    assert not overlooked(clip, frame(LEFT_AT, RIGHT_AT), LEFT_AT)
    assert not overlooked(clip, frame(LEFT_AT, RIGHT_AT))


def test_a_hand_beside_the_one_that_is_held_may_be_hidden_by_it() -> None:
    clip = owner()
    near = (LEFT_AT[0] - 140, LEFT_AT[1])  # shoulders are 100 px wide
    for _ in range(2):
        assert overlooked(clip, frame(LEFT_AT, near), LEFT_AT)
    far = (LEFT_AT[0] - 160, LEFT_AT[1])
    assert not overlooked(clip, frame(LEFT_AT, far), LEFT_AT)


def test_hands_that_were_lost_beside_each_other_are_looked_at_alone_until_they_part() -> None:
    clip = owner()
    near = (LEFT_AT[0] - 90, LEFT_AT[1])
    assert not clip.beside(frame(LEFT_AT, near))
    assert overlooked(clip, frame(LEFT_AT, near), LEFT_AT)
    assert clip.beside(frame(LEFT_AT, near))
    assert clip.beside(frame())  # nobody: the wrists seen last count
    assert not clip.beside(frame(LEFT_AT, RIGHT_AT))
    assert not clip.beside(frame(LEFT_AT, near))
    # Following begins from what it held long ago, so its first frame gets a second look.
    assert overlooked(clip, frame(LEFT_AT, RIGHT_AT), LEFT_AT)
    assert not overlooked(clip, frame(LEFT_AT, RIGHT_AT), LEFT_AT)


@pytest.mark.parametrize("outside", [(-1, 300), (400, HEIGHT + 1), (WIDTH + 5, 20)])
def test_a_wrist_out_of_the_picture_is_not_looked_for(outside: tuple[int, int]) -> None:
    clip = owner()
    at = (min(max(outside[0], 5), WIDTH - 5), min(outside[1], HEIGHT - 5))
    overlooked(clip, frame(outside, at), at, at)
    assert not overlooked(clip, frame(outside, at), at)


def test_where_no_body_was_ever_seen_a_loss_is_looked_at_again() -> None:
    clip = owner()
    assert not overlooked(clip, frame(), LEFT_AT)
    assert not overlooked(clip, frame(), LEFT_AT, RIGHT_AT)
    assert overlooked(clip, frame(), LEFT_AT)
    assert not overlooked(clip, frame(), LEFT_AT)


def test_a_second_look_counts_only_if_it_finds_more_hands() -> None:
    clip = owner()
    keypoints = frame(LEFT_AT, RIGHT_AT)
    clip.put(keypoints, found(LEFT_AT))
    before = keypoints.copy()
    for no_better in (found(), found((405, 300)), found((238, 300)), found((405, 300), (600, 30))):
        clip.put_if_better(keypoints, no_better)
        assert keypoints.tobytes() == before.tobytes()
    clip.put_if_better(keypoints, found((238, 300), (405, 300)))
    assert x_px(keypoints, LEFT) == pytest.approx(405)
    assert x_px(keypoints, RIGHT) == pytest.approx(238)
    assert keypoints[:33].tobytes() == before[:33].tobytes()


def test_options_are_whole_in_json() -> None:
    options = BACKEND.options({"hands_mode": "video"})
    assert isinstance(options, BlazePoseOptions)
    assert BACKEND.options(options.model_dump(mode="json")) == options


def test_depth_is_laid_flat_where_a_point_was_found() -> None:
    keypoints = frame((400, 300), (240, 300))
    keypoints[:33, 2] = 0.25
    flattened(keypoints)
    assert (keypoints[:33, 2] == 0).all()
    assert (keypoints[:33, 0] > 0).all()
    assert (keypoints[:33, 3] == 1).all()
    assert np.isnan(keypoints[33:, :3]).all()


def test_results_from_before_the_option_keep_their_key() -> None:
    assert "depth" not in BACKEND.options({}).model_dump(mode="json")
    assert "depth" not in BACKEND.options({"depth": True}).model_dump(mode="json")
    flat = BACKEND.options({"depth": False}).model_dump(mode="json")
    assert flat["depth"] is False
    assert BACKEND.options(flat) == BACKEND.options({"depth": False})
    assert BACKEND.layout(BACKEND.options(flat)) == BACKEND.layout(BACKEND.options({}))

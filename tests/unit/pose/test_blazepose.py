"""How one frame's findings become keypoints; the models themselves run in the contract tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sign_etl.pose.blazepose import BACKEND, BlazePoseOptions, _HandOwner, empty

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


def owner(limit: float = 0.5) -> _HandOwner:
    return _HandOwner(limit, WIDTH, HEIGHT)


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


def test_options_are_whole_in_json() -> None:
    options = BACKEND.options({"hands_mode": "video"})
    assert isinstance(options, BlazePoseOptions)
    assert BACKEND.options(options.model_dump(mode="json")) == options

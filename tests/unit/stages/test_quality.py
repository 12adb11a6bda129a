"""Measures by hand: keypoints whose shares, border contacts and jitter are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sign_etl.schema.layouts import LAYOUTS, layout
from sign_etl.schema.outcome import Outcome, Reason, StageName
from sign_etl.schema.pipeline import QualityConfig
from sign_etl.stages.quality import judge, measure

KIND = layout("holistic-75")
FRAMES = 8
HANDS = ("left_hand", "right_hand")
GOOD = {
    "luma": 100.0,
    "frozen_share": 0.0,
    "body": 1.0,
    "left_hand": 1.0,
    "right_hand": 1.0,
    "hand": 1.0,
    "hands": 1.0,
    "cut_off": 0.0,
    "jitter": 0.0,
}


def standing() -> NDArray[np.float32]:
    """A signer who does not move: all points in the middle, shoulders 0.2 apart."""
    keypoints = np.full((FRAMES, KIND.size, KIND.channels), 0.5, np.float32)
    keypoints[..., -1] = 0.9
    put(keypoints, "left_shoulder", 0.6, 0.4)
    put(keypoints, "right_shoulder", 0.4, 0.4)
    return keypoints


def put(keypoints: NDArray[np.float32], point: str, x: Any, y: Any) -> None:
    keypoints[:, KIND.index(point), 0] = x
    keypoints[:, KIND.index(point), 1] = y


def hide(keypoints: NDArray[np.float32], part: str, frames: slice = slice(None)) -> None:
    points = list(KIND.parts[part])
    keypoints[frames, points, :-1] = np.nan
    keypoints[frames, points, -1] = 0


def test_a_signer_who_stands_still() -> None:
    found = measure(standing(), KIND)
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {name: value for name, value in GOOD.items() if name not in ("luma", "frozen_share")}
    )


def test_shares_count_frames_in_which_any_point_was_found() -> None:
    keypoints = standing()
    hide(keypoints, "left_hand", slice(0, 4))
    hide(keypoints, "right_hand", slice(2, 6))
    hide(keypoints, "body", slice(7, None))
    # One point of a hand is a hand.
    keypoints[0, KIND.parts["left_hand"][5]] = (0.5, 0.5, 0, 0.1)
    found = measure(keypoints, KIND)
    assert found["left_hand"] == 5 / 8
    assert found["right_hand"] == 4 / 8
    assert found["hand"] == 6 / 8
    assert found["hands"] == 3 / 8
    assert found["body"] == 7 / 8


@pytest.mark.parametrize(
    ("x", "y", "share"),
    [(1.01, 0.5, 1.0), (-0.01, 0.5, 1.0), (0.5, 1.5, 1.0), (0.0, 1.0, 0.0)],
)
def test_hands_beyond_the_border(x: float, y: float, share: float) -> None:
    keypoints = standing()
    keypoints[:, KIND.parts["right_hand"][8], :2] = (x, y)
    assert measure(keypoints, KIND)["cut_off"] == share
    keypoints[4:, KIND.parts["right_hand"][8], :2] = 0.5
    assert measure(keypoints, KIND)["cut_off"] == share / 2


def test_a_body_beyond_the_border_is_no_cut_hand() -> None:
    keypoints = standing()
    put(keypoints, "left_hip", 0.5, 1.4)
    assert measure(keypoints, KIND)["cut_off"] == 0


@pytest.mark.parametrize(
    ("wrist", "jitter"),
    [
        # Second differences, in shoulder widths of 0.2.
        (lambda t: 0.5 + 0.01 * t, 0.0),  # even speed
        (lambda t: 0.5 + 0.01 * t * t, 0.1),  # even acceleration: 2 * 0.01 / 0.2
        (lambda t: 0.5 + 0.02 * (t % 2), 0.2),  # to and fro: 2 * 0.02 / 0.2
    ],
)
def test_jitter_is_the_bend_of_the_wrists(
    wrist: Callable[[NDArray[np.float64]], NDArray[np.float64]], jitter: float
) -> None:
    keypoints = standing()
    for side in ("left", "right"):
        put(keypoints, f"{side}_wrist", wrist(np.arange(FRAMES, dtype=np.float64)), 0.5)
    assert measure(keypoints, KIND)["jitter"] == pytest.approx(jitter, abs=1e-5)


@pytest.mark.parametrize("frames", [1, 2])
def test_too_few_frames_have_no_jitter(frames: int) -> None:
    assert measure(standing()[:frames], KIND)["jitter"] == 0


def test_nobody_at_all() -> None:
    keypoints = np.full((FRAMES, KIND.size, KIND.channels), np.nan, np.float32)
    keypoints[..., -1] = 0
    found = measure(keypoints, KIND)
    assert {name: float(value) for name, value in found.items()} == dict.fromkeys(found, 0.0)


def test_frames_without_wrists_are_left_out_of_the_jitter() -> None:
    keypoints = standing()
    put(keypoints, "left_wrist", 0.5 + 0.02 * (np.arange(FRAMES) % 2), 0.5)
    put(keypoints, "right_wrist", np.nan, np.nan)
    keypoints[0, KIND.index("left_wrist"), :2] = np.nan
    assert measure(keypoints, KIND)["jitter"] == pytest.approx(0.2, abs=1e-5)


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_every_layout_can_be_measured(name: str) -> None:
    kind = layout(name)
    keypoints = np.full((4, kind.size, kind.channels), 0.5, np.float32)
    found = measure(keypoints, kind)
    assert all(np.isfinite(float(value)) for value in found.values())


# ---- judging


def test_good_measures_pass() -> None:
    assert judge(GOOD, QualityConfig()) is None
    assert (
        judge({"luma": 100.0, "frozen_share": 0.1}, QualityConfig(min_hand=1, min_body=1)) is None
    )


@pytest.mark.parametrize(
    ("measures", "settings", "reason", "detail"),
    [
        ({"luma": 7.99}, {}, Reason.BLACK, "luma 7.99 < 8"),
        ({"frozen_share": 0.96}, {}, Reason.FROZEN, "frozen_share 0.96 > 0.95"),
        ({"body": 0.0, "hand": 0.0}, {}, Reason.NO_PERSON, "in no frame"),
        (
            {"ambiguous": 0.9},
            {"ambiguous_person": "reject"},
            Reason.AMBIGUOUS_PERSON,
            "ambiguous 0.9 > 0.7",
        ),
        ({"body": 0.49}, {"min_body": 0.5}, Reason.BODY_MISSING, "body 0.49 < 0.5"),
        ({"hand": 0.1}, {"min_hand": 0.25}, Reason.HANDS_MISSING, "hand 0.1 < 0.25"),
        ({"cut_off": 0.5}, {"max_cut_off": 0.25}, Reason.CUT_OFF, "cut_off 0.5 > 0.25"),
        ({"jitter": 0.5}, {"max_jitter": 0.2}, Reason.UNSTEADY, "jitter 0.5 > 0.2"),
    ],
    ids=lambda value: str(value),
)
def test_each_threshold(
    measures: dict[str, float], settings: dict[str, Any], reason: Reason, detail: str
) -> None:
    found = judge(GOOD | measures, QualityConfig(**settings))
    assert found is not None
    assert (found.stage, found.reason, found.detail) == (StageName.QUALITY, reason, detail)
    assert found.outcome is Outcome.EXCLUDED
    assert found.reason.from_bytes


@pytest.mark.parametrize(
    ("measures", "settings"),
    [
        ({"luma": 8.0}, {}),
        ({"frozen_share": 0.95}, {}),
        ({"body": 0.0, "hand": 0.0}, {"no_person": "flag"}),
        ({"body": 0.0, "hand": 0.1}, {}),
        ({"ambiguous": 1.0, "persons": 9}, {}),
        ({"ambiguous": 0.5}, {"ambiguous_person": "reject", "max_ambiguity": 0.5}),
        ({"persons": 9}, {"ambiguous_person": "reject"}),
        ({"body": 0.5}, {"min_body": 0.5}),
        ({"jitter": 9.9}, {}),
        ({"cut_off": 1.0}, {}),
    ],
    ids=lambda value: str(value),
)
def test_at_the_threshold_and_without_one_a_clip_passes(
    measures: dict[str, float], settings: dict[str, Any]
) -> None:
    assert judge(GOOD | measures, QualityConfig(**settings)) is None


def test_thresholds_do_not_look_at_a_body_that_was_not_estimated() -> None:
    measures = {"luma": 100.0, "frozen_share": 0.0}
    assert judge(measures, QualityConfig(min_body=1, min_hand=1, max_jitter=0.1)) is None

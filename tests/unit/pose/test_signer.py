"""Who of the people in a film is the signer."""

from __future__ import annotations

import numpy as np
import pytest
from detections import (
    INSET,
    LEFT,
    MIDDLE,
    PRESENTER,
    RIGHT,
    SIZE,
    found,
    is_at,
    key,
    keys,
    walker,
)
from hypothesis import given
from hypothesis import strategies as st

from sign_etl.pose.signer import Box, KeyFrame, SignerOptions, Track, follow


def test_one_signer_all_along() -> None:
    result = follow(keys(95, lambda _: [(MIDDLE, 0.9)]), 95, SIZE)
    assert result.boxes.dtype == np.float32
    assert (result.boxes == np.array(MIDDLE, np.float32)).all()
    assert (result.persons, result.ambiguous, result.ask, result.cuts) == (1, 0.0, (), ())


def test_boxes_between_key_frames_lie_between() -> None:
    moving = keys(21, lambda t: [((100 + t, 100, 300 + t, 400), 0.9)])
    result = follow(moving, 21, SIZE)
    assert result.boxes[:, 0] == pytest.approx(100 + np.arange(21))
    assert (result.boxes[:, 1] == 100).all()


def test_side_by_side_the_larger_one() -> None:
    small = (60, 160, 220, 440)
    result = follow(keys(50, lambda _: [(small, 0.9), (RIGHT, 0.9)]), 50, SIZE)
    assert (result.boxes == np.array(RIGHT, np.float32)).all()
    assert result.persons == 2
    assert 0.7 < result.ambiguous < 1


def test_side_by_side_the_one_whose_hands_move() -> None:
    asked: list[Track] = []

    def motion(track: Track) -> float:
        asked.append(track)
        return 0.6 if is_at(LEFT)(track) else 0.05

    both = keys(50, lambda _: [(LEFT, 0.9), (RIGHT, 0.9)])
    without = follow(both, 50, SIZE)
    assert without.ambiguous == 1.0
    result = follow(both, 50, SIZE, motion=motion)
    assert (result.boxes == np.array(LEFT, np.float32)).all()
    assert result.ambiguous == pytest.approx(0.05 / 0.6, abs=1e-3)
    assert sorted(float(track.boxes[0, 0]) for track in asked) == [LEFT[0], RIGHT[0]]
    assert all(track.numbers == (0, 10, 20, 30, 40) for track in asked)


@pytest.mark.parametrize("motion", [0.0, 0.01, float("nan")])
def test_hands_that_rest_everywhere_decide_nothing(motion: float) -> None:
    small = (60, 160, 220, 440)
    both = keys(50, lambda _: [(small, 0.9), (RIGHT, 0.9)])
    assert follow(both, 50, SIZE, motion=lambda _: motion).ambiguous == (
        follow(both, 50, SIZE).ambiguous
    )


def test_motion_is_not_asked_for_one_candidate() -> None:
    def motion(track: Track) -> float:
        raise AssertionError("not to be asked")

    far = (600, 200, 635, 260)
    result = follow(keys(50, lambda _: [(MIDDLE, 0.9), (far, 0.5)]), 50, SIZE, motion=motion)
    assert result.persons == 2
    assert 0 < result.ambiguous < 0.1


def test_somebody_walks_through_the_background() -> None:
    def seen(number: int) -> list[tuple[Box, float]]:
        passing = [(walker(number), 0.9)] if number < 100 else []
        return [*passing, (MIDDLE, 0.8)]

    # Arms that swing count, and yet the signer is nearer and stays.
    result = follow(
        keys(200, seen), 200, SIZE, motion=lambda track: 0.4 if is_at(MIDDLE)(track) else 0.5
    )
    assert (result.boxes == np.array(MIDDLE, np.float32)).all()
    assert (result.persons, result.ask) == (2, ())
    assert result.ambiguous < 0.6


def test_a_walker_in_front_of_the_signer_takes_no_box_over() -> None:
    def seen(number: int) -> list[tuple[Box, float]]:
        # Where they are on top of each other, the detector gives one box only.
        hidden = 240 <= walker(number)[0] <= 360
        return [(MIDDLE, 0.9), *([] if hidden else [(walker(number), 0.95)])]

    result = follow(keys(150, seen), 150, SIZE)
    assert np.abs(result.boxes - np.array(MIDDLE, np.float32)).max() == 0


def test_the_interpreter_in_the_corner() -> None:
    both = keys(100, lambda _: [(PRESENTER, 0.95), (INSET, 0.8)])
    result = follow(both, 100, SIZE, motion=lambda track: 0.5 if is_at(INSET)(track) else 0.02)
    assert (result.boxes == np.array(INSET, np.float32)).all()
    assert result.ambiguous < 0.5
    # Where no motion is to be had, the larger one is taken.
    assert (follow(both, 100, SIZE).boxes == np.array(PRESENTER, np.float32)).all()


def test_the_annotated_box_picks_the_small_one() -> None:
    both = keys(100, lambda _: [(PRESENTER, 0.95), (INSET, 0.8)])
    # Drawn by hand: a little off.
    prior = (490.0, 320.0, 610.0, 480.0)
    result = follow(both, 100, SIZE, prior=prior)
    assert (result.boxes == np.array(INSET, np.float32)).all()
    assert result.ambiguous < 0.2


def test_a_box_around_everything_is_no_prior() -> None:
    both = keys(100, lambda _: [(PRESENTER, 0.95), (INSET, 0.8)])
    result = follow(both, 100, SIZE, prior=(0.0, 0.0, 640.0, 480.0))
    assert (result.boxes == np.array(PRESENTER, np.float32)).all()


@pytest.mark.parametrize("frames", [0, 1, 77])
def test_nobody(frames: int) -> None:
    result = follow(keys(frames, lambda _: []), frames, SIZE)
    assert result.boxes.shape == (frames, 4)
    assert not found(result).any()
    assert (result.persons, result.ambiguous, result.ask) == (0, 0.0, ())


def test_unsure_tiny_and_broken_boxes_are_nobody() -> None:
    tiny = (100, 100, 130, 147)
    broken = [(300, 100, 200, 400), (np.nan, 0, 100, 200)]
    seen = [(MIDDLE, 0.4), (tiny, 0.9), *((box, 0.9) for box in broken)]
    result = follow(keys(30, lambda _: seen), 30, SIZE)
    assert result.persons == 0
    assert not found(result).any()


def test_an_unsure_box_goes_on_with_a_person() -> None:
    result = follow(keys(60, lambda t: [(MIDDLE, 0.9 if t in (0, 50) else 0.35)]), 60, SIZE)
    assert found(result).all()
    assert result.ask == ()


def test_two_boxes_around_one_person_are_one() -> None:
    close = (225, 65, 420, 460)
    result = follow(keys(30, lambda _: [(close, 0.6), (MIDDLE, 0.9)]), 30, SIZE)
    assert (result.persons, result.ambiguous) == (1, 0.0)


def test_options_move_the_limits() -> None:
    seen = keys(100, lambda t: [] if t in (40, 50) else [(MIDDLE, 0.6)])
    assert found(follow(seen, 100, SIZE, options=SignerOptions(max_missed=2))).all()
    assert not found(follow(seen, 100, SIZE, options=SignerOptions(start_score=0.7))).any()


@pytest.mark.parametrize(
    "options",
    [
        {"max_missed": 0, "max_bridge_frames": 0, "max_hold_frames": 0, "ask_within_frames": 1},
        {"max_missed": 100, "max_bridge_frames": 10_000, "max_hold_frames": 10_000},
        {"start_score": 0, "min_score": 0, "min_side": 0, "serious": 0, "still": 0},
        {"start_score": 1, "min_score": 1, "min_side": 1, "serious": 1, "ask_within_frames": 1000},
    ],
    ids=["shortest", "longest", "everybody", "nobody"],
)
def test_asking_ends_whatever_is_set(options: dict[str, float]) -> None:
    def seen(number: int) -> list[tuple[Box, float]]:
        there = [(MIDDLE, 0.6)] if number % 23 < 15 else []
        return [*there, *([(LEFT, 0.9)] if 40 <= number < 61 else [])]

    chosen = SignerOptions.model_validate(options)
    known = keys(120, seen)
    while (result := follow(known, 120, SIZE, motion=lambda _: 0.3, options=chosen)).ask:
        assert not set(result.ask) & {one.number for one in known}
        known = sorted([*known, *(key(n, seen(n)) for n in result.ask)], key=lambda k: k.number)
    assert result.boxes.shape == (120, 4)


@pytest.mark.parametrize("numbers", [(10, 0), (5, 5), (0, 100), (-1, 3)], ids=str)
def test_key_frames_in_disorder_are_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        follow([key(number, []) for number in numbers], 100, SIZE)


sides = st.floats(0, 600, width=16)
people = st.lists(
    st.tuples(
        st.tuples(sides, sides, sides, sides).map(
            lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
        ),
        st.floats(0, 1, width=16),
    ),
    max_size=3,
)


@given(st.lists(people, max_size=8), st.lists(st.integers(0, 60), max_size=3))
def test_whatever_the_detector_says(seen: list[list[tuple[Box, float]]], cuts: list[int]) -> None:
    frames = 60
    known = [key(7 * place, boxes) for place, boxes in enumerate(seen)]
    result = follow(known, frames, SIZE, cuts=cuts, motion=lambda track: float(len(track.numbers)))
    assert result.boxes.shape == (frames, 4)
    assert (np.isnan(result.boxes).any(axis=1) == np.isnan(result.boxes).all(axis=1)).all()
    there = result.boxes[found(result)]
    assert (there[:, 2:] >= there[:, :2]).all()
    assert 0 <= result.ambiguous <= 1
    assert result.persons <= max(map(len, seen), default=0)
    assert all(0 <= number < frames for number in result.ask)
    assert not set(result.ask) & {one.number for one in known}
    turned = [KeyFrame(one.number, one.boxes[::-1], one.scores[::-1]) for one in known]
    again = follow(turned, frames, SIZE, cuts=cuts, motion=lambda track: float(len(track.numbers)))
    assert (again.persons, again.ask) == (result.persons, result.ask)
    assert np.array_equal(again.boxes, result.boxes, equal_nan=True)

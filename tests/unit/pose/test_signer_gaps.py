"""Where the signer is not seen, and where a film is cut: what is bridged and what stays a gap."""

from __future__ import annotations

import numpy as np
from detections import (
    LEFT,
    MIDDLE,
    RIGHT,
    SIZE,
    found,
    key,
    keys,
)

from sign_etl.pose.signer import Box, follow


def test_one_miss_is_bridged() -> None:
    result = follow(keys(60, lambda t: [] if t == 30 else [(MIDDLE, 0.9)]), 60, SIZE)
    assert found(result).all()
    assert result.ask == ()


def test_one_miss_of_a_second_is_a_gap() -> None:
    result = follow(keys(150, lambda t: [] if t == 50 else [(MIDDLE, 0.9)], step=25), 150, SIZE)
    assert not found(result)[40:60].any()


def test_a_gap_in_the_middle_is_not_invented() -> None:
    gone = range(40, 70)
    result = follow(keys(120, lambda t: [] if t in gone else [(MIDDLE, 0.9)]), 120, SIZE)
    # Each frame goes with the nearest key frame.
    assert np.flatnonzero(~found(result)).tolist() == list(range(35, 66))
    assert (result.boxes[found(result)] == np.array(MIDDLE, np.float32)).all()
    assert result.ask == (35, 65)


def test_asking_again_finds_the_borders_of_a_gap() -> None:
    gone = range(37, 64)

    def seen(number: int) -> list[tuple[Box, float]]:
        return [] if number in gone else [(MIDDLE, 0.9)]

    known = keys(120, seen)
    asked = 0
    while (result := follow(known, 120, SIZE)).ask:
        asked += len(result.ask)
        known = sorted([*known, *(key(n, seen(n)) for n in result.ask)], key=lambda k: k.number)
    assert asked <= 6
    wrong = found(result) == np.isin(np.arange(120), gone)
    assert wrong.sum() <= 4


def test_somebody_who_comes_late_and_leaves_early() -> None:
    result = follow(keys(100, lambda t: [(MIDDLE, 0.9)] if 30 <= t <= 60 else []), 100, SIZE)
    assert np.flatnonzero(found(result)).tolist() == list(range(26, 65))
    assert result.ask == (25, 65)


def test_after_a_long_gap_the_same_place_is_the_same_person() -> None:
    def seen(number: int) -> list[tuple[Box, float]]:
        return [] if 30 <= number < 90 else [(LEFT, 0.9)]

    result = follow(keys(120, seen), 120, SIZE)
    assert found(result)[:20].all()
    assert found(result)[95:].all()


def test_a_hard_cut_between_two_signers() -> None:
    # The boxes overlap: only the cut tells that they are two.
    other = (200, 80, 400, 480)
    both = keys(100, lambda t: [(MIDDLE if t < 50 else other, 0.9)])
    result = follow(both, 100, SIZE, cuts=(47,))
    assert (result.boxes[:47] == np.array(MIDDLE, np.float32)).all()
    assert (result.boxes[47:] == np.array(other, np.float32)).all()
    assert (result.persons, result.ambiguous, result.cuts) == (1, 0.0, (47,))
    assert result.ask == ()
    # Without it the box glides from one to the other.
    glided = follow(both, 100, SIZE).boxes[40:51, 0]
    assert (np.diff(glided) < 0).all()


def test_the_first_frame_of_an_unseen_shot_is_asked_for() -> None:
    known = keys(100, lambda _: [(MIDDLE, 0.9)], step=25)
    result = follow(known, 100, SIZE, cuts=(30, 55, 72))
    assert result.ask == (30, 55)
    assert not found(follow(known, 100, SIZE, cuts=(30, 45)))[30:45].any()


def test_each_shot_has_a_signer_of_its_own() -> None:
    def seen(number: int) -> list[tuple[Box, float]]:
        return [(LEFT, 0.9), ((430, 200, 560, 420), 0.9)] if number < 50 else [(RIGHT, 0.9)]

    result = follow(keys(100, seen), 100, SIZE, cuts=(50,))
    assert (result.boxes[:50] == np.array(LEFT, np.float32)).all()
    assert (result.boxes[50:] == np.array(RIGHT, np.float32)).all()


def test_a_cut_that_nobody_told_is_found() -> None:
    def seen(number: int) -> list[tuple[Box, float]]:
        return [(LEFT if number < 47 else RIGHT, 0.9)]

    known = keys(100, seen)
    result = follow(known, 100, SIZE)
    assert found(result).all()
    assert result.ask == (45,)
    while (result := follow(known, 100, SIZE)).ask:
        known = sorted([*known, *(key(n, seen(n)) for n in result.ask)], key=lambda k: k.number)
    assert result.cuts == (47,)
    assert (result.boxes[:47] == np.array(LEFT, np.float32)).all()
    assert (result.boxes[47:] == np.array(RIGHT, np.float32)).all()


def test_one_key_frame_reaches_no_farther_than_it_may() -> None:
    one = [key(0, [(MIDDLE, 0.9)])]
    result = follow(one, 100, SIZE)
    assert np.flatnonzero(found(result)).tolist() == list(range(31))
    assert result.ask == (30,)
    assert found(follow(one, 20, SIZE)).all()


def test_one_frame() -> None:
    result = follow([key(0, [(MIDDLE, 0.9)])], 1, SIZE, motion=lambda _: float("nan"))
    assert (result.boxes == np.array([MIDDLE], np.float32)).all()
    assert (result.persons, result.ambiguous, result.ask) == (1, 0.0, ())

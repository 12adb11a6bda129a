"""The sliding window: when it looks, what it tells once, and what it never tells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sign_etl.tasks.sliding import Recogniser, Sliding, probabilities, watch

LABELS = ("привет", "book", "---")


def recogniser(frames: int = 4, every: int = 1) -> Recogniser:
    """Tells class n of a window whose pictures are mostly n; sure, the more of them are."""

    def ask(pictures: Any) -> Any:
        values = pictures[:, 0, 0, 0]
        return np.array([(values == number).mean() for number in range(len(LABELS))])

    return Recogniser(LABELS, frames, every, lambda frame: frame, ask, "counter")


def told(values: list[int], sliding: Sliding) -> list[str]:
    frames = [(at / 10, np.full((2, 2, 3), value, np.uint8)) for at, value in enumerate(values)]
    return [sign.label for sign in watch(sliding, frames) if sign is not None]


def test_each_sign_is_told_once_and_no_sign_never() -> None:
    sliding = Sliding(recogniser(), threshold=0.9, hop=1)
    values = [2] * 5 + [0] * 4 + [2] * 5 + [1] * 4 + [2] * 4
    assert told(values, sliding) == ["привет", "book"]
    first = sliding.signs[0]
    assert (first.start_s, first.end_s, first.probability) == (0.5, 0.8, 1.0)


def test_what_goes_on_is_one_sign() -> None:
    sliding = Sliding(recogniser(), threshold=0.9, hop=1)
    assert told([1] * 12, sliding) == ["book"]
    assert [(s.label, s.start_s, s.end_s) for s in sliding.signs] == [("book", 0.0, 1.1)]
    apart = Sliding(recogniser(), threshold=0.9, hop=1)
    told([1] * 4 + [2] * 8 + [1] * 4, apart)
    assert len(apart.signs) == 2


def test_it_looks_as_often_as_it_is_told_to() -> None:
    for hop, looks in ((1, 9), (2, 5), (4, 3)):
        sliding = Sliding(recogniser(), threshold=1.1, hop=hop)
        told([0] * 12, sliding)
        assert sliding.looks == looks, hop
    every = Sliding(recogniser(every=3), threshold=0.9, hop=1)
    assert told([0, 1, 2] * 4, every) == ["привет"]


def test_a_clip_shorter_than_the_window_begins_again() -> None:
    sliding = Sliding(recogniser(frames=8), threshold=0.9)
    assert told([1, 1], sliding) == ["book"]
    assert told([], Sliding(recogniser())) == []


def test_labels_that_stand_for_nothing_can_be_named() -> None:
    assert told([1] * 4, Sliding(recogniser(), silent=["book"])) == []
    assert told([2] * 4, Sliding(recogniser(), silent=["book"])) == ["---"]


def test_scores_become_probabilities() -> None:
    given = np.array([0.2, 0.3, 0.5])
    np.testing.assert_array_equal(probabilities(given), given)
    found = probabilities(np.array([1000.0, 1000.0, -1000.0]))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.0])
    assert probabilities(np.array([3.0, 1.0])).sum() == pytest.approx(1)

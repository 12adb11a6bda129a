"""The sliding window: when it looks, what it tells once, and what it never tells."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sign_etl.tasks.sliding import Pace, Recogniser, Sliding, probabilities, watch

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
    # However long it was: what comes more than a window later is another one.
    longer = Sliding(recogniser(), threshold=0.9, hop=1)
    assert told([1] * 12 + [2] * 8 + [1] * 4, longer) == ["book", "book"]


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


def test_who_is_behind_looks_at_no_window_twice() -> None:
    """While frames wait every fourth one is looked at, not every one; then at once again."""
    sliding = Sliding(recogniser(), threshold=1.1, hop=1)
    frame = np.zeros((2, 2, 3), np.uint8)
    looks = []
    for at in range(16):
        sliding.see(frame, at / 10, behind=at < 14)
        looks.append(sliding.looks)
    assert looks == [0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5]


def test_no_is_a_sign_where_nobody_says_otherwise() -> None:
    """WLASL has it, easy_sign calls its class without a sign so."""
    signs = replace(recogniser(), labels=("no", "yes", "---"))
    assert told([0] * 4, Sliding(signs)) == ["no"]
    assert told([0] * 4, Sliding(replace(signs, silent=frozenset({"no"})))) == []


def test_what_is_no_number_is_no_sign() -> None:
    broken = replace(recogniser(), ask=lambda _: np.full(3, np.nan))
    assert told([0] * 4, Sliding(broken, threshold=0.0)) == []


def taken(pace: Pace, times: list[float]) -> list[float]:
    return [time for time in times for _ in range(pace.of(time))]


@pytest.mark.parametrize("stream_fps", [12.5, 15.0, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0])
@pytest.mark.parametrize("every", [1, 2, 4])
def test_pictures_come_at_the_rate_of_the_training(stream_fps: float, every: int) -> None:
    """A window of any stream holds the same seconds, of the frames nearest to the moments due."""
    times = [number / stream_fps for number in range(round(4 * stream_fps))]
    found = taken(Pace(every, 25.0, stream_fps), times)
    due = [number * every / 25.0 for number in range(len(found))]
    assert abs(len(found) - 100 / every) <= 25 / stream_fps + 1
    for moment, time_s in zip(due, found, strict=True):
        assert abs(time_s - moment) <= 0.5 / stream_fps + 1e-5
    if stream_fps == 25.0:
        assert found == times[::every]
    assert taken(Pace(every, 25.0, stream_fps), times) == found


def test_times_that_tremble_or_stop() -> None:
    rng = np.random.default_rng(0)
    shaken = [number / 30 + float(rng.uniform(-0.01, 0.01)) for number in range(60)]
    pace = Pace(2, 30.0, 30.0)
    assert [pace.of(time_s) for time_s in shaken] == [1, 0] * 30
    # A camera that stood still: what was due meanwhile is the next frame.
    frozen = Pace(1, 10.0, 10.0)
    assert [frozen.of(time_s) for time_s in (0.0, 0.1, 0.5, 0.6)] == [1, 1, 4, 1]
    # A model that does not tell its rate counts frames, whatever their times.
    assert [Pace(3).of(time_s) for time_s in (0.0,)] == [1]
    counted = Pace(3, 0.0, 30.0)
    assert [counted.of(0.0) for _ in range(7)] == [1, 0, 0, 1, 0, 0, 1]


def test_a_faster_stream_fills_the_same_window() -> None:
    """Signs of 0.4 s at 10 and at 40 frames a second, for a model of 10: the same is told."""
    ten = replace(recogniser(), fps=10.0)
    values = [2] * 4 + [0] * 4 + [2] * 4 + [1] * 4
    found = []
    for times in (1, 4):
        sliding = Sliding(ten, threshold=0.9, hop=1, fps=10.0 * times)
        frames = [
            (at / (10 * times), np.full((2, 2, 3), value, np.uint8))
            for at, value in enumerate(value for value in values for _ in range(times))
        ]
        said = [sign.label for sign in watch(sliding, frames) if sign is not None]
        assert said == ["привет", "book"]
        found.append([(sign.label, round(sign.start_s, 1)) for sign in sliding.signs])
    assert found[0] == found[1]


def test_scores_become_probabilities() -> None:
    given = np.array([0.2, 0.3, 0.5])
    np.testing.assert_array_equal(probabilities(given), given)
    found = probabilities(np.array([1000.0, 1000.0, -1000.0]))
    np.testing.assert_allclose(found, [0.5, 0.5, 0.0])
    assert probabilities(np.array([3.0, 1.0])).sum() == pytest.approx(1)

"""Frame selection as arithmetic, without any file."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sign_etl.media.timeline import Sampler, frame_count, microseconds, seconds, tidy_rate


def select(
    times_s: list[Fraction],
    fps: Fraction | int,
    *,
    start_s: float = 0.0,
    frames: int | None = None,
    end_s: Fraction | None = None,
) -> list[int]:
    """Indices of the source frames that the output shows."""
    sampler: Sampler[int] = Sampler(seconds(start_s), Fraction(fps), frames)
    chosen: list[int] = []
    for index, time_s in enumerate(times_s):
        if sampler.done:
            return chosen
        if shown := sampler.push(index, time_s):
            chosen += [shown.frame] * shown.repeats
    interval_s = times_s[1] - times_s[0] if len(times_s) > 1 else Fraction(1, 25)
    if not sampler.done and (shown := sampler.finish(end_s or times_s[-1] + interval_s)):
        chosen += [shown.frame] * shown.repeats
    return chosen


def steady(count: int, fps: Fraction | int) -> list[Fraction]:
    return [Fraction(index) / fps for index in range(count)]


def test_equal_rates_are_the_identity() -> None:
    assert select(steady(50, 25), 25) == list(range(50))


def test_30_to_25_drops_every_sixth() -> None:
    kept = select(steady(60, 30), 25)
    assert kept == [index for index in range(60) if index % 6 != 2]


def test_24_to_25_repeats_one_a_second() -> None:
    kept = select(steady(48, 24), 25)
    assert len(kept) == 50
    assert sorted(set(kept)) == list(range(48))


def test_60_to_25() -> None:
    assert select(steady(12, 60), 25) == [1, 3, 6, 8, 10]


@given(
    jitter=st.lists(st.integers(-8, 8), min_size=50, max_size=50),
    fps=st.sampled_from([Fraction(25), Fraction(24), Fraction(30000, 1001), Fraction(50)]),
)
def test_jitter_of_less_than_half_a_frame_changes_nothing(jitter: list[int], fps: Fraction) -> None:
    # Up to 8 ms at up to 50 fps: half a frame is 10, less the millisecond that counts as a tie.
    times_s = steady(50, fps)
    moved = [max(Fraction(0), t + Fraction(j, 1000)) for t, j in zip(times_s, jitter, strict=True)]
    assert select(moved, fps, end_s=50 / fps) == list(range(50))


@given(
    times_us=st.lists(st.integers(1, 2_000_000), min_size=1, max_size=40, unique=True),
    fps=st.sampled_from([Fraction(25), Fraction(30000, 1001), Fraction(10), Fraction(60)]),
    start_us=st.integers(0, 1_500_000),
)
def test_each_output_frame_shows_what_is_on_screen_at_its_middle(
    times_us: list[int], fps: Fraction, start_us: int
) -> None:
    times_s = [Fraction(0)] + [Fraction(time, 1_000_000) for time in sorted(times_us)]
    start_s = Fraction(start_us, 1_000_000)
    frames = 30
    chosen = select(times_s, fps, start_s=float(start_s), frames=frames, end_s=Fraction(10))
    assert len(chosen) == frames
    for output, index in enumerate(chosen):
        middle_s = start_s + (output + Fraction(1, 2)) / fps + Fraction(1, 1000)
        assert index == max(i for i, time_s in enumerate(times_s) if time_s <= middle_s)


def test_span_in_the_middle() -> None:
    assert select(steady(100, 25), 25, start_s=1.0, frames=10) == list(range(25, 35))


def test_output_ends_with_the_source() -> None:
    assert select(steady(10, 25), 25, frames=1000) == list(range(10))


def test_span_that_begins_before_the_first_frame_holds_it() -> None:
    times_s = [time_s + Fraction(1, 5) for time_s in steady(5, 25)]
    assert select(times_s, 25) == [0, 0, 0, 0, 0, 0, 1, 2, 3, 4]


def test_one_frame() -> None:
    assert select([Fraction(0)], 25) == [0]


@pytest.mark.parametrize(
    ("duration_s", "fps", "frames"),
    [
        (2.96, 25, 74), (0.001, 25, 1), (0.0, 25, 1), (0.06, 25, 2), (0.0599, 25, 1),
        (1.001, Fraction(30000, 1001), 30),
    ],
)  # fmt: skip
def test_frame_count_is_rounded(duration_s: float, fps: Fraction, frames: int) -> None:
    assert frame_count(seconds(duration_s), Fraction(fps)) == frames


@pytest.mark.parametrize(
    ("rate", "tidy"),
    [
        (25, "25"), (29.97, "30000/1001"), (23.976, "24000/1001"), (59.94, "60000/1001"),
        (Fraction(2997, 100), "30000/1001"), (25.0001, "25"), (12.5, "25/2"),
        (Fraction(150, 17), "150/17"), (Fraction(1, 3), "1/3"),
    ],
)  # fmt: skip
def test_tidy_rate(rate: float | Fraction, tidy: str) -> None:
    assert tidy_rate(rate) == Fraction(tidy)


def test_microseconds_round_half_up() -> None:
    assert microseconds(Fraction(1, 30)) == 33_333
    assert microseconds(Fraction(5, 10_000_000)) == 1
    assert microseconds(seconds(-0.25)) == -250_000

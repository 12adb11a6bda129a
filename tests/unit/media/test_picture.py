"""Crop and size as arithmetic."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sign_etl.media.picture import plan_picture

ONE = Fraction(1)


@pytest.mark.parametrize(
    ("size", "short_side", "made"),
    [
        ((1920, 1080), 480, (854, 480)),
        ((1080, 1920), 480, (480, 854)),
        ((852, 480), 480, (852, 480)),
        ((640, 360), 480, (640, 360)),
        ((161, 97), 480, (160, 96)),
        ((1281, 721), 480, (852, 480)),
        ((1, 1), 480, (2, 2)),
        ((100, 7), 480, (100, 6)),
    ],
)
def test_short_side_is_never_enlarged(
    size: tuple[int, int], short_side: int, made: tuple[int, int]
) -> None:
    picture = plan_picture(*size, ONE, short_side=short_side)
    assert (picture.width, picture.height) == made
    assert picture.flags == ()


def test_odd_sizes_are_cut_where_nothing_is_scaled() -> None:
    assert plan_picture(161, 97, ONE, short_side=480).crop == (0, 0, 160, 96)


@pytest.mark.parametrize(
    ("aspect", "made"), [("16/15", (640, 480)), ("2", (720, 288)), ("1/2", (360, 576))]
)
def test_pixels_become_square(aspect: str, made: tuple[int, int]) -> None:
    picture = plan_picture(720, 576, Fraction(aspect), short_side=480)
    assert (picture.width, picture.height) == made


def test_impossible_pixels_count_as_square() -> None:
    picture = plan_picture(640, 480, Fraction(1000), short_side=480)
    assert (picture.width, picture.height, picture.flags) == (640, 480, ("pixel-aspect-ignored",))


def test_box_grows_by_its_margin_and_stays_inside() -> None:
    picture = plan_picture(640, 480, ONE, short_side=480, bbox=(100, 100, 300, 400), margin=0.5)
    assert picture.crop == (0, 0, 400, 480)
    assert picture.flags == ()


@pytest.mark.parametrize(
    ("bbox", "flag"),
    [
        ((-50, 0, 300, 300), "bbox-clamped"),
        ((0, 0, 900, 300), "bbox-clamped"),
        ((700, 0, 900, 300), "bbox-ignored"),
        ((100, 100, 100, 300), "bbox-ignored"),
        ((300, 100, 100, 300), "bbox-ignored"),
        ((100, 100, 104, 300), "bbox-ignored"),
        ((float("nan"), 0, 100, 100), "bbox-ignored"),
    ],
)
def test_wrong_boxes(bbox: tuple[float, float, float, float], flag: str) -> None:
    picture = plan_picture(640, 480, ONE, short_side=480, bbox=bbox)
    assert picture.flags == (flag,)
    if flag == "bbox-ignored":
        assert picture.crop == (0, 0, 640, 480)


@given(
    width=st.integers(2, 5000),
    height=st.integers(2, 5000),
    aspect=st.fractions(Fraction(1, 4), 4, max_denominator=100),
    bbox=st.none() | st.tuples(*[st.floats(-100, 6000)] * 4),
    short_side=st.integers(32, 1080),
)
def test_every_picture_is_even_inside_and_no_larger(
    width: int,
    height: int,
    aspect: Fraction,
    bbox: tuple[float, float, float, float] | None,
    short_side: int,
) -> None:
    picture = plan_picture(width, height, aspect, short_side=short_side, bbox=bbox, margin=0.2)
    x0, y0, x1, y1 = picture.crop
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert x0 % 2 == y0 % 2 == picture.width % 2 == picture.height % 2 == 0
    assert picture.width <= max(2, x1 - x0 + 1)
    assert picture.height <= max(2, y1 - y0 + 1)
    assert min(picture.width, picture.height) <= max(2, short_side + 1)

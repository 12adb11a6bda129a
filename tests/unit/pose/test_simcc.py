"""From a box to the net's input, and from its vectors to points."""

from __future__ import annotations

import numpy as np
import pytest

from sign_etl.pose.simcc import MEAN, STD, Crop, Normaliser, crop_of, decoded, warped

pytest.importorskip("cv2")

SIZE = (256, 192)


def box(*sides: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(sides, np.float32)


def test_a_crop_is_padded_and_keeps_the_proportion_of_the_input() -> None:
    tall = crop_of(box(10, 20, 50, 220), SIZE)
    assert tall.centre.tolist() == [30, 120]
    assert tall.extent.tolist() == [250 * 0.75, 250]
    wide = crop_of(box(0, 0, 400, 100), SIZE)
    assert wide.extent.tolist() == pytest.approx([500, 500 / 0.75])


def test_a_box_without_area_makes_no_error() -> None:
    crop = crop_of(box(5, 5, 5, 5), SIZE)
    assert (crop.extent > 0).all()
    assert warped(np.zeros((20, 20, 3), np.uint8), crop, SIZE).shape == (*SIZE, 3)


def test_pixels_land_where_points_come_back_from() -> None:
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[60:62, 150:152] = 255
    crop = crop_of(box(100, 20, 180, 140), SIZE)
    rows, columns = np.nonzero(warped(picture, crop, SIZE)[..., 0] > 100)
    vectors = np.zeros((1, 1, 384), np.float32), np.zeros((1, 1, 512), np.float32)
    vectors[0][0, 0, round(columns.mean() * 2)] = 1
    vectors[1][0, 0, round(rows.mean() * 2)] = 1
    ((point,),) = decoded(*vectors, [crop], SIZE)
    assert point[:2] == pytest.approx([150.5, 60.5], abs=0.3)


def test_outside_of_the_picture_is_black() -> None:
    picture = np.full((50, 50, 3), 200, np.uint8)
    seen = warped(picture, crop_of(box(0, 0, 50, 50), SIZE), SIZE)
    assert seen[0].max() == 0
    assert seen[128, 96].tolist() == [200] * 3


def test_the_table_is_double_precision_rounded_once() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    made = np.empty((3, *SIZE), np.float32)
    Normaliser()(picture, made)
    exact = ((picture - np.array(MEAN)) / np.array(STD)).transpose(2, 0, 1)
    assert (made == exact.astype(np.float32)).all()


def test_vectors_become_points_one_by_one() -> None:
    rng = np.random.default_rng(2)
    along_x = rng.normal(size=(3, 5, 384)).astype(np.float32)
    along_y = rng.normal(size=(3, 5, 512)).astype(np.float32)
    crops = [crop_of(box(10 * n, 20, 200 + n, 300), SIZE) for n in range(3)]
    points = decoded(along_x, along_y, crops, SIZE)
    assert points.dtype == np.float32
    for n, k in np.ndindex(3, 5):
        x = int(np.argmax(along_x[n, k])) / 2 / 192
        y = int(np.argmax(along_y[n, k])) / 2 / 256
        place = crops[n].centre - crops[n].extent / 2 + crops[n].extent * (x, y)
        score = (along_x[n, k].max() + along_y[n, k].max()) / 2
        assert points[n, k] == pytest.approx([*place, score], rel=1e-6)


@pytest.mark.parametrize("value", [0.0, -0.5, np.nan])
def test_a_point_without_a_score_is_missing(value: float) -> None:
    vectors = [np.full((1, 2, length), -1, np.float32) for length in (384, 512)]
    for vector in vectors:
        vector[0, 0, 7] = value
        vector[0, 1, 7] = 1.5
    points = decoded(*vectors, [Crop(np.zeros(2), np.ones(2))], SIZE)[0]
    assert np.isnan(points[0, :2]).all()
    assert points[0, 2] == 0
    # A score is not cut off at 1.
    assert points[1, 2] == 1.5

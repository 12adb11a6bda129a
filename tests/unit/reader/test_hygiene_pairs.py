"""Close pairs among many rows: against the plain definition, and the short cut against that."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sign_etl.reader.hygiene_pairs import BLOCK, MIN_SHARED, close_pairs

THRESHOLD = 0.06


def prints(count: int, copies: int, seed: int = 0) -> NDArray[np.float32]:
    """Rows of 32 points on a few dimensions, as motions are; the last `copies` are near copies."""
    random = np.random.default_rng(seed)
    rows = random.standard_normal((count, 10)) @ random.standard_normal((10, 64)) * 0.12
    points = rows.reshape(count, 32, 2)
    noise = random.uniform(0.005, 0.045, (copies, 1, 1)) * random.standard_normal((copies, 32, 2))
    if copies:
        points[-copies:] = points[:copies] + noise / np.sqrt(2)
    return points.astype(np.float32)


def pairs(points: NDArray[np.float32], **options: int) -> dict[tuple[int, int], float]:
    found = close_pairs(points, THRESHOLD, **options)
    assert (found.first < found.second).all()
    assert (np.diff(found.distances) >= 0).all()
    numbers = zip(found.first.tolist(), found.second.tolist(), strict=True)
    return dict(zip(numbers, found.distances.tolist(), strict=True))


def by_definition(points: NDArray[np.float32]) -> dict[tuple[int, int], float]:
    close = {}
    for second in range(len(points)):
        for first in range(second):
            lengths = np.linalg.norm(points[first] - points[second], axis=1)
            known = np.isfinite(lengths)
            if known.mean() >= MIN_SHARED and known.any():
                distance = float(np.sqrt(np.mean(lengths[known] ** 2)))
                if distance <= THRESHOLD:
                    close[first, second] = distance
    return close


def test_all_pairs_and_no_others() -> None:
    points = prints(120, 20)
    points[3:60, 20:] = np.nan  # copies of these know more than they do
    points[70:80, 10:] = np.nan  # too little to compare
    expected = by_definition(points)
    assert len(expected) == 20
    assert pairs(points) == pytest.approx(expected, abs=1e-4)


def test_across_blocks() -> None:
    points = prints(BLOCK + 300, 150)
    found = pairs(points)
    assert set(found) >= {(row, BLOCK + 150 + row) for row in range(150)}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_rows(count: int) -> None:
    assert pairs(np.zeros((count, 4, 2), np.float32)) == ({(0, 1): 0.0} if count == 2 else {})


def test_rows_that_know_nothing() -> None:
    points = np.full((5, 4, 2), np.nan, np.float32)
    assert pairs(points) == {}
    assert pairs(points, exact_up_to=0) == {}


def test_the_short_cut_finds_what_there_is() -> None:
    points = prints(4000, 300)
    points[np.random.default_rng(1).random(4000) < 0.05, 20:] = np.nan
    exact, likely = pairs(points), pairs(points, exact_up_to=100)
    assert likely.items() <= exact.items()
    assert len(likely) >= 0.97 * len(exact)
    assert len(exact) >= 280
    assert close_pairs(points, THRESHOLD, exact_up_to=100).exact is False
    assert close_pairs(points[:50], THRESHOLD).exact is True


def test_the_short_cut_is_the_same_every_time() -> None:
    points = prints(1000, 80)
    assert pairs(points, exact_up_to=10) == pairs(points, exact_up_to=10)


def test_equal_rows_fill_one_cell() -> None:
    points = np.zeros((500, 4, 2), np.float32)
    assert len(pairs(points)) == 500 * 499 // 2
    found = pairs(points, exact_up_to=10)  # not all of them: each has its neighbours
    assert {row for pair in found for row in pair} == set(range(500))

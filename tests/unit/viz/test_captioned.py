"""The bar beneath a frame: what stands on it, and that nothing leaves it."""

from __future__ import annotations

import numpy as np
import pytest

from sign_etl.viz.captioned import SIZES, _latest, captioned
from sign_etl.viz.text import ELLIPSIS, lettering

LONG = "donaudampfschifffahrt"


def drawn(width: int, label: str, before: list[str]) -> np.ndarray:
    picture = np.full((480, width, 3), 200, np.uint8)
    whole = captioned(picture, label, 0.5, before)
    assert whole.shape == (480 + 77, width, 3)
    assert (whole[:480] == 200).all()
    return whole[480:]


@pytest.mark.parametrize("width", [160, 270, 852])
@pytest.mark.parametrize("label", ["", "дом", LONG * 5, "سلام"])
def test_nothing_leaves_the_bar(width: int, label: str) -> None:
    """Beside the line that is half as long as the picture, the margins stay dark."""
    bar = drawn(width, label, [LONG] * 300)
    assert bar[4:, :13].max() < 60
    assert bar[4:, -13:].max() < 60
    assert (bar[1, : width // 2 - 1, 1] > 100).all() == bool(label)


def test_a_long_sign_is_written_small_before_it_is_cut() -> None:
    room = 270 - 2 * 15 - lettering(15).width("50%") - 15
    large, small = lettering(round(77 * SIZES[0])), lettering(round(77 * SIZES[-1]))
    label = next("m" * count for count in range(99) if large.width("m" * count) > room)
    assert small.width(label) <= room
    # Higher letters reach further up.
    tops = [
        np.flatnonzero((drawn(width, label, [])[8:45, :190] > 150).any((1, 2)))[0]
        for width in (852, 270)
    ]
    assert tops[0] < tops[1]


def test_the_latest_signs_are_kept() -> None:
    letters = lettering(14)
    signs = [f"sign{at}" for at in range(500)]
    shown = _latest(signs, letters, 300)
    assert shown.startswith(f"{ELLIPSIS} ")
    assert shown.endswith("sign498 · sign499")
    assert letters.width(shown) <= 300 < letters.width(shown + " · sign1")
    assert _latest(signs[:2], letters, 300) == "sign0 · sign1"
    assert _latest([], letters, 300) == ""
    alone = _latest(["a", LONG * 9], letters, 300)
    assert alone.startswith(f"{ELLIPSIS} dona")
    assert letters.width(alone) <= 300

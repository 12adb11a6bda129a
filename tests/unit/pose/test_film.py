"""Frames that are decoded ahead, and hard cuts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from marker_scenes import clip, walker

from sign_etl.pose import film as film_module
from sign_etl.pose.base import PoseInput
from sign_etl.pose.film import Film, cuts_in, films
from sign_etl.reader.frames import read_frames

FRAMES = 9


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> PoseInput:
    return clip(tmp_path_factory.mktemp("film") / "clip.mp4", walker(), FRAMES, 64, 48)


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "too-large"])
def test_frames_are_those_of_the_file(
    kept: bool, short: PoseInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept:
        monkeypatch.setattr(film_module, "KEPT_BYTES", 0)
    wanted = list(read_frames(short.video))
    for threads in (1, 3):
        for film in films([short] * 5, threads=threads):
            numbers = [0, 3, FRAMES - 1]
            found = list(film.pictures(numbers))
            assert all((wanted[n] == one).all() for n, one in zip(numbers, found, strict=True))
            assert film.cuts() == ()
            assert len(list(film.pictures(range(FRAMES)))) == FRAMES


def test_no_clips_and_no_end_are_no_trouble(short: PoseInput) -> None:
    assert list(films([])) == []
    ahead = films([short] * 50)
    assert isinstance(next(ahead), Film)
    ahead.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": FRAMES + 1}, f"the video has {FRAMES} frames, not {FRAMES + 1}"),
        ({"frames": FRAMES - 1}, f"the video has more than {FRAMES - 1} frames"),
        ({"width": 66}, "the video is not 66 x 48"),
        ({"video": Path(__file__)}, "test_film.py cannot be decoded"),
    ],
)
def test_what_was_not_announced_is_refused(
    change: dict[str, object], message: str, short: PoseInput
) -> None:
    film = next(films([replace(short, **change)]))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        film.cuts()
    with pytest.raises(ValueError, match=message):
        list(film.pictures(range(FRAMES + 1)))


def test_a_cut_is_a_jump_and_not_a_movement() -> None:
    still = np.full(30, 1.5)
    assert cuts_in(still) == ()
    cut = still.copy()
    cut[[4, 20]] = 25.0, 14.0
    assert cuts_in(cut) == (5, 21)
    # A camera that shakes all the time, and a fade.
    assert cuts_in(np.full(30, 20.0)) == ()
    assert cuts_in(np.concatenate([still, np.linspace(2, 9, 12), still])) == ()
    # Noise of a still picture that grows tenfold is still nothing.
    assert cuts_in(np.array([0.01] * 9 + [0.1] + [0.01] * 9)) == ()


@pytest.mark.parametrize("changes", [[], [40.0], [1.0]])
def test_the_shortest_clips(changes: list[float]) -> None:
    assert cuts_in(np.array(changes, np.float64)) == ((1,) if changes == [40.0] else ())

"""Webcams without a camera: a film with times, frames fetched ahead, and who has no webcam."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from sign_etl.core.errors import AccessError, UsageError
from sign_etl.media import camera
from sign_etl.media.ahead import MOST_WAITING, Ahead
from sign_etl.media.camera import Film, Footage, own_copy

PATTERN = "testsrc=size=64x48:rate=10:duration=2"


def test_frames_of_a_film_stand_where_they_were_seen(tmp_path: Path) -> None:
    """A webcam in a dark room: what took two seconds takes two seconds."""
    times = [0.0, 0.1, 0.1, 0.6, 2.0]
    with Film(tmp_path / "a.mp4", 30.0) as film:
        for at, time_s in enumerate(times):
            film.write(np.full((48, 64, 3), 50 * at, np.uint8), time_s)
    assert film.frames == len(times)
    with Footage(str(tmp_path / "a.mp4")) as footage:
        found = list(footage)
    assert [time_s for time_s, _ in found] == pytest.approx([0, 0.1, 0.101, 0.6, 2.0], abs=5e-4)
    assert [round(float(frame.mean()) / 50) for _, frame in found] == [0, 1, 2, 3, 4]


def fail(number: int) -> Callable[..., None]:
    """As PyAV does: an error of FFmpeg is one of the system too."""

    def opened(*_: object, **__: object) -> None:
        raise OSError(number, "no")

    return opened


def test_who_has_no_webcam_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AccessError, match="webcam 97 cannot be opened") as caught:
        Footage("97")
    assert "--input FILE" in (caught.value.hint or "")
    for number, why in ((errno.EACCES, "must not read"), (errno.EBUSY, "another program")):
        monkeypatch.setattr("sign_etl.media.camera.av.open", fail(number))
        with pytest.raises(AccessError, match=why):
            Footage("0")
    monkeypatch.undo()
    with pytest.raises(UsageError, match="a folder, and no video"):
        own_copy(tmp_path, tmp_path)


def test_a_webcam_is_read_as_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another device of FFmpeg, which draws, in the place of the camera."""
    monkeypatch.setitem(camera._CAMERAS, sys.platform, ("lavfi", PATTERN))
    with Footage("0") as footage, Ahead(footage) as ahead:
        assert (footage.live, footage.fps) == (True, 10.0)
        found = [(round(time_s, 3), frame.shape) for time_s, frame in ahead]
    assert found == [(round(at / 10, 3), (48, 64, 3)) for at in range(20)]


def test_items_are_fetched_before_they_are_wanted() -> None:
    fetched = Event()

    def items() -> Iterator[int]:
        yield from range(3)
        fetched.set()

    with Ahead(items()) as ahead:
        assert fetched.wait(60)
        assert ahead.behind
        assert list(ahead) == [0, 1, 2]
        assert not ahead.behind


def test_who_leaves_early_stops_the_fetching() -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    with Ahead(endless()) as ahead:
        assert next(iter(ahead)) == 0
    # The thread is gone; what it had in hand, in the queue and taken out is all there was.
    assert len(taken) <= MOST_WAITING + 2


def test_what_goes_wrong_is_told_behind_what_went_well() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("unplugged")

    found: list[int] = []
    with Ahead(broken()) as ahead, pytest.raises(OSError, match="unplugged"):
        found.extend(ahead)
    assert found == [1]

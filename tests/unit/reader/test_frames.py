"""Frames of a file, one at a time."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from media import VideoSpec, read_number, truncate, write_sound, write_video

from sign_etl.reader.frames import read_frames


def test_all_frames_in_order(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", VideoSpec(count=9))
    pictures = list(read_frames(path))
    assert {(picture.shape, picture.dtype.name) for picture in pictures} == {
        ((96, 160, 3), "uint8")
    }
    assert [read_number(picture[..., 1]) for picture in pictures] == list(range(9))


@pytest.mark.parametrize("width", [160, 852 // 2, 202])
def test_rows_are_not_padded(tmp_path: Path, width: int) -> None:
    path = write_video(tmp_path / "clip.mp4", VideoSpec(count=2, width=width))
    assert all(picture.flags.c_contiguous for picture in read_frames(path))
    assert next(read_frames(path)).shape == (96, width, 3)


def test_frames_are_kept_by_nobody(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", VideoSpec(count=6))
    first, second = islice(read_frames(path), 2)
    before = first.copy()
    second[:] = 0
    assert (first == before).all()
    assert not np.shares_memory(first, second)


def test_another_container_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "playlist.mp4"
    path.write_text("ffconcat version 1.0\nfile neighbour.mp4\n")
    with pytest.raises(ValueError, match=r"playlist\.mp4 cannot be decoded"):
        list(read_frames(path))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no video stream"):
        list(read_frames(write_sound(tmp_path / "sound.mp4")))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = truncate(write_video(tmp_path / "clip.mp4", VideoSpec(count=30)), 0.5)
    with pytest.raises(ValueError, match=r"clip\.mp4 cannot be decoded"):
        list(read_frames(path))

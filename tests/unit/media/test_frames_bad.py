"""Folders of pictures with something wrong in them."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import pytest
from picture_folders import Run, picture, write_frames

from sign_etl.schema.outcome import Reject


def spoil(path: Path, how: str) -> None:
    data = path.read_bytes()
    match how:
        case "truncated":
            path.write_bytes(data[: len(data) * 2 // 3])
        case "empty":
            path.write_bytes(b"")
        case "html":
            path.write_bytes(b"<!DOCTYPE html><html>gone")
        case "zeros":
            path.write_bytes(data[:200] + bytes(len(data) - 200))


@pytest.mark.parametrize("how", ["truncated", "empty", "html", "zeros"])
@pytest.mark.parametrize("name", ["{}.jpg", "{}.png"])
@pytest.mark.parametrize("which", [0, 7, 19])
def test_a_picture_that_is_spoiled(
    frames: Run, tmp_path: Path, how: str, name: str, which: int
) -> None:
    folder = write_frames(tmp_path / "f", 20, name, first=0)
    spoil(folder / name.format(which), how)
    found = frames(folder)
    assert isinstance(found, Reject)
    assert (found.reason.value, found.detail) == ("partial", "damaged inside the span")
    facts, numbers = frames.shown(folder, partial="flag")
    assert "damaged" in facts["flags"]
    expected = list(range(20))
    if which == 7:
        expected[7] = 6  # the one before stays
    elif which == 0:
        expected[0] = 1  # there is none before
    else:
        expected.pop()
    assert numbers == expected
    if which != 19:  # a span that does not hold it is whole
        assert frames.shown(folder, 0.4)[0]["flags"] == []


def test_no_picture_can_be_read(frames: Run, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 3)
    for path in folder.iterdir():
        path.write_bytes(b"<html>")
    found = frames(folder)
    assert isinstance(found, Reject)
    assert (found.reason.value, found.detail) == ("corrupt", "no picture can be read")


def huge_png() -> bytes:
    """A PNG of 30000 x 30000 pixels in a few bytes, as a header says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    header = (30000).to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def huge_jpeg() -> bytes:
    """A JPEG whose frame header says 30000 x 30000."""
    file = io.BytesIO()
    picture(1).save(file, "JPEG")
    data = bytearray(file.getvalue())
    begin = data.index(b"\xff\xc0")
    data[begin + 5 : begin + 9] = (30000).to_bytes(2, "big") * 2
    return bytes(data)


@pytest.mark.parametrize("make", [huge_png, huge_jpeg])
@pytest.mark.parametrize("which", [0, 5])
def test_too_many_pixels_are_refused_unread(
    frames: Run, tmp_path: Path, make: Any, which: int
) -> None:
    folder = write_frames(tmp_path / "f", 10, "{}.jpg", first=0)
    (folder / f"{which}.jpg").write_bytes(make())
    found = frames(folder)
    assert isinstance(found, Reject)
    assert (found.reason.value, found.detail) == ("too-many-pixels", "30000x30000")


def test_another_size_in_the_middle(frames: Run, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "f", 10, "{}.png", first=0)
    for number in range(5, 10):
        picture(number, (320, 192)).save(folder / f"{number}.png")
    facts, numbers = frames.shown(folder)
    assert facts["flags"] == ["picture-changes"]
    assert numbers == list(range(10))
    assert (facts["video"]["width"], facts["video"]["height"]) == (160, 96)

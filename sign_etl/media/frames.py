"""A folder of pictures, read like an opened video: the guarded side.

Each picture is looked at before it is decoded: what it is (by its first bytes), how large it claims
to be. A picture that cannot be decoded counts as damage of the source, and the one before it stays
on screen, as with a damaged packet of a video.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from sign_etl.media.decode import Timed
from sign_etl.media.pictures import CONTAINER, name_flags, picture_names
from sign_etl.media.probe import TROUBLE, Header, Refused, pass_on, pixel_net
from sign_etl.media.timeline import tidy_rate
from sign_etl.schema.outcome import Reason

MAX_PICTURE_BYTES: Final = 256 << 20

_STRICT = "crccheck+bitstream+buffer+explode"
"""Otherwise libav fills the missing half of a JPEG with grey and says nothing."""

_SOF = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})


class FrameFolder:
    """Stands in for `sign_etl.media.decode.Source`.

    Args:
        folder: with the pictures.
        fps: how many of them are a second.
        max_pixels: more than this many pixels are refused before anything is decoded.
        start_s: nothing before this is wanted.

    Attributes:
        container: `frames`.
        header: of the whole folder, with the size of the first picture.
        flags: what is odd about the names of the files.

    Raises:
        Refused: there is no picture, or one is too large.
    """

    def __init__(self, folder: Path, fps: float, max_pixels: int, start_s: Fraction) -> None:
        self.container = CONTAINER
        self._folder = folder
        self._names = picture_names(folder)
        self._max_pixels = max_pixels
        if not self._names:
            raise Refused(Reason.NO_VIDEO, "no pictures")
        self.flags = name_flags(self._names)
        rate = tidy_rate(fps)
        self._first = min(max(0, int(start_s * rate)), len(self._names) - 1)
        codec, width, height = self._first_header()
        duration_s = len(self._names) / rate
        self.header = Header(
            codec=codec,
            width=width,
            height=height,
            pixel_aspect=Fraction(1),
            average_fps=rate,
            real_fps=rate,
            duration_s=duration_s,
            whole_duration_s=duration_s,
        )

    def play(self) -> Pictureshow:
        """Decode from the begin of the span."""
        paths = [self._folder / name for name in self._names]
        assert self.header.average_fps is not None
        return Pictureshow(paths, self._first, self.header.average_fps, self._max_pixels)

    def close(self) -> None:
        """Nothing is left open."""

    def _first_header(self) -> tuple[str, int, int]:
        for name in self._names[self._first :]:
            found = read_picture(self._folder / name, self._max_pixels)
            if found is not None:
                return found[1:]
        raise Refused(Reason.CORRUPT, "no picture can be read")


class Pictureshow:
    """Stands in for `sign_etl.media.decode.Playback`.

    Attributes:
        damage: pictures that could not be decoded since the last `forgive`.
        mended: always 0, there are no timestamps.
        last_packet_s: end of the last picture read, None before the first.
    """

    def __init__(self, paths: list[Path], first: int, fps: Fraction, max_pixels: int) -> None:
        self._paths = paths
        self._first = first
        self._fps = fps
        self._max_pixels = max_pixels
        self.damage = 0
        self.mended = 0
        self.last_packet_s: Fraction | None = None

    def forgive(self) -> None:
        """Forget damage: a whole picture came before the span begins."""
        self.damage = 0

    def __iter__(self) -> Iterator[Timed]:
        for index in range(self._first, len(self._paths)):
            frame = self._frame(self._paths[index])
            self.last_packet_s = (index + 1) / self._fps
            if frame is None:
                self.damage += 1
            else:
                yield Timed(frame, index / self._fps, 1 / self._fps)

    def _frame(self, path: Path) -> VideoFrame | None:
        found = read_picture(path, self._max_pixels)
        if found is None:
            return None
        data, codec, width, height = found
        try:
            # A decoder for each: libav's for PNG lets the picture before shine through.
            frames = self._decoder(codec).decode(av.Packet(data))
        except TROUBLE as error:
            pass_on(error)
            return None
        if not frames or (frames[0].width, frames[0].height) != (width, height):
            return None
        frame = frames[0]
        # Formats with a palette are not what the scaler's colour options speak about.
        return frame.reformat(format="rgb24") if frame.format.name == "pal8" else frame

    def _decoder(self, codec: str) -> VideoCodecContext:
        decoder = av.CodecContext.create(codec, "r")
        assert isinstance(decoder, VideoCodecContext)
        decoder.thread_count = 1
        decoder.options = {
            "err_detect": _STRICT,
            "flags": "+bitexact",
            "idct": "simple",
            **pixel_net(self._max_pixels),
        }
        return decoder


def read_picture(path: Path, max_pixels: int) -> tuple[bytes, str, int, int] | None:
    """A picture's bytes, libav's name of its codec, width and height; None where it is none.

    Raises:
        Refused: it claims more than `max_pixels` pixels, or is a very large file.
        OSError: it cannot be read.
    """
    if path.stat().st_size > MAX_PICTURE_BYTES:
        raise Refused(Reason.TOO_MANY_PIXELS, "a picture of many megabytes")
    data = path.read_bytes()
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        codec, size = "png", _png_size(data)
    elif data.startswith(b"\xff\xd8\xff"):
        codec, size = "mjpeg", _jpeg_size(data)
    else:
        return None
    if size is None or min(size) < 1:
        return None
    if size[0] * size[1] > max_pixels:
        raise Refused(Reason.TOO_MANY_PIXELS, f"{size[0]}x{size[1]}")
    return data, codec, *size


def _png_size(data: bytes) -> tuple[int, int] | None:
    # ISO/IEC 15948, 11.2.2: the first chunk is IHDR and begins with width and height.
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    # ITU-T T.81, B.1 and B.2.2: segments up to the frame header, which has height and width.
    position = 2
    while position + 9 <= len(data):
        if data[position] != 0xFF:
            return None
        marker = data[position + 1]
        if marker == 0xFF or marker in _STANDALONE:
            position += 1 if marker == 0xFF else 2
        elif marker in _SOF:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return width, height
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None

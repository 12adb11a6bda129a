"""Animated WebP, read like an opened video: the guarded side.

The libav of PyAV's wheels has no demuxer for it, Pillow has libwebp. Sizes and durations are read
from the chunks of the file before anything is decoded.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Final

import numpy as np
from av.video.frame import VideoFrame

from sign_etl.media.decode import Timed
from sign_etl.media.probe import MAX_RATE, Header, Refused
from sign_etl.schema.outcome import Reason

CONTAINER: Final = "webp"
"""As `sign_etl.media.sniff` names it."""

UNTIMED_MS: Final = 100
"""How long a frame without a duration stays, as browsers have it."""

_MAX_BYTES: Final = 1 << 30
_CHUNK_HEAD_BYTES = 8


@dataclass(frozen=True, slots=True)
class _Outline:
    """What the chunks say: size in pixels, durations of the frames, whether bytes are missing."""

    width: int
    height: int
    durations_ms: tuple[int, ...]
    is_cut: bool


class WebpSource:
    """Stands in for `sign_etl.media.decode.Source`.

    Args:
        file: open for reading; it stays the caller's.
        max_pixels: more than this many pixels are refused before anything is decoded.

    Attributes:
        header: of the file.
        is_cut: True where the file claims more bytes than there are.

    Raises:
        Refused: it is a still picture, too large or no WebP.
    """

    def __init__(self, file: IO[bytes], max_pixels: int) -> None:
        data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise Refused(Reason.TOO_LARGE, "an animated picture of over a gigabyte")
        outline = _outline(data)
        width, height = outline.width, outline.height
        if width * height > max_pixels:
            raise Refused(Reason.TOO_MANY_PIXELS, f"{width}x{height}")
        self._data = data
        self._durations_ms = outline.durations_ms
        self.is_cut = outline.is_cut
        duration_s = Fraction(sum(map(_shown_ms, outline.durations_ms)), 1000)
        rate = len(outline.durations_ms) / duration_s
        fps = rate if rate <= MAX_RATE else None
        self.header = Header(
            codec=CONTAINER,
            width=width,
            height=height,
            pixel_aspect=Fraction(1),
            average_fps=fps,
            real_fps=fps if len(set(outline.durations_ms)) == 1 else None,
            duration_s=duration_s,
            whole_duration_s=duration_s,
        )

    def play(self) -> WebpPlayback:
        """Decode from the begin."""
        size = self.header.width, self.header.height
        return WebpPlayback(self._data, self._durations_ms, size)


class WebpPlayback:
    """Stands in for `sign_etl.media.decode.Playback`.

    Attributes:
        damage: 1 where decoding ended before the last frame.
        mended: frames without a duration.
        last_packet_s: end of the last frame decoded, None before the first.
    """

    def __init__(self, data: bytes, durations_ms: tuple[int, ...], size: tuple[int, int]) -> None:
        self._data = data
        self._durations_ms = durations_ms
        self._size = size
        self.damage = 0
        self.mended = 0
        self.last_packet_s: Fraction | None = None

    def forgive(self) -> None:
        """Forget damage: no frame stands for itself here, so there is none to forgive."""

    def __iter__(self) -> Iterator[Timed]:
        import io

        from PIL import Image

        begin_ms = 0
        try:
            with Image.open(io.BytesIO(self._data), formats=["WEBP"]) as picture:
                if picture.size != self._size:
                    raise ValueError
                for number, duration_ms in enumerate(self._durations_ms):
                    picture.seek(number)
                    frame = VideoFrame.from_ndarray(np.array(picture.convert("RGB")), "rgb24")
                    shown_ms = _shown_ms(duration_ms)
                    self.mended += duration_ms == 0
                    self.last_packet_s = Fraction(begin_ms + shown_ms, 1000)
                    yield Timed(frame, Fraction(begin_ms, 1000), Fraction(shown_ms, 1000))
                    begin_ms += shown_ms
        except (OSError, ValueError, EOFError, SyntaxError, Image.DecompressionBombError):
            self.damage += 1


def _shown_ms(duration_ms: int) -> int:
    return duration_ms or UNTIMED_MS


def _outline(data: bytes) -> _Outline:
    """Walk over the chunks.

    RFC 9649, 2.4 to 2.7.1: `RIFF`, size, `WEBP`, then chunks of a name, a 32-bit size and a padded
    payload. `VP8X` has the size of the canvas less one, `ANMF` the duration of a frame, 24 bits
    each.
    """
    claimed = struct.unpack("<I", data[4:8])[0] + _CHUNK_HEAD_BYTES if len(data) >= 12 else 0
    size: tuple[int, int] | None = None
    durations_ms: list[int] = []
    position = 12
    while position + _CHUNK_HEAD_BYTES <= min(claimed, len(data)):
        name, length = struct.unpack("<4sI", data[position : position + _CHUNK_HEAD_BYTES])
        payload = data[position + _CHUNK_HEAD_BYTES : position + _CHUNK_HEAD_BYTES + 16]
        if name == b"VP8X" and len(payload) >= 10:
            size = _uint24(payload[4:7]) + 1, _uint24(payload[7:10]) + 1
        elif name == b"ANMF" and len(payload) >= 16:
            durations_ms.append(_uint24(payload[12:15]))
        position += _CHUNK_HEAD_BYTES + length + length % 2
    if claimed <= 12 or (size is None and durations_ms):
        raise Refused(Reason.CORRUPT, "unreadable header")
    if size is None or not durations_ms:
        raise Refused(Reason.NO_VIDEO, "a still picture")
    return _Outline(*size, tuple(durations_ms), max(claimed, position) > len(data) + 1)


def _uint24(data: bytes) -> int:
    return int.from_bytes(data, "little")

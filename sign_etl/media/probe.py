"""Opening a source and reading its header: one file, one forced format, nothing else opened."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, Final, NoReturn

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from sign_etl.media.sniff import DEMUXERS
from sign_etl.schema.outcome import Reason

MAX_RATE: Final = 240
"""Rates above this are time bases that a container mistook for rates."""

TROUBLE: Final = (av.FFmpegError, OSError)
"""What libav raises over a bad source; `pass_on` sorts out what is no fault of the source."""

_READ_BYTES = 1 << 18
_SLACK_PIXELS = 1 << 20
_BAD_SEEK = (errno.EINVAL, errno.EOVERFLOW)  # a source made libav seek to where no file can be
_DECLARED_BY_HEADER = frozenset({"mp4", "matroska", "avi", "flv", "asf"})
_TAG_TIME = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


class Refused(Exception):
    """The source cannot become a clip; carries the reason to the border of the process."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Header:
    """What a source says about itself before a frame is decoded.

    Attributes:
        codec: name of the video codec.
        width: as stored, pixels.
        height: as stored, pixels.
        pixel_aspect: width / height of one stored pixel.
        average_fps: frames / duration, None where unknown or absurd.
        real_fps: lowest rate that holds all timestamps, None where unknown or absurd.
        duration_s: of the video stream, None where the file does not say.
        whole_duration_s: of the longest stream, None where the file does not say.
    """

    codec: str
    width: int
    height: int
    pixel_aspect: Fraction
    average_fps: Fraction | None
    real_fps: Fraction | None
    duration_s: Fraction | None
    whole_duration_s: Fraction | None

    @property
    def fps(self) -> Fraction | None:
        """The best guess of the rate."""
        return self.average_fps or self.real_fps


def open_container(file: IO[bytes], container: str, max_pixels: int) -> InputContainer:
    """Open `file` as `container` (a key of `DEMUXERS`) and nothing else.

    Raises:
        Refused: it is not of that format, or the format is not readable here.
    """
    demuxer = DEMUXERS.get(container)
    try:
        if demuxer is None or not av.ContainerFormat(demuxer, "r").is_input:
            raise ValueError
    except ValueError:
        raise Refused(Reason.UNSUPPORTED_FORMAT, f"container {container}") from None
    try:
        return av.open(
            file,
            "r",
            format=demuxer,
            options={"protocol_whitelist": "file", **pixel_net(max_pixels)},
            buffer_size=_READ_BYTES,
            metadata_errors="replace",
            io_open=_refuse_to_open,
        )
    except TROUBLE as error:
        pass_on(error)
        raise Refused(Reason.CORRUPT, "unreadable header") from None


def pixel_net(max_pixels: int) -> dict[str, str]:
    """Decoder options: a net under our own check of the header (libav counts padding too)."""
    return {"max_pixels": str(min(2 * max_pixels + _SLACK_PIXELS, 2**31 - 1))}


def _refuse_to_open(url: str, flags: int, options: dict[str, Any]) -> NoReturn:
    # Playlists, data references and the like ask for further files.
    raise PermissionError("a source may not open other files")


def pass_on(error: Exception) -> None:
    """Raise what is no fault of the source."""
    if isinstance(error, MemoryError):
        raise error
    if isinstance(error, av.FFmpegError) or not isinstance(error, OSError):
        return
    if error.errno not in _BAD_SEEK:  # the disk's trouble
        raise error


def video_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is not a cover picture.

    Raises:
        Refused: there is none, or no decoder for it.
    """
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        raise Refused(Reason.NO_VIDEO)
    for stream in streams:
        if stream.codec_context is not None:
            return stream
    raise Refused(Reason.UNSUPPORTED_FORMAT, "no decoder for its video codec")


def read_header(container: InputContainer, stream: VideoStream, name: str) -> Header:
    """What an open source says about itself; `name` is its format, a key of `DEMUXERS`."""
    duration_s = None
    if stream.duration is not None and stream.time_base is not None and stream.duration > 0:
        duration_s = stream.duration * stream.time_base
    elif tag := _TAG_TIME.match(stream.metadata.get("DURATION", "")):
        hours, minutes, rest = tag.groups()  # when the last frame ends, not how long it lasts
        duration_s = int(hours) * 3600 + int(minutes) * 60 + Fraction(rest)
        duration_s -= (stream.start_time or 0) * (stream.time_base or 0)
    whole_s = None
    if container.duration is not None and container.duration > 0:
        whole_s = Fraction(container.duration, 1_000_000)
    if name not in _DECLARED_BY_HEADER:  # libav estimates it there, from bytes and bit rates
        duration_s = whole_s = None
    context = stream.codec_context
    return Header(
        codec=context.codec.canonical_name,
        width=context.width,
        height=context.height,
        pixel_aspect=stream.sample_aspect_ratio or Fraction(1),
        average_fps=_rate(stream.average_rate),
        real_fps=_rate(stream.base_rate),
        duration_s=duration_s,
        whole_duration_s=whole_s,
    )


def _rate(rate: Fraction | None) -> Fraction | None:
    return rate if rate is not None and 0 < rate <= MAX_RATE else None

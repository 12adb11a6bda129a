"""Opening and reading a source: one file, one forced format, no way to open anything else.

Times are seconds of presentation since the begin of the video stream, as exact fractions.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Any, Final, NoReturn

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from sign_etl.media.sniff import DEMUXERS
from sign_etl.schema.outcome import Reason

_TROUBLE = (av.FFmpegError, OSError)
_BAD_SEEK = (errno.EINVAL, errno.EOVERFLOW)  # a source made libav seek to where no file can be
READ_BYTES: Final = 1 << 18
_SLACK_PIXELS = 1 << 20
MAX_RATE: Final = 240
"""Rates above this are time bases that a container mistook for rates."""

_RESTART_S = 1
_DECLARED_BY_HEADER = frozenset({"mp4", "matroska", "avi", "flv", "asf"})
_JOINED_IN_THE_MIDDLE = frozenset({"mpegts", "mpeg"})
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


class Source:
    """An open source with its video stream.

    Args:
        file: open for reading; it stays the caller's.
        container: format of the file, as `sign_etl.media.sniff` names it.
        max_pixels: more than this many pixels are refused before anything is decoded.

    Raises:
        Refused: it is no video that can be read.
    """

    def __init__(self, file: IO[bytes], container: str, max_pixels: int) -> None:
        self.container = container
        self._max_pixels = max_pixels
        self._input = _open(file, container, max_pixels)
        try:
            self._stream = _video_stream(self._input)
            self.header = _header(self._input, self._stream, container)
            if self.header.width * self.header.height > max_pixels:
                raise Refused(Reason.TOO_MANY_PIXELS, f"{self.header.width}x{self.header.height}")
            if min(self.header.width, self.header.height) < 1:
                raise Refused(Reason.CORRUPT, "no picture size")
        except BaseException:
            self._input.close()
            raise
        base, begin = self._stream.time_base, self._stream.start_time
        assert base is not None
        self._time_base = base
        self.origin_s = None if begin is None else begin * base

    def close(self) -> None:
        """Close the decoder (not the file)."""
        self._input.close()

    def seek(self, time_s: Fraction) -> bool:
        """Go to a key frame at or before `time_s`; False where the format cannot."""
        if self.origin_s is None:
            return False
        offset = int((time_s + self.origin_s) / self._time_base)
        try:
            self._input.seek(offset, stream=self._stream, backward=True)
        except _TROUBLE as error:
            _pass_on(error)
            return False
        return True

    def play(self) -> Playback:
        """Decode from here; once per opened source."""
        context = self._stream.codec_context
        context.thread_count = 1
        context.thread_type = av.codec.context.ThreadType.NONE
        context.options = _net(self._max_pixels)
        return Playback(self, self._input, self._stream)


@dataclass(frozen=True, slots=True)
class Timed:
    """A decoded frame.

    Attributes:
        frame: as decoded, not turned.
        time_s: presentation time since the begin of the video stream.
        duration_s: how long it stays, None where the file does not say.
    """

    frame: VideoFrame
    time_s: Fraction
    duration_s: Fraction | None


class Playback:
    """Iterates over decoded frames with strictly increasing times and remembers what went wrong.

    Attributes:
        damage: packets or frames that were damaged since the last `forgive`.
        mended: timestamps that were missing or went backwards (such frames are not shown).
        last_packet_s: end of the last packet of any stream, None before the first.
    """

    def __init__(self, source: Source, container: InputContainer, stream: VideoStream) -> None:
        self._source = source
        self._input = container
        self._stream = stream
        header = source.header
        self._interval_s = 1 / (header.fps or Fraction(25))
        # An MP4 lists all its frames: where both rates agree, none is longer than another.
        self._even = source.container == "mp4" and header.average_fps == header.real_fps
        self.damage = 0
        self.mended = 0
        self.last_packet_s: Fraction | None = None

    def forgive(self) -> None:
        """Forget damage: a key frame came before the span begins."""
        self.damage = 0

    def __iter__(self) -> Iterator[Timed]:
        origin_s = self._source.origin_s
        before: Fraction | None = None
        for frame in self._frames():
            stamp = frame.pts if frame.pts is not None else frame.dts
            base = frame.time_base or Fraction(1, 1)
            if origin_s is None:
                origin_s = (stamp or 0) * base
            time_s = None if stamp is None else stamp * base - origin_s
            if before is not None and (time_s is None or time_s <= before):
                self.mended += 1
                if time_s is not None and before - time_s < _RESTART_S:
                    continue  # its time to be shown is over
                if time_s is not None:  # the clock starts again: go on where it was
                    origin_s -= before + self._interval_s - time_s
                time_s = before + self._interval_s
            if time_s is None:
                self.mended += 1
                time_s = Fraction(0)
            if before is not None and self._even and 2 * (time_s - before) > 3 * self._interval_s:
                self.damage += 1  # the decoder lost frames and did not say so
            before = time_s
            self.damage += frame.is_corrupt
            yield Timed(frame, time_s, frame.duration * base if frame.duration > 0 else None)

    def _frames(self) -> Iterator[VideoFrame]:
        started = self._source.container not in _JOINED_IN_THE_MIDDLE
        packets = self._input.demux()
        while True:
            try:
                packet = next(packets, None)
            except _TROUBLE as error:
                _pass_on(error)
                self.damage += 1
                return
            if packet is None:
                return
            end = packet.pts if packet.pts is not None else packet.dts
            if end is not None and packet.size:
                end_s = (end + (packet.duration or 0)) * packet.time_base
                self.last_packet_s = max(end_s, self.last_packet_s or end_s)
            if packet.stream is not self._stream:
                continue
            if packet.is_corrupt and started:
                self.damage += 1
                continue
            try:
                frames = self._stream.decode(packet)
            except _TROUBLE as error:
                _pass_on(error)
                # A broadcast is joined in the middle: what comes before its first key frame is
                # not damaged, it is not ours.
                self.damage += started
                continue
            started = started or bool(frames)
            yield from frames


def _open(file: IO[bytes], container: str, max_pixels: int) -> InputContainer:
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
            options={"protocol_whitelist": "file", **_net(max_pixels)},
            buffer_size=READ_BYTES,
            metadata_errors="replace",
            io_open=_refuse_to_open,
        )
    except _TROUBLE as error:
        _pass_on(error)
        raise Refused(Reason.CORRUPT, "unreadable header") from None


def _net(max_pixels: int) -> dict[str, str]:
    # A safety net under our own check of the header: libav counts its padding too.
    return {"max_pixels": str(min(2 * max_pixels + _SLACK_PIXELS, 2**31 - 1))}


def _refuse_to_open(url: str, flags: int, options: dict[str, Any]) -> NoReturn:
    # Playlists, data references and the like ask for further files.
    raise PermissionError("a source may not open other files")


def _pass_on(error: Exception) -> None:
    """Raise what is no fault of the source."""
    ours = isinstance(error, OSError) and not isinstance(error, av.FFmpegError)
    if isinstance(error, MemoryError) or (ours and error.errno not in _BAD_SEEK):
        raise error


def _video_stream(container: InputContainer) -> VideoStream:
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


def _header(container: InputContainer, stream: VideoStream, name: str) -> Header:
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

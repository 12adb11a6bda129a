"""Decoding a source frame by frame, with times that can be relied on.

Times are seconds of presentation since the begin of the video stream, as exact fractions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import IO, Protocol

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from sign_etl.media.probe import (
    TROUBLE,
    Header,
    Refused,
    open_container,
    pass_on,
    pixel_net,
    read_header,
    video_stream,
)
from sign_etl.schema.outcome import Reason

_RESTART_S = 1
_JOINED_IN_THE_MIDDLE = frozenset({"mpegts", "mpeg"})


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
        self._input = open_container(file, container, max_pixels)
        try:
            self._stream = video_stream(self._input)
            self.header = read_header(self._input, self._stream, container)
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
        except TROUBLE as error:
            pass_on(error)
            return False
        return True

    def play(self) -> Playback:
        """Decode from here; once per opened source."""
        context = self._stream.codec_context
        context.thread_count = 1
        context.thread_type = av.codec.context.ThreadType.NONE
        context.options = pixel_net(self._max_pixels)
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


class Frames(Protocol):
    """What is played: `Playback`, or a folder of pictures."""

    damage: int
    mended: int
    last_packet_s: Fraction | None

    def forgive(self) -> None:
        """Forget damage: a key frame came before the span begins."""

    def __iter__(self) -> Iterator[Timed]:
        """Decoded frames with strictly increasing times."""


class Playable(Protocol):
    """What can be cut: `Source`, or a folder of pictures."""

    header: Header

    def play(self) -> Frames:
        """Decode from here; once."""


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
            except IndexError:
                # A stream that begins in the middle of the file: PyAV knows those of its begin.
                packets = self._input.demux()
                continue
            except TROUBLE as error:
                pass_on(error)
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
            except TROUBLE as error:
                pass_on(error)
                # A broadcast is joined in the middle: what comes before its first key frame is
                # not damaged, it is not ours.
                self.damage += started
                continue
            started = started or bool(frames)
            yield from frames

"""Chosen frames of a clip out of the bytes of its mp4, without a file.

The clips of a build have no B-frames and a short GOP: a packet is a frame, in order. So nothing is
decoded before the key frame of the first wanted frame, nor between the last wanted frame of a GOP
and the next key frame, and a frame becomes RGB only if it is wanted, without a copy. Other files
are decoded from their beginning. Decord gives the same pixels (a test says so) and takes longer.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Literal

import av
import numpy as np
from av.codec.context import ThreadType
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from sign_etl.stream.base import SampleError

MEMBER = "mp4"
Decoder = Literal["pyav", "decord"]
Pictures = dict[int, NDArray[np.uint8]]


class Video:
    """A clip of known length; use it as a context.

    Args:
        data: of the mp4.

    Raises:
        SampleError: it is none.
    """

    def __init__(self, data: bytes) -> None:
        self._packets: list[Any] = []
        try:
            self._input = av.open(io.BytesIO(data), "r", format=MEMBER)
            self._stream = self._input.streams.video[0]
        except (av.FFmpegError, IndexError):
            raise SampleError("decode", MEMBER) from None
        context = self._stream.codec_context
        context.thread_count, context.thread_type = 1, ThreadType.NONE
        # One for all frames: each would make tables, and threads, of its own.
        self._colours = VideoReformatter()
        self.width, self.height = context.width, context.height
        self.frames = int(self._stream.frames)
        if self.frames < 1 or min(self.width, self.height) < 1:
            self._input.close()
            raise SampleError("decode", MEMBER)

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()

    def take(self, wanted: Sequence[int]) -> Pictures:
        """Frames (H, W, 3) uint8 RGB by number; their rows need not lie close together.

        Raises:
            SampleError: they cannot be decoded.
        """
        numbers = sorted(set(wanted))
        try:
            packets = [packet for packet in self._input.demux(self._stream) if packet.size]
            pictures = self._by_gop(packets, numbers)
            if pictures is None:
                self._stream.codec_context.flush_buffers()
                pictures = self._in_order(packets, numbers)
        except (av.FFmpegError, ValueError):
            raise SampleError("decode", MEMBER) from None
        if len(pictures) != len(numbers):
            raise SampleError("decode", MEMBER)
        return pictures

    def _by_gop(self, packets: list[Any], wanted: list[int]) -> Pictures | None:
        """The frames, from the nearest key frames on; None where a packet is not a frame."""
        ordered = len(packets) == self.frames and all(
            packet.pts is not None and packet.pts == packet.dts for packet in packets
        )
        if not ordered:
            return None
        context, pictures, done = self._stream.codec_context, {}, -1
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
        for number in wanted:
            place = bisect_right(keys, number) - 1
            frames: list[Any] = []
            for each in range(max(done + 1, keys[place] if place >= 0 else 0), number + 1):
                frames = context.decode(packets[each])
            if len(frames) != 1 or frames[0].pts != packets[number].pts:
                return None
            done = number
            pictures[number] = self._rgb(frames[0])
        return pictures

    def _in_order(self, packets: list[Any], wanted: list[int]) -> Pictures:
        # By its time, so that a frame that a decoder loses does not move those behind it.
        if any(packet.pts is None for packet in packets):
            raise SampleError("decode", MEMBER)
        numbers = {pts: n for n, pts in enumerate(sorted(packet.pts for packet in packets))}
        context, left = self._stream.codec_context, set(wanted)
        pictures: Pictures = {}
        for packet in (*packets, None):
            for frame in context.decode(packet):
                number = numbers.get(frame.pts, -1)
                if number in left:
                    left.discard(number)
                    pictures[number] = self._rgb(frame)
            if not left:
                break
        return pictures

    def _rgb(self, frame: Any) -> NDArray[np.uint8]:
        made = self._colours.reformat(frame, format="rgb24", threads=1)
        plane = made.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return rows[: made.height, : 3 * made.width].reshape(made.height, made.width, 3)


def with_decord(data: bytes, wanted: Sequence[int]) -> Pictures:
    """The same by decord, on one thread.

    Raises:
        SampleError: they cannot be decoded.
    """
    import decord

    numbers = sorted(set(wanted))
    try:
        reader = decord.VideoReader(io.BytesIO(data), ctx=decord.cpu(0), num_threads=1)
        found = reader.get_batch(numbers).asnumpy()
    except (decord.DECORDError, IndexError, RuntimeError):
        raise SampleError("decode", MEMBER) from None
    return dict(zip(numbers, found, strict=True))

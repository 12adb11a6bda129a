"""The encoder of normalised clips: H.264 in MP4, the same bytes on every run and type of CPU.

No B-frames: a frame is decoded as soon as it is read and its decoding time is its presentation
time, so the file needs no edit list (old readers ignore those), single frames are read with fewer
decodes, and at this preset the files are even a little smaller. A short closed GOP of fixed length
starts at every `gop`-th frame. A clip is written once and read in every epoch: `fastdecode` leaves
out what costs a reader most, arithmetic coding and the loop filter.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags, ThreadType
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

from sign_etl.media.picture import Colour

_LIMITED = 1
# Supplemental information: x264 writes its version and options there, and captions would go there.
_WITHOUT_SEI = "filter_units=remove_types=6"


class ClipWriter:
    """Writes frames at a constant rate; the bytes do not depend on the name of the file.

    Args:
        path: the file to write, on a folder that exists.
        width: even, pixels.
        height: even, pixels.
        fps: constant frame rate.
        colour: tags of the pictures.
        crf: x264 quality.
        preset: x264 preset.
        tune: x264 tune, or none.
        gop: frames between key frames.
    """

    def __init__(
        self,
        path: Path,
        width: int,
        height: int,
        fps: Fraction,
        colour: Colour,
        *,
        crf: int,
        preset: str,
        tune: str,
        gop: int,
    ) -> None:
        self.frames = 0
        self._time_base = 1 / fps
        self._output = av.open(
            f"file:{path.absolute()}",
            "w",
            format="mp4",
            container_options={"movflags": "+faststart", "fflags": "+bitexact"},
        )
        stream = self._output.add_stream("libx264", rate=fps)
        assert isinstance(stream, VideoStream)
        self._stream = stream
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.time_base = self._time_base
        context.thread_count = 1
        context.thread_type = ThreadType.NONE
        context.flags |= Flags.bitexact
        context.color_range = _LIMITED
        context.colorspace = colour.matrix
        context.color_primaries = colour.primaries
        context.color_trc = colour.transfer
        x264 = {
            "cpu-independent": 1,
            "threads": 1,
            "lookahead-threads": 1,
            "keyint": gop,
            "min-keyint": gop,
            "scenecut": 0,
            "open-gop": 0,
            "bframes": 0,
        }
        stream.options = {
            "crf": str(crf),
            "preset": preset,
            **({} if tune == "none" else {"tune": tune}),
            "a53cc": "0",
            "x264-params": ":".join(f"{name}={value}" for name, value in x264.items()),
        }
        self._strip: BitStreamFilterContext | None = None

    def write(self, frame: VideoFrame) -> None:
        """Append `frame` (yuv420p, of the given size)."""
        # A decoded frame carries the type that its own encoder gave it; x264 would obey.
        frame.pict_type = PictureType.NONE
        frame.time_base = self._time_base
        frame.pts = self.frames
        self.frames += 1
        self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Finish the file."""
        self._mux(self._stream.encode(None))
        if self._strip is not None:
            self._put(self._strip.filter(None))
        self._output.close()

    def abandon(self) -> None:
        """Close what is open; the file is not usable."""
        try:
            self._output.close()
        except av.FFmpegError:
            pass  # the trailer of an unfinished file cannot always be written

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        if self._strip is None and packets:
            self._strip = BitStreamFilterContext(_WITHOUT_SEI, self._stream)
        for packet in packets:
            assert self._strip is not None
            self._put(self._strip.filter(packet))

    def _put(self, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            packet.stream = self._stream
            self._output.mux(packet)

"""Small videos for tests, made with PyAV: each frame carries its number as black and white bars.

    from media import VideoSpec, write_video, read_numbers

Damage is done to finished files: `truncate`, `flip_bytes`, `without_box`, `patch_size`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

BITS = 8
DARK, BRIGHT = 50, 200


@dataclass(frozen=True)
class VideoSpec:
    """A video to write.

    Attributes:
        count: number of frames.
        fps: their rate, where `times_s` is not given.
        times_s: presentation time of each frame, instead of a constant rate.
        width: pixels.
        height: pixels.
        container: libav name of the format.
        codec: libav name of the encoder.
        pixel_format: of the encoded frames.
        ticks: timestamps per second.
        rotation: of the display matrix, counter-clockwise degrees, None for no matrix.
        hflip: of the display matrix.
        pixel_aspect: width / height of a pixel.
        audio: with a silent audio track of `audio_s` seconds.
        audio_s: its length, default that of the video.
        options: of the encoder.
        container_options: of the muxer.
        pictures: luma planes instead of numbers.
    """

    count: int = 50
    fps: Fraction | int = 25
    times_s: Sequence[float | Fraction] | None = None
    width: int = 160
    height: int = 96
    container: str = "mp4"
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    ticks: int = 90_000
    rotation: float | None = None
    hflip: bool = False
    pixel_aspect: Fraction | None = None
    audio: bool = False
    audio_s: float | None = None
    options: dict[str, str] = field(default_factory=lambda: {"crf": "12", "g": "12"})
    container_options: dict[str, str] = field(default_factory=dict)
    pictures: Sequence[NDArray[np.uint8]] | None = None


def write_video(path: Path, spec: VideoSpec | None = None) -> Path:
    """Write `spec` to `path`; returns the path."""
    spec = spec or VideoSpec()
    times_s = spec.times_s or [Fraction(index) / spec.fps for index in range(spec.count)]
    with av.open(
        str(path), "w", format=spec.container, container_options=spec.container_options
    ) as output:
        stream = output.add_stream(spec.codec, rate=Fraction(spec.fps))
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, spec.pixel_format
        if spec.codec not in ("mpeg4", "mpeg2video", "flv", "wmv2", "mpeg1video"):
            stream.codec_context.time_base = Fraction(1, spec.ticks)
            ticks = spec.ticks
        else:  # old codecs know constant rates only
            stream.codec_context.time_base = 1 / Fraction(spec.fps)
            ticks = Fraction(spec.fps)
        stream.codec_context.thread_count = 1
        stream.options = spec.options if spec.codec.startswith("libx26") else {}
        if spec.pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = spec.pixel_aspect
        if spec.rotation is not None or spec.hflip:
            stream.set_display_rotation(spec.rotation or 0, hflip=spec.hflip)
        sound = output.add_stream("aac", rate=48_000) if spec.audio else None
        for index, time_s in enumerate(times_s):
            plane = spec.pictures[index] if spec.pictures else bars(index, spec)
            frame = gray_frame(plane).reformat(format=spec.pixel_format)
            frame.time_base = 1 / Fraction(ticks)
            frame.pts = round(Fraction(time_s) * ticks)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            length_s = spec.audio_s or float(len(times_s) / Fraction(spec.fps))
            _write_silence(output, sound, length_s)
    return path


def write_sound(path: Path, length_s: float = 1.0) -> Path:
    """Write an MP4 that holds sound and no video."""
    with av.open(str(path), "w", format="mp4") as output:
        _write_silence(output, output.add_stream("aac", rate=48_000), length_s)
    return path


def write_copy_cut(path: Path, source: Path, cut_s: float) -> Path:
    """Write what `ffmpeg -ss CUT -i SOURCE -c copy` does: an edit list hides the first frames."""
    with av.open(str(source)) as input_, av.open(str(path), "w", format="mp4") as output:
        video = input_.streams.video[0]
        copy = output.add_stream_from_template(video)
        shift = round(Fraction(cut_s) / video.time_base)
        input_.seek(shift, stream=video, backward=True)
        for packet in input_.demux(video):
            if packet.dts is None:
                continue
            packet.pts -= shift
            packet.dts -= shift
            packet.stream = copy
            output.mux(packet)
    return path


def bars(number: int, spec: VideoSpec | None = None) -> NDArray[np.uint8]:
    """A luma plane (H, W) that shows `number` (0 to 255) as bars, lowest bit on the left."""
    spec = spec or VideoSpec()
    bits = np.array([BRIGHT if number >> bit & 1 else DARK for bit in range(BITS)], np.uint8)
    columns = np.arange(spec.width) * BITS // spec.width
    return np.broadcast_to(bits[columns], (spec.height, spec.width)).copy()


def quadrants(width: int, height: int) -> NDArray[np.uint8]:
    """A luma plane whose quarters are 40, 100 (top) and 160, 220 (bottom): no symmetry at all."""
    plane = np.full((height, width), 40, np.uint8)
    plane[: height // 2, width // 2 :] = 100
    plane[height // 2 :, : width // 2] = 160
    plane[height // 2 :, width // 2 :] = 220
    return plane


def gray_frame(plane: NDArray[np.uint8]) -> VideoFrame:
    """A yuv444p frame with this luma and no colour."""
    neutral = np.full_like(plane, 128)
    return VideoFrame.from_ndarray(np.stack([plane, neutral, neutral]), format="yuv444p")


def lumas(path: Path) -> Iterator[NDArray[np.uint8]]:
    """The luma planes of a video, (H, W) each."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
            yield rows[:, : plane.width].copy()


def read_number(plane: NDArray[np.uint8]) -> int:
    """The number that `bars` drew."""
    height, width = plane.shape
    middles = [int((bit + 0.5) * width / BITS) for bit in range(BITS)]
    bright = [int(plane[height // 2, middle]) > (DARK + BRIGHT) // 2 for middle in middles]
    return sum(1 << bit for bit, on in enumerate(bright) if on)


def read_numbers(path: Path) -> list[int]:
    """The number on each frame of a video."""
    return [read_number(plane) for plane in lumas(path)]


def truncate(path: Path, share: float) -> Path:
    """Keep only the first `share` of the bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def flip_bytes(path: Path, begin: float, end: float) -> Path:
    """Invert every 16th byte between two shares of the file."""
    data = bytearray(path.read_bytes())
    for position in range(int(len(data) * begin), int(len(data) * end), 16):
        data[position] ^= 0xFF
    path.write_bytes(data)
    return path


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Type, begin and end of the top-level boxes of an MP4."""
    position = 0
    while position + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        yield name, position, position + length
        position += length


def without_box(path: Path, name: bytes) -> Path:
    """Remove the top-level boxes of this type from an MP4."""
    data = path.read_bytes()
    path.write_bytes(b"".join(data[a:b] for box, a, b in boxes(data) if box != name))
    return path


def patch_size(path: Path, width: int, height: int) -> Path:
    """Claim another picture size in the sample description of an H.264 MP4."""
    data = bytearray(path.read_bytes())
    entry = data.index(b"avc1", data.index(b"stsd"))
    # ISO/IEC 14496-12, VisualSampleEntry: type, 6 reserved, index, 16 predefined, width, height
    struct.pack_into(">HH", data, entry + 4 + 6 + 2 + 16, width, height)
    path.write_bytes(data)
    return path


def _write_silence(
    output: av.container.OutputContainer, stream: av.AudioStream, length_s: float
) -> None:
    for start in range(0, int(length_s * 48_000), 1024):
        samples = np.zeros((1, 1024 * 2), np.float32).reshape(2, 1024)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))

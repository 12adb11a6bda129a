"""How the animals of `media_zoo` are made, by PyAV and Pillow, byte by byte where neither would."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from media import (
    VideoSpec,
    bars,
    flip_bytes,
    gray_frame,
    patch_size,
    truncate,
    without_box,
    write_copy_cut,
    write_sound,
    write_video,
)
from PIL import Image

FRAMES = 25
FASTSTART = {"movflags": "+faststart"}
HUGE = 50_000
TALL = struct.pack(">HH", HUGE, HUGE)
BOMB_BYTES = 64 << 20
"""Larger than what anything may hold of it at once; a few kilobytes on the disk."""


def video(**facts: object) -> Callable[[Path], object]:
    spec = VideoSpec(**({"count": FRAMES} | facts))  # type: ignore[arg-type]
    return lambda path: write_video(path, spec)


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


def whole(path: Path) -> bytes:
    return write_video(path, VideoSpec(count=FRAMES, container_options=FASTSTART)).read_bytes()


def head_lost(path: Path) -> None:
    data = whole(path)
    path.write_bytes(data[len(data) * 4 // 10 :])


def tail_lost(path: Path) -> None:
    whole(path)
    truncate(path, 0.7)


def moov_lost(path: Path) -> None:
    whole(path)
    without_box(path, b"moov")


def flipped(path: Path) -> None:
    whole(path)
    flip_bytes(path, 0.6, 0.7)


def gzipped(path: Path) -> None:
    path.write_bytes(gzip.compress(whole(path), mtime=0))


def zipped(path: Path) -> None:
    data = whole(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("clip.mp4", data)


def edited(path: Path) -> None:
    whole = write_video(path.with_suffix(".whole"), VideoSpec(count=50))
    write_copy_cut(path, whole, 0.8)
    whole.unlink()


def lying_size(path: Path) -> None:
    whole(path)
    patch_size(path, 32, 32)


def lying_length(path: Path) -> None:
    """The movie, the track and its media claim ten hours; there is a second."""
    data = bytearray(whole(path))
    for name, offset in ((b"mvhd", 16), (b"mdhd", 16), (b"tkhd", 20)):
        # ISO/IEC 14496-12, 8.2.2, 8.4.2, 8.3.2, version 0: duration behind times (and ids)
        at = data.index(name) + 4 + offset
        (scale,) = struct.unpack_from(">I", data, at - 4) if name == b"mdhd" else (1000,)
        struct.pack_into(">I", data, at, 36_000 * scale)
    path.write_bytes(data)


def huge(path: Path) -> None:
    whole(path)
    patch_size(path, HUGE, HUGE)


def huge_gif(path: Path) -> None:
    gif(path)
    data = bytearray(path.read_bytes())
    data[6:10] = struct.pack("<HH", HUGE, HUGE)  # the logical screen
    path.write_bytes(data)


def huge_pictures(path: Path) -> None:
    """Motion JPEG whose pictures claim to be huge; only their decoder knows."""
    write_video(path, VideoSpec(count=3, container="avi", codec="mjpeg", pixel_format="yuvj420p"))
    data = path.read_bytes()
    # ITU-T T.81, B.2.2: marker, length, precision, height, width
    begin = data.index(b"\xff\xc0\0\x11\x08")
    sizes = data[begin + 5 : begin + 9]
    path.write_bytes(data.replace(b"\xff\xc0\0\x11\x08" + sizes, data[begin : begin + 5] + TALL))


def write_heavy(path: Path, frames: int = 10_000) -> Path:
    """Less than a minute of large pictures, but very many: one, encoded once, over and over."""
    with av.open(str(path), "w", format="matroska") as output:
        stream = output.add_stream("ffv1", rate=180)
        stream.width, stream.height, stream.pix_fmt = 2560, 1440, "yuv420p"
        plane = np.full((1440, 2560), 128, np.uint8)
        [packet] = [*stream.encode(gray_frame(plane).reformat(format="yuv420p")), *stream.encode()]
        for number in range(frames):
            copy = av.Packet(bytes(packet))
            copy.stream, copy.is_keyframe, copy.time_base = stream, True, Fraction(1, 180)
            copy.pts = copy.dts = number
            output.mux(copy)
    return path


def endless(path: Path) -> None:
    """A stream that was recorded until the disk was full: no length, no index."""
    write_video(
        path,
        VideoSpec(count=200, fps=1, container="matroska", container_options={"live": "1"}),
    )


def pasted(path: Path) -> None:
    """Two recordings one behind the other, as `cat` makes it."""
    write_video(path, VideoSpec(count=FRAMES, container="mpegts"))
    path.write_bytes(path.read_bytes() * 2)


def gif(path: Path) -> None:
    spec = VideoSpec(count=FRAMES, container="gif", codec="gif", pixel_format="rgb8", ticks=100)
    write_video(path, spec)


def webp(path: Path, *, durations_ms: int | list[int] = 40) -> None:
    first, *others = (Image.fromarray(bars(number)).convert("RGB") for number in range(FRAMES))
    first.save(path, "WEBP", save_all=True, append_images=others, duration=durations_ms)


def webp_cut(path: Path) -> None:
    webp(path)
    truncate(path, 0.7)


def webp_still(path: Path) -> None:
    Image.fromarray(bars(5)).convert("RGB").save(path, "WEBP")


def webp_huge(path: Path) -> None:
    webp(path)
    data = bytearray(path.read_bytes())
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = (16_383).to_bytes(3, "little") * 2
    path.write_bytes(data)


def start_alone(path: Path) -> None:
    """The initialisation segment of a stream, without any fragment."""
    write_video(path, VideoSpec(container_options={"movflags": "+frag_keyframe+empty_moov"}))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moof") - 4])


def cover(path: Path) -> None:
    """A song with the picture of its album, which is no video."""
    write_sound(path.with_suffix(".song"))
    picture = io.BytesIO()
    Image.fromarray(bars(5)).save(picture, "PNG")
    with (
        av.open(str(path.with_suffix(".song"))) as song,
        av.open(str(path), "w", format="mp4") as output,
    ):
        sound = output.add_stream_from_template(song.streams.audio[0])
        cover = output.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 160, 96, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        for packet in song.demux():
            if packet.dts is not None:
                packet.stream = sound
                output.mux(packet)
        output.mux(cover.encode(gray_frame(bars(5)).reformat(format="rgb24")))
        output.mux(cover.encode(None))
    path.with_suffix(".song").unlink()


def flash_bomb(path: Path) -> None:
    """A compressed Flash film that unpacks to very many zeros."""
    packed = zlib.compress(bytes.fromhex("78000a8c0000fa0000") + b"\0\x0c\0\0" + bytes(BOMB_BYTES))
    path.write_bytes(b"CWS\x08" + struct.pack("<I", BOMB_BYTES) + packed)


def noise(path: Path) -> None:
    """An MP4 by its first bytes, and rubbish after them."""
    rubbish = np.random.default_rng(0).integers(0, 256, 20_000, np.uint8).tobytes()
    path.write_bytes(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + rubbish)


def late(frames: int) -> list[Fraction]:
    return [Fraction(number - 5, 25) for number in range(frames)]


VARIABLE_S = [Fraction(n * (1 if n < 12 else 2) - (0 if n < 12 else 12), 25) for n in range(FRAMES)]
NEGATIVE = {"times_s": late(FRAMES), "container_options": {"avoid_negative_ts": "disabled"}}
LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
INTERLACED = {"crf": "12", "x264-params": "tff=1"}

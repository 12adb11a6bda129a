"""The media zoo: one file of every kind that people's folders hold, and what becomes of each."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import zoo_makers as make
from media import (
    write_sound,
)


@dataclass(frozen=True)
class Animal:
    """A file and its fate.

    Attributes:
        name: of the file.
        make: writes it.
        reject: stage, reason and detail; None where it is built.
        frames: of the clip, None where that does not matter.
        flags: of the clip.
        size: width and height of the clip at a short side of 64, None where that does not matter.
        encoder: that PyAV must have to make it.
    """

    name: str
    make: Callable[[Path], object]
    reject: tuple[str, str, str] | None = None
    frames: int | None = make.FRAMES
    flags: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    encoder: str | None = None


def write_zoo(folder: Path) -> list[Animal]:
    """Write all animals whose encoder is here; returns them."""
    here = [
        animal
        for animal in ANIMALS
        if animal.encoder is None or animal.encoder in av.codecs_available
    ]
    for animal in here:
        animal.make(folder / animal.name)
    return here


ANIMALS = (
    Animal("plain.mp4", make.whole, size=(106, 64)),
    # no media at all
    Animal("empty.mp4", make.content(b""), ("fetch", "not-media", "empty")),
    Animal(
        "page.mp4", make.content(b"<!DOCTYPE html>\n<html>gone"), ("fetch", "not-media", "html")
    ),
    Animal(
        "playlist.mp4",
        make.content(b"#EXTM3U\n#EXTINF:5,\nplain.mp4\n#EXT-X-ENDLIST\n"),
        ("fetch", "not-media", "playlist"),
    ),
    Animal(
        "concat.mp4",
        make.content(b"ffconcat version 1.0\nfile plain.mp4\n"),
        ("fetch", "not-media", "concat script"),
    ),
    Animal("gzipped.mp4", make.gzipped, ("fetch", "not-media", "gzip")),
    Animal("zipped.mp4", make.zipped, ("fetch", "not-media", "zip")),
    Animal("pointer.mp4", make.content(make.LFS), ("fetch", "not-media", "git-lfs pointer")),
    # damaged
    Animal("head-lost.mp4", make.head_lost, ("fetch", "not-media", "*")),
    Animal("tail-lost.mp4", make.tail_lost, ("normalise", "partial", "*")),
    Animal("moov-lost.mp4", make.moov_lost, ("normalise", "corrupt", "unreadable header")),
    Animal("flipped.mp4", make.flipped, ("normalise", "partial", "damaged inside the span")),
    Animal("noise.mp4", make.noise, ("normalise", "corrupt", "unreadable header")),
    Animal("start-alone.mp4", make.start_alone, ("normalise", "corrupt", "*")),
    Animal("sound-only.mp4", write_sound, ("normalise", "no-video", "")),
    Animal("cover.mp4", make.cover, ("normalise", "no-video", ""), encoder="png"),
    # lies and bombs
    # The decoder knows the true size; with the display size beside it, a wrong one in the sample
    # description amounts to oblong pixels (ISO/IEC 14496-12, 12.1.4).
    Animal("lying-size.mp4", make.lying_size, size=(160, 58)),
    Animal("lying-length.mp4", make.lying_length),
    Animal("lying-huge.mp4", make.huge, size=(160, 58)),
    Animal("huge.avi", make.huge_pictures, ("normalise", "corrupt", "no frame can be decoded")),
    Animal("huge.gif", make.huge_gif, ("normalise", "corrupt", "no picture size")),
    Animal("huge.webp", make.webp_huge, ("normalise", "too-many-pixels", "16384x16384")),
    Animal("endless.mkv", make.endless, ("normalise", "too-long", "over 120 s")),
    Animal("pasted.ts", make.pasted, ("normalise", "partial", "damaged inside the span")),
    Animal("bomb.swf", make.flash_bomb, ("normalise", "corrupt", "*")),
    # odd and whole
    Animal("one-frame.mp4", make.video(count=1), frames=1),
    Animal("variable.mp4", make.video(times_s=make.VARIABLE_S), frames=37),
    Animal("rotated.mp4", make.video(rotation=90), size=(64, 106)),
    Animal("odd.mp4", make.video(width=161, height=97, pixel_format="yuv444p"), size=(106, 64)),
    Animal("ten-bit.mkv", make.video(container="matroska", pixel_format="yuv420p10le")),
    Animal("444.mp4", make.video(pixel_format="yuv444p")),
    Animal("interlaced.mp4", make.video(options=make.INTERLACED), flags=("interlaced",)),
    Animal("edited.mp4", make.edited, frames=30),
    Animal("negative.ts", make.video(container="mpegts", **make.NEGATIVE)),
    Animal("negative.mkv", make.video(container="matroska", **make.NEGATIVE), frames=None),
    Animal("negative.mp4", make.video(**make.NEGATIVE), frames=make.FRAMES - 5),
    Animal("wrong-extension.avi", make.whole),
    # other codecs and formats
    Animal("hevc.mp4", make.video(codec="libx265"), encoder="libx265"),
    Animal("vp8.webm", make.video(codec="libvpx", container="webm"), encoder="libvpx"),
    Animal("vp9.webm", make.video(codec="libvpx-vp9", container="webm"), encoder="libvpx-vp9"),
    Animal("av1.mp4", make.video(codec="libsvtav1"), encoder="libsvtav1"),
    Animal("old.mpg", make.video(container="mpeg", codec="mpeg2video")),
    Animal("animation.gif", make.gif),
    Animal("animation.webp", make.webp, size=(106, 64)),
    Animal("cut.webp", make.webp_cut, ("normalise", "*", "*")),
    Animal("still.webp", make.webp_still, ("normalise", "no-video", "a still picture")),
)


def write_unreadable(folder: Path) -> tuple[str, ...]:
    """What looks like a clip and is no file at all; returns the names."""
    os.mkfifo(folder / "pipe.mp4")
    (folder / "folder.mp4").mkdir()
    (folder / "dangling.mp4").symlink_to("nowhere.mp4")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    (folder / "outside.mp4").symlink_to("/etc/hostname")
    (folder / "._plain.mp4").write_bytes(b"\0\5\x16\7")
    return tuple(sorted({path.name for path in folder.iterdir()} - {a.name for a in ANIMALS}))

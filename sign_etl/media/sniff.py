"""What a file is by its first bytes: never by its name.

The decoder gets the container format found here and no choice, because a text file named .mp4 (a
playlist, an ffconcat script) would otherwise make it open its neighbours.
"""

from __future__ import annotations

import struct
from typing import Final

HEAD_BYTES: Final = 4096
"""So many first bytes decide."""

# libav demuxer names by container; only these are ever opened. `webp` has a reader of its own.
DEMUXERS: Final[dict[str, str]] = {
    "mp4": "mov",
    "matroska": "matroska",
    "avi": "avi",
    "flv": "flv",
    "swf": "swf",
    "mpegts": "mpegts",
    "mpeg": "mpeg",
    "asf": "asf",
    "ogg": "ogg",
    "gif": "gif",
}


def sniff(head: bytes) -> str | None:
    """The container of a file, a key of `DEMUXERS` or `webp`, or None if it is no video we open.

    Args:
        head: the first `HEAD_BYTES` bytes (fewer if the file is shorter).
    """
    if len(head) >= 12 and head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mp4"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "avi"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:3] == b"FLV":
        return "flv"
    if head[:3] in (b"FWS", b"CWS", b"ZWS"):
        return "swf"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"\x00\x00\x01\xba":
        return "mpeg"
    if head[:16] == bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"):
        return "asf"
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return "mpegts"
    return None


def describe(head: bytes) -> str:
    """What a file that is no video seems to be, in a word, for the detail of a reject."""
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:256].lower()
    if not head:
        return "empty"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "html"
    if text.startswith(b"#extm3u"):
        return "playlist"
    if text.startswith(b"ffconcat"):
        return "concat script"
    if text.startswith((b"<?xml", b"<mpd")):
        return "xml"
    if text.startswith((b"{", b"[")):
        return "json"
    if text.startswith(b"<"):
        return "markup"
    if text.startswith(b"version https://git-lfs"):
        return "git-lfs pointer"
    if head[:2] == b"\x1f\x8b":
        return "gzip"
    if head[:4] == b"PK\x03\x04":
        return "zip"
    if head[:4] == b"%PDF":
        return "pdf"
    if head[:3] == b"\xff\xd8\xff" or head[:8] == b"\x89PNG\r\n\x1a\n":
        return "picture"
    printable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in head[:512])
    return "text" if printable == len(head[:512]) else "unknown bytes"


_PICKLE: Final = (b"\x80", b"\x1f\x8b", b"(", b"}", b"]")
"""Protocol 2 or later, gzip around it, or the opcodes that older protocols begin with."""
_MAGICS: Final[dict[str, tuple[bytes, ...]]] = {
    "gislr": (b"PAR1",),
    "npy": (b"\x93NUMPY",),
    "npz": (b"PK\x03\x04",),
    "openhands": _PICKLE,
    "pose": (struct.pack("<f", 0.1), struct.pack("<f", 0.2)),
    "unisign": _PICKLE,
}
_TEXTS: Final[dict[str, tuple[bytes, ...]]] = {
    "mediapipe-json": (b"{",),
    "spoter-csv": (b"",),
}


def looks_like(keypoints: str, head: bytes) -> bool:
    """True where a file may be of this format of keypoints; one that we do not know may be all.

    Args:
        keypoints: name of the format, see `sign_etl.schema.keypoint_set.FORMAT_LAYOUTS`.
        head: the first `HEAD_BYTES` bytes.
    """
    if keypoints in _TEXTS:
        text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        return b"\0" not in head and text.startswith(_TEXTS[keypoints]) and text[:1] != b"<"
    return head.startswith(_MAGICS.get(keypoints, (b"",))) and head != b""

"""Whether a file's own structure claims more bytes than there are: a broken-off download.

Decoders end such files in silence where the break falls between two frames.
"""

from __future__ import annotations

import os
from typing import IO

_EBML_SEGMENT = b"\x18\x53\x80\x67"
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_HEAD_BYTES = 1 << 16
_TS_PACKET_BYTES = 188
_MAX_BOXES = 100_000


def cut_short(file: IO[bytes], container: str) -> bool:
    """True if an MP4, Matroska, SWF, GIF, ASF or MPEG-TS file lacks its end.

    Other containers are streams or carry sizes that writers often get wrong: False for them.

    Args:
        file: open for reading; its position is moved.
        container: as `sign_etl.media.sniff` names it.
    """
    size = file.seek(0, os.SEEK_END)
    if container == "mp4":
        return _boxes_end(file, size) > size
    if container == "matroska":
        return _segment_end(file, size) > size
    if container == "swf":
        file.seek(0)
        head = file.read(8)  # compressed files tell another length
        return head[:3] == b"FWS" and int.from_bytes(head[4:8], "little") > size
    if container == "gif":
        file.seek(max(0, size - 64))
        return b"\x3b" not in file.read()  # the trailer; some writers pad after it
    if container == "asf":
        return _asf_size(file) > size
    if container == "mpegts":
        return size % _TS_PACKET_BYTES != 0
    return False


def _asf_size(file: IO[bytes]) -> int:
    # ASF specification, 3.2: object id, its size, file id, file size, five times, flags, of which
    # the lowest says that the sizes are not known.
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    begin = head.find(_ASF_PROPERTIES)
    properties = head[begin : begin + 92]
    if begin < 0 or len(properties) < 92 or properties[88] & 1:
        return 0
    return int.from_bytes(properties[40:48], "little")


def _boxes_end(file: IO[bytes], size: int) -> int:
    # ISO/IEC 14496-12, 4.2: 32-bit size and type; size 1 is followed by a 64-bit size, 0 means
    # up to the end of the file.
    position = 0
    for _ in range(_MAX_BOXES):
        if position >= size:
            break
        file.seek(position)
        head = file.read(16)
        if len(head) < 8:
            break  # a few stray bytes after the last box
        length = int.from_bytes(head[:4], "big")
        if length == 0:
            return size
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8 or not all(32 <= byte < 127 or byte == 0xA9 for byte in head[4:8]):
            break  # trailing rubbish is no box
        position += length
    return position


def _segment_end(file: IO[bytes], size: int) -> int:
    # RFC 8794: an id, a size whose leading zeros tell its length, all ones for unknown.
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    position = 4
    length, digits = _ebml_size(head[position:])
    if length is None or digits == 0:
        return size
    position += digits + length
    if head[position : position + 4] != _EBML_SEGMENT:
        return size
    position += 4
    length, digits = _ebml_size(head[position:])
    return size if length is None else position + digits + length


def _ebml_size(data: bytes) -> tuple[int | None, int]:
    if not data or data[0] == 0:
        return None, 0
    digits = 9 - data[0].bit_length()
    if len(data) < digits:
        return None, 0
    value = int.from_bytes(data[:digits], "big") & ((1 << 7 * digits) - 1)
    return (None if value == (1 << 7 * digits) - 1 else value), digits

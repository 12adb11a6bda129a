"""A deterministic tar writer: USTAR, no times, no owners, nothing compressed.

Offsets, sizes and CRCs of all members come out beside the file, so that a trainer can read any
member with one `pread` and never parses a tar.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

BLOCK = 512
END_BLOCKS = 2
RECORD = 20 * BLOCK
"""Tars end on a multiple of this, as GNU tar writes them."""
NAME_BYTES = 100


@dataclass(frozen=True, slots=True)
class Member:
    """Where the bytes of a member are.

    Attributes:
        name: file name in the tar.
        offset: first byte of its data.
        size_bytes: their number.
        crc32: of the data.
    """

    name: str
    offset: int
    size_bytes: int
    crc32: int


class TarWriter:
    """Writes members one after the other to an open binary file.

    Args:
        file: opened for writing, at position 0.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._position = 0
        self._hasher = hashlib.sha256()

    def add(self, name: str, data: bytes) -> Member:
        """Append one member.

        Raises:
            ValueError: the name is not ASCII or longer than USTAR's 100 bytes.
        """
        self._write(_header(name, len(data)))
        offset = self._position
        self._write(data)
        self._write(bytes(-len(data) % BLOCK))
        return Member(name, offset, len(data), zlib.crc32(data))

    def finish(self) -> tuple[str, int]:
        """Write the end mark; returns sha256 and size of the whole tar."""
        self._write(bytes(END_BLOCKS * BLOCK))
        self._write(bytes(-self._position % RECORD))
        return self._hasher.hexdigest(), self._position

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._hasher.update(data)
        self._position += len(data)


def member_names(path: Path) -> Iterator[str]:
    """Names of the members, read back from the headers alone (data is skipped by seeking).

    Raises:
        ValueError: a header is damaged or the file ends early.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        position = 0
        while True:
            header = file.read(BLOCK)
            if len(header) < BLOCK:
                raise ValueError(f"{path.name} ends without an end mark")
            if header == bytes(BLOCK):
                return
            if int(header[148:156].split(b"\0")[0] or b"0", 8) != _checksum(header):
                raise ValueError(f"{path.name} has a damaged header at byte {position}")
            yield header[:NAME_BYTES].rstrip(b"\0").decode("ascii")
            length = int(header[124:136].rstrip(b"\0 "), 8)
            position += BLOCK + length + (-length % BLOCK)
            if position > size:
                raise ValueError(f"{path.name} ends inside a member")
            file.seek(position)


def _header(name: str, size_bytes: int) -> bytes:
    encoded = name.encode("ascii")
    if not 0 < len(encoded) <= NAME_BYTES:
        raise ValueError(f"a tar member name has 1 to {NAME_BYTES} bytes, `{name}` does not")
    header = bytearray(BLOCK)
    header[0 : len(encoded)] = encoded
    header[100:108] = b"0000644\0"
    header[108:116] = b"0000000\0"  # uid
    header[116:124] = b"0000000\0"  # gid
    header[124:136] = b"%011o\0" % size_bytes
    header[136:148] = b"00000000000\0"  # mtime
    header[156:157] = b"0"  # regular file
    header[257:265] = b"ustar\x0000"
    header[329:337] = b"0000000\0"  # devmajor
    header[337:345] = b"0000000\0"  # devminor
    header[148:156] = b"%06o\0 " % _checksum(bytes(header))
    return bytes(header)


def _checksum(header: bytes) -> int:
    # The sum of all bytes with the checksum field itself counted as blanks.
    return sum(header[:148]) + 8 * 32 + sum(header[156:])

"""Tar streams, packed or not: read front to back, with a bound on every step.

`tarfile` keeps every header that it has seen and reads extended headers whole, however long they
say they are. So the stream below it hands out a little more than is due, and no more.
"""

from __future__ import annotations

import tarfile
from typing import IO, Any, Final

from sign_etl.media.members import ArchiveRefused, Members, shown

HEADER_BYTES: Final = 8 << 20
"""Names and attributes of one member may take so much."""

TRAILER_BYTES: Final = 64 << 20
"""Zeros after the last member (tapes have blocks)."""

_CHUNK_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 512


def untar(stream: IO[bytes] | Any, members: Members) -> None:
    """Unpack a tar stream.

    Args:
        stream: the unpacked bytes.
        members: takes the files.

    Raises:
        ArchiveRefused: it is not acceptable or breaks off.
        EOFError, OSError, zlib.error, lzma.LZMAError: the stream below is broken.
    """
    bounded = _Bounded(stream)
    fileobj: Any = bounded  # of which tarfile only reads
    try:
        bounded.allow(HEADER_BYTES)
        with tarfile.open(
            fileobj=fileobj,
            mode="r|",
            bufsize=_CHUNK_BYTES,
            encoding="utf-8",
            errors="surrogateescape",
        ) as tar:
            headers: list[tarfile.TarInfo] = tar.members  # type: ignore[attr-defined]
            while (member := tar.next()) is not None:
                _take(tar, member, bounded, members)
                headers.clear()  # or a million frames are a gigabyte of headers
                bounded.allow(HEADER_BYTES)
    except tarfile.TarError:
        raise ArchiveRefused(
            "damaged" if members.files else "no-archive",
            "it cannot be read to its end" if members.files else "no tar inside",
        ) from None
    bounded.drain(TRAILER_BYTES)
    if bounded.last.strip(b"\0"):  # tarfile takes a break between two members for the end
        raise ArchiveRefused("damaged", "it breaks off")


def _take(
    tar: tarfile.TarFile, member: tarfile.TarInfo, bounded: _Bounded, members: Members
) -> None:
    if member.isdir():
        members.folder(member.name)
        return
    if member.type not in tarfile.REGULAR_TYPES or member.issparse():
        raise ArchiveRefused("unsafe", f"`{shown(member.name)}` is a link or device")
    target = members.file(member.name, member.size)
    source = tar.extractfile(member)
    assert source is not None
    left = member.size
    try:
        while left:
            bounded.allow(2 * _CHUNK_BYTES)
            chunk = source.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise ArchiveRefused("damaged", f"`{shown(member.name)}` breaks off")
            left -= len(chunk)
            if target is None:
                members.grow(0)
            else:
                target.write(chunk)
        if target is not None:
            target.close()
    finally:
        if target is not None:
            target.abandon()


class _Bounded:
    """A stream that gives out so many bytes until it is allowed more."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._allowed = 0
        self.last = b""

    def allow(self, size_bytes: int) -> None:
        self._allowed = size_bytes

    def read(self, size_bytes: int) -> bytes:
        if self._allowed <= 0:
            raise ArchiveRefused("too-large", "a header of many megabytes")
        data = self._stream.read(size_bytes)
        self._allowed -= len(data)
        self.last = (self.last + data)[-_BLOCK_BYTES:] if data else self.last
        return data

    def drain(self, size_bytes: int) -> None:
        self._allowed = size_bytes
        while self.read(_CHUNK_BYTES):
            pass

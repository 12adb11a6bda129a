"""7z archives, through py7zr: an optional extra.

Its table of contents is checked first; then py7zr decompresses into files that we open.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sign_etl.core.errors import MissingExtraError
from sign_etl.media.members import ArchiveRefused, MemberFile, Members, check_room, shown


def unpack_sevenzip(file: IO[bytes], members: Members, out: Path, password: str | None) -> None:
    """Unpack a 7z archive.

    Args:
        file: open for reading, seekable. (With an open file py7zr works in one thread, in order.)
        members: takes the files.
        out: the folder that they go to, to see how much room there is.
        password: of the archive, None if there is none.

    Raises:
        MissingExtraError: py7zr is not installed.
        ArchiveRefused: it is not acceptable, damaged, or the password is missing or wrong.
    """
    try:
        import py7zr
        from py7zr.exceptions import (
            ArchiveError,
            PasswordRequired,
            UnsupportedCompressionMethodError,
        )
    except ImportError:
        raise MissingExtraError("a 7z archive", "archives") from None
    broken = (ArchiveError, lzma.LZMAError, zlib.error, EOFError, struct.error, ValueError)
    try:
        with py7zr.SevenZipFile(file, password=password) as archive:
            sizes = _checked(archive.list(), members, out)
            factory: Any = _Factory(members, sizes)
            try:
                archive.extractall(factory=factory)
                factory.finish()
            finally:
                factory.close()
    except PasswordRequired:
        raise ArchiveRefused("password", "it needs a password") from None
    except UnsupportedCompressionMethodError:
        raise ArchiveRefused("unsupported", "a 7z method that py7zr does not know") from None
    except broken:
        if password is None:
            raise ArchiveRefused("damaged", "it cannot be read to its end") from None
        raise ArchiveRefused("password", "the password is wrong, or the archive damaged") from None


def _checked(entries: list[Any], members: Members, out: Path) -> dict[str, int]:
    """Sizes of the files by the name that py7zr will ask for; refuses what is no plain file."""
    size_bytes = sum(entry.uncompressed or 0 for entry in entries)
    members.announce(len(entries), size_bytes)
    check_room(out, size_bytes)
    sizes: dict[str, int] = {}
    for entry in entries:
        if entry.is_directory:
            members.folder(entry.filename)
            continue
        if not entry.is_file:
            raise ArchiveRefused("unsafe", f"`{shown(entry.filename)}` is a link or device")
        name = PurePosixPath(entry.filename).as_posix()
        if name in sizes:  # py7zr would give the second one a name of its own making
            raise ArchiveRefused("unsafe", f"two members claim the name `{shown(name)}`")
        sizes[name] = entry.uncompressed or 0
    return sizes


class _Output:
    """Takes one file, as `py7zr.io.Py7zIO` would."""

    def __init__(self, file: MemberFile | None) -> None:
        self._file = file
        self._size_bytes = 0

    def write(self, data: bytes | bytearray) -> int:
        self._size_bytes += len(data)
        if self._file is not None:
            self._file.write(data)
        return len(data)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return self._size_bytes

    def close(self) -> None:
        if self._file is not None:
            self._file.abandon()  # whether it is whole is asked when all is done

    def finish(self) -> None:
        if self._file is not None:
            self._file.close()


class _Factory:
    """Opens files by their names, as `py7zr.io.WriterFactory` would."""

    def __init__(self, members: Members, sizes: dict[str, int]) -> None:
        self._members = members
        self._sizes = sizes
        self._outputs: list[_Output] = []

    def create(self, filename: str) -> _Output:
        # An unknown name gets no room, so its first byte is one too many.
        size_bytes = self._sizes.get(filename, 0)
        self._outputs.append(_Output(self._members.file(filename, size_bytes)))
        return self._outputs[-1]

    def finish(self) -> None:
        for output in self._outputs:
            output.finish()

    def close(self) -> None:
        for output in self._outputs:
            output.close()

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
            factory = _factory(members, sizes)
            archive.extractall(factory=factory)
            factory.finish()
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


def _factory(members: Members, sizes: dict[str, int]) -> Any:
    # py7zr's classes can only be inherited from where it is installed.
    from py7zr.io import Py7zIO, WriterFactory

    class Output(Py7zIO):  # type: ignore[misc]
        """Takes one file."""

        def __init__(self, file: MemberFile | None) -> None:
            self._file = file
            self._size_bytes = 0

        def write(self, s: bytes | bytearray) -> int:
            self._size_bytes += len(s)
            if self._file is not None:
                self._file.write(s)
            return len(s)

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

    class Factory(WriterFactory):  # type: ignore[misc]
        """Opens files by their names."""

        def __init__(self) -> None:
            self._outputs: list[Output] = []

        def create(self, filename: str) -> Output:
            # An unknown name gets no room, so its first byte is one too many.
            self._outputs.append(Output(members.file(filename, sizes.get(filename, 0))))
            return self._outputs[-1]

        def finish(self) -> None:
            for output in self._outputs:
                output.finish()

    return Factory()

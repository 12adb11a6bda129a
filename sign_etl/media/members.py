"""What may come out of an archive: plain files below one folder, in bounded number and size.

Every member, of whatever format, passes here. Nothing of an archive library ever writes a file:
names, links and modes of foreign archives have fooled all of them at some time.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_MAX_PART_BYTES = 255
_MAX_NAME_BYTES = 2048
_MAX_PARTS = 32
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SHOWN = 80


class ArchiveRefused(Exception):
    """The archive is not unpacked.

    Args:
        kind: `unsafe`, `too-large`, `damaged`, `password`, `unsupported` or `no-archive`.
        detail: what exactly, in words.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How much an archive may hold. Data sets of frame folders have millions of small files.

    Attributes:
        members: files and folders in it.
        member_bytes: one file, unpacked.
        total_bytes: all files, unpacked.
        ratio: all files, unpacked, to the size of the archive: videos and pictures do not shrink,
            text by ten or so, a bomb by a thousand.
        free_bytes: so much may come out of the smallest archive, whatever the ratio.
    """

    members: int = 5_000_000
    member_bytes: int = 256 << 30
    total_bytes: int = 4 << 40
    ratio: int = 100
    free_bytes: int = 1 << 30

    def allowed_bytes(self, archive_bytes: int) -> int:
        """What an archive of this size may unpack to."""
        return min(self.total_bytes, max(self.free_bytes, self.ratio * archive_bytes))


def shown(name: str) -> str:
    """A member's name for a message: harmless and short."""
    plain = ascii(name)[1:-1]
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}..."


def safe_parts(name: str) -> tuple[str, ...]:
    """The parts of a member's name; a backslash counts as `/`, as Windows means it.

    Raises:
        ArchiveRefused: it leads out of the folder, or no file system would hold it.
    """
    if _CONTROL.search(name) or not _is_utf8(name):
        raise ArchiveRefused("unsafe", f"the name `{shown(name)}` holds strange characters")
    path = name.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        raise ArchiveRefused("unsafe", f"the name `{shown(name)}` is absolute")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ArchiveRefused("unsafe", f"the name `{shown(name)}` leads out of the folder")
    if (
        len(parts) > _MAX_PARTS
        or len(path.encode("utf-8")) > _MAX_NAME_BYTES
        or any(len(part.encode("utf-8")) > _MAX_PART_BYTES for part in parts)
    ):
        raise ArchiveRefused("unsafe", f"the name `{shown(name)}` is too long")
    return parts


class Members:
    """Takes the members of one archive into an empty folder.

    Attributes:
        files: written so far.
        size_bytes: of them.
        hidden: left out, because a name begins with a dot (or is of macOS's shadow tree):
            nobody looks at those, and our own notes in a media folder are such files.

    Args:
        folder: empty, nobody else's.
        archive_bytes: size of the archive.
        limits: how much it may hold.
    """

    def __init__(self, folder: Path, archive_bytes: int, limits: UnpackLimits) -> None:
        self.files = 0
        self.size_bytes = 0
        self.hidden = 0
        self._folder = folder
        self._limits = limits
        self._allowed = limits.allowed_bytes(archive_bytes)
        self._seen = 0
        self._names: dict[str, str] = {}

    def announce(self, count: int, size_bytes: int) -> None:
        """What the archive's table of contents says: refuse before a byte is written.

        Raises:
            ArchiveRefused: too much.
        """
        if count > self._limits.members:
            self._too_many()
        if size_bytes > self._allowed:
            self._too_large()

    def folder(self, name: str) -> None:
        """Take a folder: only its name is looked at, folders come with their files."""
        self._count()
        self._folders(safe_parts(name))

    def file(self, name: str, size_bytes: int) -> MemberFile | None:
        """Take a file; the caller writes its bytes and closes it.

        Args:
            name: as the archive has it.
            size_bytes: as the archive announces it.

        Returns:
            None for a hidden file, which is left out.

        Raises:
            ArchiveRefused: its name or size is not acceptable.
        """
        self._count()
        parts = safe_parts(name)
        if not parts or name.endswith(("/", "\\")):
            raise ArchiveRefused("unsafe", f"a file with the name `{shown(name)}`")
        if parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts):
            self.hidden += 1
            return None
        if size_bytes > self._limits.member_bytes:
            self._too_large()
        if self.size_bytes + size_bytes > self._allowed:
            self._too_large()
        self._folders(parts[:-1])
        self._claim("/".join(parts))
        path = self._folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files += 1
        return MemberFile(self, path, name, size_bytes)

    def grow(self, size_bytes: int) -> None:
        """Count bytes that are about to be written."""
        self.size_bytes += size_bytes
        if self.size_bytes > self._allowed:
            self._too_large()

    def _count(self) -> None:
        self._seen += 1
        if self._seen > self._limits.members:
            self._too_many()

    def _folders(self, parts: tuple[str, ...]) -> None:
        for end in range(1, len(parts) + 1):
            path = "/".join(parts[:end])
            if self._names.setdefault(_folded(path), f"{path}/") != f"{path}/":
                raise ArchiveRefused("unsafe", f"two members claim the name `{shown(path)}`")

    def _claim(self, path: str) -> None:
        folded = _folded(path)
        if folded in self._names:
            raise ArchiveRefused("unsafe", f"two members claim the name `{shown(path)}`")
        self._names[folded] = path

    def _too_many(self) -> None:
        raise ArchiveRefused("too-large", f"more than {self._limits.members:,} members")

    def _too_large(self) -> None:
        raise ArchiveRefused("too-large", f"it unpacks to more than {self._allowed:,} bytes")


class MemberFile:
    """A file while it is unpacked."""

    def __init__(self, members: Members, path: Path, name: str, size_bytes: int) -> None:
        self._members = members
        self._name = name
        self._left = size_bytes
        # Never through a link and never over another file, whatever was unpacked before.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        self._file: IO[bytes] = os.fdopen(os.open(path, flags, 0o644), "wb")

    def write(self, data: bytes | bytearray) -> int:
        """Append bytes.

        Raises:
            ArchiveRefused: more than announced, or more than is allowed for all.
        """
        self._left -= len(data)
        if self._left < 0:
            raise ArchiveRefused("damaged", f"`{shown(self._name)}` is longer than announced")
        self._members.grow(len(data))
        return self._file.write(data)

    def close(self) -> None:
        """Finish the file.

        Raises:
            ArchiveRefused: it is shorter than announced.
        """
        self._file.close()
        if self._left:
            raise ArchiveRefused("damaged", f"`{shown(self._name)}` breaks off")

    def abandon(self) -> None:
        """Close the file; nobody will use it."""
        self._file.close()


def check_room(folder: Path, size_bytes: int) -> None:
    """Refuse now what would fill the disk in an hour.

    Raises:
        OSError: `ENOSPC`.
    """
    if size_bytes > shutil.disk_usage(folder).free:
        raise OSError(errno.ENOSPC, "not enough room")


def _folded(path: str) -> str:
    """What two names share that are one file on the disks of macOS or Windows."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True

"""The guarded side of unpacking: reads a foreign archive and writes its files into a folder.

It runs in a child process, since the decompressors are native code and some formats ask for as
much memory as their header says. The format is what the first bytes show, whatever the name.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import stat
import struct
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Final

from sign_etl.core.errors import MissingExtraError
from sign_etl.media.joined import open_joined
from sign_etl.media.members import ArchiveRefused, Members, UnpackLimits, check_room, shown
from sign_etl.media.sniff import HEAD_BYTES, describe
from sign_etl.media.untar import untar

CHUNK_BYTES: Final = 1 << 20
GZIP, BZIP2, XZ, SEVEN_ZIP, RAR = (
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ\x00",
    b"7z\xbc\xaf\x27\x1c",
    b"Rar!\x1a\x07",
)
_AES = 99
_ENCRYPTED = 0x1
BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    ValueError,
    OverflowError,
    IndexError,
)
"""What libraries raise over bytes that are not what they should be."""


def request(
    paths: list[Path], out: Path, *, password: str | None, limits: UnpackLimits
) -> dict[str, Any]:
    """What `run` takes."""
    return {
        "paths": [str(path.absolute()) for path in paths],
        "out": str(out.absolute()),
        "password": password,
        "limits": asdict(limits),
    }


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Unpack one archive; runs in the child of a `sign_etl.core.guard.Guard`.

    Returns:
        `{"files", "size_bytes", "hidden"}`, `{"refused", "detail"}` or `{"no_space": true}`.

    Raises:
        MissingExtraError: the format needs a package that is not installed.
    """
    out, limits = Path(request["out"]), UnpackLimits(**request["limits"])
    paths = [Path(path) for path in request["paths"]]
    members = Members(out, sum(path.stat().st_size for path in paths), limits)
    try:
        with open_joined(paths) as file:
            _unpack(file, members, out, request["password"])
    except ArchiveRefused as refused:
        return {"refused": refused.kind, "detail": refused.detail}
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return {"no_space": True}
        if error.errno == errno.EFBIG:
            return {"refused": "too-large", "detail": "a file is too large"}
        # gzip and bz2 raise it over bad data, a seek to where no file can be is EINVAL
        if isinstance(error, gzip.BadGzipFile) or error.errno in (None, errno.EINVAL):
            return {"refused": "damaged", "detail": "it cannot be read to its end"}
        raise
    except BROKEN:
        return {"refused": "damaged", "detail": "it cannot be read to its end"}
    if not members.files:
        return {"refused": "damaged", "detail": "it holds no file"}
    return {"files": members.files, "size_bytes": members.size_bytes, "hidden": members.hidden}


def _unpack(file: io.BufferedReader, members: Members, out: Path, password: str | None) -> None:
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        _unzip(file, members, out, password)
    elif head.startswith(SEVEN_ZIP):
        from sign_etl.media.sevenzip import unpack_sevenzip

        unpack_sevenzip(file, members, out, password)
    elif head.startswith(GZIP):
        with gzip.GzipFile(fileobj=file) as stream:
            untar(stream, members)
    elif head.startswith(BZIP2):
        with bz2.BZ2File(file) as stream:
            untar(stream, members)
    elif head.startswith(XZ):
        with lzma.LZMAFile(file) as stream:
            untar(stream, members)
    elif head[257:262] == b"ustar":
        untar(file, members)
    elif head.startswith(RAR):
        raise ArchiveRefused("unsupported", "rar")
    else:
        raise ArchiveRefused("no-archive", describe(head))


def _unzip(file: IO[bytes], members: Members, out: Path, password: str | None) -> None:
    with zipfile.ZipFile(file) as plain:
        infos = plain.infolist()
        if any(info.compress_type == _AES for info in infos):
            _unzip_with(_aes_zip(file), members, out, password)
        else:
            _unzip_with(plain, members, out, password)


def _aes_zip(file: IO[bytes]) -> Any:
    try:
        from pyzipper import AESZipFile
    except ImportError:
        raise MissingExtraError("a zip with AES encryption", "archives") from None
    file.seek(0)
    return AESZipFile(file)


def _unzip_with(archive: Any, members: Members, out: Path, password: str | None) -> None:
    infos = archive.infolist()
    for info in infos:
        _check_kind(info)
    size_bytes = sum(info.file_size for info in infos)
    members.announce(len(infos), size_bytes)
    check_room(out, size_bytes)
    key = password.encode("utf-8") if password is not None else None
    for info in infos:
        if info.is_dir():
            members.folder(info.filename)
        elif target := members.file(info.filename, info.file_size):
            try:
                _copy_member(archive, info, key, target)
                target.close()
            finally:
                target.abandon()


def _check_kind(info: zipfile.ZipInfo) -> None:
    # The upper half of the attributes is a Unix mode where a Unix system wrote the member; others
    # leave it empty or have it too. The NUL that ends `filename` for us may hide another name.
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveRefused("unsafe", f"`{shown(info.filename)}` is a link or device")
    if "\0" in info.orig_filename:
        raise ArchiveRefused("unsafe", f"the name `{shown(info.filename)}` holds a NUL")


def _copy_member(archive: Any, info: Any, key: bytes | None, target: Any) -> None:
    encrypted = bool(info.flag_bits & _ENCRYPTED)
    if encrypted and key is None:
        raise ArchiveRefused("password", "it needs a password")
    try:
        with archive.open(info, pwd=key) as source:
            while chunk := source.read(CHUNK_BYTES):
                target.write(chunk)
    except NotImplementedError:
        raise ArchiveRefused("unsupported", "a zip method that Python does not know") from None
    except RuntimeError:  # what zipfile raises over a wrong password
        if not encrypted:
            raise
        raise ArchiveRefused("password", "the password is wrong") from None
    except BROKEN:
        if not encrypted:
            raise
        # One wrong password in 256 passes ZipCrypto's own check and shows only in the content.
        raise ArchiveRefused("password", "the password is wrong, or the archive damaged") from None

"""Archives for tests, honest and hostile, made byte by byte where no library would make them."""

from __future__ import annotations

import gzip
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

FILES: Mapping[str, bytes] = {
    "set/train/hello.mp4": b"hello" * 1000,
    "set/test/γεια σου.mp4": os.urandom(3000),
    "set/labels.csv": b"file,label\n",
}
"""What an honest archive holds."""

CRYPTO_ZIP = bytes.fromhex(
    "504b0304140001000800000021002438cacc1a0000005802000005000000612e7478746a90ca753054faae45"
    "41dedceaccfdb2de142cb732e2fa50963a504b01021400140001000800000021002438cacc1a000000580200"
    "00050000000000000000000000000000000000612e747874504b05060000000001000100330000003d000000"
    "0000"
)
"""`a.txt` under the old encryption with the password `right`, made by hand after APPNOTE 6.1."""

AES_ZIP = bytes.fromhex(
    "504b0304140001006300d102755d000000002a0000005802000005000b00612e747874019907000200414503"
    "0800aa764004c6e43a12d712de106f99bb84b8c4c652703849e647f24240f144f6a1e4cdd56719829d3ba564"
    "504b01021403140001006300d102755d000000002a0000005802000005000b00000000000000000080010000"
    "0000612e7478740199070002004145030800504b050600000000010001003e000000580000000000"
)
"""The same under AES-256 (AE-2), made by pyzipper."""


def zip_of(path: Path, files: Mapping[str, bytes] = FILES) -> Path:
    """A zip as any program makes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def tar_of(
    path: Path, files: Mapping[str, bytes] = FILES, mode: str = "w:gz", form: int = 1
) -> Path:
    """A tar as any program makes it, with an entry for its folder; `form` is 1 for GNU's."""
    with tarfile.open(path, mode, format=form) as archive:
        archive.addfile(tar_member("set/", tarfile.DIRTYPE))
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def tar_with(path: Path, *members: tarfile.TarInfo) -> Path:
    """A tar with one good file and these members."""
    with tarfile.open(path, "w:gz") as archive:
        good = tarfile.TarInfo("good.txt")
        good.size = 4
        archive.addfile(good, io.BytesIO(b"good"))
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)) if member.isreg() else None)
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """A member of any kind."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.devmajor, info.devminor = 1, 3
    return info


def zip_member(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    """A member with a Unix mode."""
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, mode << 16
    return info


def zip_with(path: Path, members: Iterable[tuple[zipfile.ZipInfo, bytes]]) -> Path:
    """A zip with one good file and these members."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good.txt", b"good")
        for info, data in members:
            archive.writestr(info, data)
    return path


def zip_of_nothing() -> bytes:
    """A zip without any member."""
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


def zip_of_empty_files(path: Path, count: int) -> Path:
    """A zip with so many empty files, listed without ado (zipfile takes its time)."""
    date = 0x21
    local, central = bytearray(), bytearray()
    for number in range(count):
        name = f"{number // 1000}/{number}.jpg".encode()
        fields = (0, 0, 0, date, 0, 0, 0, len(name), 0)
        begin = len(local)
        local += b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, *fields) + name
        central += b"PK\x01\x02" + struct.pack("<HHHHHHIIIHH", 20, 20, *fields)
        central += struct.pack("<HHHII", 0, 0, 0, 0, begin) + name
    # More than 65,535 members need the zip64 end record (APPNOTE 4.3.14).
    begin = len(local)
    end = b"PK\x06\x06" + struct.pack(
        "<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, len(central), begin
    )
    end += b"PK\x06\x07" + struct.pack("<IQI", 0, begin + len(central), 1)
    end += b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65_535, 65_535, 2**32 - 1, 2**32 - 1, 0)
    path.write_bytes(bytes(local + central) + end)
    return path


def zip_bomb(path: Path, size_bytes: int) -> Path:
    """A zip with one file of zeros; the zip is a thousandth of it."""
    block = bytes(1 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("zeros.mp4")
        info.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(info, "w", force_zip64=True) as member:
            for _ in range(size_bytes >> 20):
                member.write(block)
    return path


def lying_zip(path: Path, data: bytes, claimed: int) -> Path:
    """A zip whose only file says that it unpacks to `claimed` bytes, in both of its headers."""
    name = b"lie.mp4"
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(data) + packed.flush()
    local = b"PK\x03\x04" + struct.pack(
        "<HHHHHIIIHH", 20, 0, 8, 0, 0x21, zlib.crc32(data), len(body), claimed, len(name), 0
    )
    central = b"PK\x01\x02" + struct.pack(
        "<HHHHHHIIIHHHHHII",
        *(20, 20, 0, 8, 0, 0x21, zlib.crc32(data), len(body), claimed, len(name)),
        *(0, 0, 0, 0, 0, 0),
    )
    start = len(local) + len(name) + len(body)
    central += name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), start, 0)
    path.write_bytes(local + name + body + central + end)
    return path


def gzip_bomb(path: Path, size_bytes: int) -> Path:
    """A tar.gz whose only file is of zeros."""
    header = tarfile.TarInfo("zeros.mp4")
    header.size = size_bytes
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(header.tobuf(tarfile.GNU_FORMAT))
        block = bytes(1 << 20)
        for _ in range(size_bytes >> 20):
            file.write(block)
        file.write(bytes(1024))
    return path


def header_bomb(path: Path, size_bytes: int) -> Path:
    """A tar.gz whose first extended header says that it is this long, and is."""
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, size_bytes
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        block = bytes(1 << 20)
        for _ in range(size_bytes >> 20):
            file.write(block)
    return path


def found(folder: Path) -> dict[str, bytes]:
    """All files below a folder that are not hidden."""
    paths = (path.relative_to(folder) for path in sorted(folder.rglob("*")))
    return {
        path.as_posix(): (folder / path).read_bytes()
        for path in paths
        if (folder / path).is_file() and not any(part.startswith(".") for part in path.parts)
    }

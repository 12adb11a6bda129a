"""Hostile archives give nothing but a reason: names, links, bombs, numbers that lie."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from archives import (
    found,
    gzip_bomb,
    header_bomb,
    lying_zip,
    tar_member,
    tar_of,
    tar_with,
    zip_bomb,
    zip_member,
    zip_of,
    zip_of_empty_files,
    zip_with,
)

from sign_etl.media.members import ArchiveRefused, safe_parts

Unpack = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    "name",
    [
        "../out.txt",
        "a/../../out.txt",
        "..",
        "a/..",
        "/etc/out.txt",
        "\\\\host\\share\\out.txt",
        "C:\\out.txt",
        "c:out.txt",
        "..\\out.txt",
        "a\nb.txt",
        "n" * 256,
        "d/" * 40 + "a",
        "",
        ".",
    ],
)
def test_names_that_lead_elsewhere(try_to: Unpack, tmp_path: Path, name: str) -> None:
    tar = try_to(tar_with(tmp_path / "a.tgz", tar_member(name)))
    assert tar["refused"] == "unsafe", tar
    if name:  # zipfile makes no member without a name
        zipped = try_to(zip_with(tmp_path / "a.zip", [(zip_member(name), b"x")]))
        assert zipped["refused"] == "unsafe", zipped


def test_a_name_that_is_no_utf8() -> None:
    with pytest.raises(ArchiveRefused, match="strange characters"):
        safe_parts("caf\udce9.mp4")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "good.txt"),
        (tarfile.LNKTYPE, "good.txt"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.CONTTYPE + b"", ""),
        (tarfile.GNUTYPE_SPARSE, ""),
    ],
)
def test_links_and_devices_in_a_tar(
    try_to: Unpack, tmp_path: Path, kind: bytes, target: str
) -> None:
    reply = try_to(tar_with(tmp_path / "a.tgz", tar_member("evil", kind, target)))
    if kind == tarfile.CONTTYPE:
        assert reply["files"] == 2  # an old word for a plain file
    else:
        assert reply == {"refused": "unsafe", "detail": "`evil` is a link or device"}


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices_in_a_zip(try_to: Unpack, tmp_path: Path, mode: int) -> None:
    reply = try_to(zip_with(tmp_path / "a.zip", [(zip_member("evil", mode), b"/etc/passwd")]))
    assert reply == {"refused": "unsafe", "detail": "`evil` is a link or device"}
    assert not found(tmp_path / "box/out"), "the good member before it was written"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.mp4", "A.mp4"),
        ("a.mp4", "a.mp4"),
        ("a.mp4", "./a.mp4"),
        ("Set/a.mp4", "set/b.mp4"),
        ("straße.mp4", "STRASSE.mp4"),
        ("caf\u00e9.mp4", "cafe\u0301.mp4"),
        ("a", "a/b.mp4"),
        ("a/b.mp4", "a"),
    ],
)
def test_two_members_of_one_name(try_to: Unpack, tmp_path: Path, first: str, second: str) -> None:
    reply = try_to(tar_with(tmp_path / "a.tgz", tar_member(first), tar_member(second)))
    assert reply["refused"] == "unsafe"
    assert "two members claim the name" in reply["detail"]


def test_hidden_members_are_left_out(try_to: Unpack, tmp_path: Path) -> None:
    files: Mapping[str, bytes] = {
        "a.mp4": b"a", "._a.mp4": b"mac", "__MACOSX/a.mp4": b"mac", ".sign-etl/x.json": b"forged",
        "d/.hidden/b.mp4": b"b",
    }  # fmt: skip
    assert try_to(zip_of(tmp_path / "a.zip", files)) == {
        "files": 1, "size_bytes": 1, "hidden": 4,
    }  # fmt: skip
    assert found(tmp_path / "box/out") == {"a.mp4": b"a"}
    assert not (tmp_path / "box/out/.sign-etl").exists()


def test_nested_archives_stay_files(try_to: Unpack, tmp_path: Path) -> None:
    inner = zip_bomb(tmp_path / "inner.zip", 64 << 20).read_bytes()
    assert try_to(zip_of(tmp_path / "a.zip", {"inner.zip": inner}))["files"] == 1
    assert found(tmp_path / "box/out") == {"inner.zip": inner}


def test_a_zip_bomb_of_ten_gigabytes_is_refused_unread(try_to: Unpack, tmp_path: Path) -> None:
    # Ten gigabytes of zeros take a minute to pack. The table of contents is what is looked at
    # first, so it is made to say ten gigabytes.
    path = zip_bomb(tmp_path / "bomb.zip", 64 << 20)
    with zipfile.ZipFile(path, "a") as archive:
        first = archive.infolist()[0]
        first.file_size = 10 << 30
        archive._didModify = True  # type: ignore[attr-defined]
    assert path.stat().st_size < 100_000
    assert try_to(path)["refused"] == "too-large"
    assert not found(tmp_path / "box/out")


def test_bombs_in_tars_end_early(try_to: Unpack, tmp_path: Path) -> None:
    path = gzip_bomb(tmp_path / "bomb.tgz", 64 << 20)
    reply = try_to(path, free_bytes=1 << 20)
    assert reply == {
        "refused": "too-large",
        "detail": f"it unpacks to more than {100 * path.stat().st_size:,} bytes",
    }
    assert not found(tmp_path / "box/out")
    reply = try_to(header_bomb(tmp_path / "header.tgz", 64 << 20))
    assert reply == {"refused": "too-large", "detail": "a header of many megabytes"}


def test_a_size_that_lies(try_to: Unpack, tmp_path: Path) -> None:
    data = os.urandom(1000) + bytes(1 << 20)
    reply = try_to(lying_zip(tmp_path / "lie.zip", data, claimed=100))
    assert reply["refused"] == "damaged"
    sizes = [path.stat().st_size for path in (tmp_path / "box/out").rglob("*")]
    assert sum(sizes) <= 100


def test_a_hundred_thousand_members(try_to: Unpack, tmp_path: Path) -> None:
    path = zip_of_empty_files(tmp_path / "many.zip", 100_000)
    assert try_to(path, members=99_999) == {
        "refused": "too-large", "detail": "more than 99,999 members",
    }  # fmt: skip
    assert not found(tmp_path / "box/out")


def test_too_many_members_in_a_tar(try_to: Unpack, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "many.tgz", {f"{number}.jpg": b"x" for number in range(30)})
    assert try_to(path, members=20)["refused"] == "too-large"
    assert len(found(tmp_path / "box/out")) == 19  # and a folder

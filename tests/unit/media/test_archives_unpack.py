"""Unpacking: honest archives give their files, broken ones nothing but a reason."""

from __future__ import annotations

import bz2
import lzma
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from archives import (
    AES_ZIP,
    CRYPTO_ZIP,
    FILES,
    found,
    tar_of,
    zip_of,
    zip_of_nothing,
)

from sign_etl.core.errors import SignEtlError
from sign_etl.media.unpacking import ArchiveError, unpack

Unpack = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_tars(try_to: Unpack, tmp_path: Path, mode: str, form: int) -> None:
    files = {**FILES, f"{'long/' * 25}{'n' * 120}.txt": b"", "large.bin": os.urandom(1_200_000)}
    path = tar_of(tmp_path / "whatever.zip", files, mode, form)
    reply = try_to(path)
    assert reply == {"files": 5, "size_bytes": sum(map(len, files.values())), "hidden": 0}
    assert found(tmp_path / "box/out") == files


def test_zip_by_its_bytes_not_by_its_name(try_to: Unpack, tmp_path: Path) -> None:
    assert try_to(zip_of(tmp_path / "set.tar.gz"))["files"] == 3
    assert found(tmp_path / "box/out") == FILES


def test_parts_are_read_as_one(try_to: Unpack, tmp_path: Path) -> None:
    data = zip_of(tmp_path / "whole.zip").read_bytes()
    cuts = [0, 1, 700, len(data) - 5, len(data)]
    parts = [tmp_path / f"part.{number:03}" for number in range(4)]
    for part, begin, end in zip(parts, cuts, cuts[1:], strict=False):
        part.write_bytes(data[begin:end])
    assert try_to(*parts)["files"] == 3
    assert found(tmp_path / "box/out") == FILES


def test_sevenzip(try_to: Unpack, tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    path = tmp_path / "set.7z"
    files = {**FILES, "empty.txt": b""}
    with py7zr.SevenZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(data, name)
    assert try_to(path)["files"] == 4
    assert found(tmp_path / "box/out") == files


def test_sevenzip_with_password(try_to: Unpack, tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    path = tmp_path / "set.7z"
    with py7zr.SevenZipFile(path, "w", password="right") as archive:
        archive.writestr(b"secret" * 100, "a.txt")
    assert try_to(path)["refused"] == "password"
    assert try_to(path, password="wrong")["refused"] == "password"


def test_sevenzip_that_is_hostile(try_to: Unpack, tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "file").write_bytes(b"x")
    (linked / "link").symlink_to("file")
    path = tmp_path / "link.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.writeall(linked, "linked")
    assert try_to(path) == {
        "refused": "unsafe", "detail": "`linked/link` is a link or device",
    }  # fmt: skip
    path = tmp_path / "bomb.7z"
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.writestr(bytes(40 << 20), "zeros.mp4")
    assert try_to(path, free_bytes=1 << 20)["refused"] == "too-large"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert try_to(path)["refused"] == "damaged"
    path.write_bytes(whole[:100] + bytes(50) + whole[150:])
    assert try_to(path)["refused"] in ("damaged", "too-large")


@pytest.mark.parametrize("method", ["aes", "crypto"])
def test_zip_with_password(try_to: Unpack, tmp_path: Path, method: str) -> None:
    if method == "aes":
        pytest.importorskip("pyzipper")
    path = tmp_path / "set.zip"
    path.write_bytes(AES_ZIP if method == "aes" else CRYPTO_ZIP)
    assert try_to(path) == {"refused": "password", "detail": "it needs a password"}
    reply = try_to(path, password="wrong")
    assert reply["refused"] == "password"
    out = tmp_path / "box/out"
    assert try_to(path, password="right")["files"] == 1
    assert found(out) == {"a.txt": b"secret" * 100}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_archives_that_break_off(try_to: Unpack, tmp_path: Path, kind: str, share: float) -> None:
    files = {f"{number}.mp4": os.urandom(5000) for number in range(10)}
    mode = {"tar": "w", "tar.gz": "w:gz", "tar.bz2": "w:bz2", "tar.xz": "w:xz"}
    path = tmp_path / f"a.{kind}"
    path = zip_of(path, files) if kind == "zip" else tar_of(path, files, mode[kind])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert try_to(path)["refused"] in ("damaged", "no-archive")


def test_a_tar_that_breaks_off_between_two_members(try_to: Unpack, tmp_path: Path) -> None:
    path = tar_of(tmp_path / "a.tar", {"a": b"a" * 512, "b": b"b" * 512}, "w")
    path.write_bytes(path.read_bytes()[: 512 + 1024])
    assert try_to(path) == {"refused": "damaged", "detail": "it breaks off"}


def test_bytes_that_are_wrong(try_to: Unpack, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"a.bin": os.urandom(5000)})
    data = bytearray(path.read_bytes())
    data[2000] ^= 0xFF
    path.write_bytes(data)
    assert try_to(path)["refused"] == "damaged"


@pytest.mark.parametrize(
    ("data", "kind", "detail"),
    [
        (b"<!DOCTYPE html><html>log in", "no-archive", "html"),
        (b"", "no-archive", "empty"),
        (b'{"error": 1}', "no-archive", "json"),
        (b"Rar!\x1a\x07\x00" + bytes(100), "unsupported", "rar"),
        (bz2.compress(b"no tar"), "no-archive", "no tar inside"),
        (lzma.compress(b"no tar"), "no-archive", "no tar inside"),
        (zip_of_nothing(), "damaged", "it holds no file"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(100), "damaged", "it cannot be read to its end"),
    ],
)
def test_what_is_no_archive(
    try_to: Unpack, tmp_path: Path, data: bytes, kind: str, detail: str
) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    assert try_to(path) == {"refused": kind, "detail": detail}


def test_no_room_is_known_before_the_first_byte(
    try_to: Unpack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    assert try_to(zip_of(tmp_path / "a.zip")) == {"no_space": True}
    assert not found(tmp_path / "box/out")


def test_the_guarded_child_unpacks(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    facts = unpack([zip_of(tmp_path / "a.zip")], out, name="a.zip")
    assert facts == {"files": 3, "size_bytes": sum(map(len, FILES.values()))}
    assert found(out) == FILES
    (tmp_path / "b.zip").write_bytes(b"<html>")
    with pytest.raises(ArchiveError, match=r"cannot unpack `b\.zip`: html") as caught:
        unpack([tmp_path / "b.zip"], out, name="b.zip")
    assert caught.value.exit_code == 3
    assert caught.value.hint


@pytest.mark.parametrize("package", ["py7zr", "pyzipper"])
def test_missing_packages_are_named(tmp_path: Path, package: str) -> None:
    """Through the child, in which the package cannot be imported."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / f"{package}.py").write_text("raise ImportError('not here')")
    path = tmp_path / "a"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100) if package == "py7zr" else AES_ZIP)
    out = tmp_path / "out"
    out.mkdir()
    import sys

    sys.path.insert(0, str(hidden))  # the child gets our path
    try:
        with pytest.raises(SignEtlError, match="needs the `archives` extra") as caught:
            unpack([path], out, name="a")
    finally:
        sys.path.remove(str(hidden))
    assert caught.value.exit_code == 3
    assert caught.value.hint == "pip install 'sign-etl[archives]'"

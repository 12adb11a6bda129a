"""Files of a user's copy are found under the names that they have there, and never outside."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sign_etl.core.errors import UsageError
from sign_etl.core.folder_index import FolderIndex


def filled(root: Path, *names: str) -> FolderIndex:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return FolderIndex(root)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read everything, so the test looks at a closed folder as somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_exact_path_first(tmp_path: Path) -> None:
    index = filled(tmp_path, "a.mp4", "deep/a.mp4")
    assert index.find(["a.mp4"]) == tmp_path / "a.mp4"
    assert index.find(["deep/a.mp4"]) == tmp_path / "deep" / "a.mp4"


@pytest.mark.parametrize("name", ["-0aBc_dEf12.webm", "-0aBc_dEf12.MOV", "raw/-0aBc_dEf12.mkv"])
def test_any_media_extension_and_a_leading_hyphen(tmp_path: Path, name: str) -> None:
    assert filled(tmp_path, name).find(["-0aBc_dEf12"]) == tmp_path / name


def test_the_likeliest_extension_wins(tmp_path: Path) -> None:
    index = filled(tmp_path, "45959.swf", "45959.mp4", "45959.txt")
    assert index.find(["45959"]) == tmp_path / "45959.mp4"


def test_other_extensions_are_no_media(tmp_path: Path) -> None:
    index = filled(tmp_path, "a.json", "b.mp4", ".hidden.mp4", "._b.mp4", ".cache/c.mp4")
    assert index.find(["a"]) is None
    assert index.files() == ["a.json", "b.mp4"]
    assert index.media() == ["b.mp4"]


def test_a_name_below_must_be_unique(tmp_path: Path) -> None:
    index = filled(tmp_path, "x/a.mp4", "y/a.mp4", "y/z/b.mp4")
    assert index.find(["a.mp4"]) is None
    assert index.find(["a"]) is None
    assert index.find(["x/a"]) == tmp_path / "x" / "a.mp4"
    assert index.find(["z/b"]) == tmp_path / "y" / "z" / "b.mp4"
    assert index.find(["a", "b"]) == tmp_path / "y" / "z" / "b.mp4"


def test_composed_and_decomposed_accents_are_one(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "ščítať.mp4")
    index = filled(tmp_path, decomposed)
    assert index.find([unicodedata.normalize("NFC", "ščítať.mp4")]) == tmp_path / decomposed


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_bytes(b"x")
    root = tmp_path / "root"
    filled(root, "real.mp4")
    (root / "link.mp4").symlink_to(outside / "secret.mp4")
    (root / "folder").symlink_to(outside, target_is_directory=True)
    (root / "alias.mp4").symlink_to(root / "real.mp4")
    (root / "loop.mp4").symlink_to(root / "loop.mp4")
    (root / "broken.mp4").symlink_to(root / "absent.mp4")
    index = FolderIndex(root)
    assert index.files() == ["alias.mp4", "real.mp4"]
    assert index.find(["secret", "link", "folder/secret.mp4", "../outside/secret.mp4"]) is None


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    filled(tmp_path / "real", "a.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert FolderIndex(tmp_path / "link").find(["a"]) == tmp_path / "link" / "a.mp4"


def test_missing_folder_and_file_instead_of_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        FolderIndex(tmp_path / "absent")
    (tmp_path / "file.mp4").write_bytes(b"x")
    with pytest.raises(UsageError, match="is no folder") as caught:
        FolderIndex(tmp_path / "file.mp4")
    assert "--media" in (caught.value.hint or "")


def test_unreadable_folder(tmp_path: Path) -> None:
    filled(tmp_path, "closed/a.mp4")
    for folder in (tmp_path, *tmp_path.parents):  # others must be able to come this far
        if folder.owner() == "root" and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    (tmp_path / "closed").chmod(0o000)
    try:
        with as_nobody(), pytest.raises(UsageError, match="permission denied") as caught:
            FolderIndex(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o755)
    assert "closed" in caught.value.message


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    try:
        with open(os.fsencode(tmp_path) + b"/\xff.mp4", "wb"):
            pass
    except OSError:
        pytest.skip("this file system refuses such names itself")
    with pytest.raises(UsageError, match=r"no UTF-8") as caught:
        FolderIndex(tmp_path)
    assert "rename" in (caught.value.hint or "")

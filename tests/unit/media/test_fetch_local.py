"""Files that are already there: found by the recipe's names, never copied."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

import pytest
from fetching import words

from sign_etl.core.errors import UsageError
from sign_etl.media.fetched import Fetched
from sign_etl.media.local import MediaFolder
from sign_etl.schema.clip import Source

CLIP = b"\x00\x00\x00\x18ftypisom" + bytes(range(200))


def put(folder: Path, name: str, content: bytes = CLIP) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        ("a.mp4", "a.mp4"),
        ("-a.mp4", "-a.mp4"),
        ("--help", "--help"),
        ("69241.mp4", "69241"),
        ("x/y/69241.MKV", "69241"),
        ("Α.mp4", "Α.mp4"),
        (unicodedata.normalize("NFD", "höra.mp4"), unicodedata.normalize("NFC", "höra.mp4")),
        (unicodedata.normalize("NFC", "höra.mp4"), unicodedata.normalize("NFD", "höra")),
    ],
)
def test_a_file_is_used_where_it_lies(tmp_path: Path, on_disk: str, name: str) -> None:
    path = put(tmp_path, on_disk)
    found = MediaFolder(tmp_path).fetch(Source("1", names=("other.mp4", name)))
    assert found == Fetched(path, hashlib.sha256(CLIP).hexdigest(), len(CLIP), "mp4")
    assert found.path.is_absolute()


def test_a_relative_folder_gives_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "-media", "-a.mp4")
    monkeypatch.chdir(tmp_path)
    path = MediaFolder(Path("-media")).find(Source("1", names=("-a",)))
    assert path == tmp_path / "-media" / "-a.mp4"


@pytest.mark.parametrize("names", [(), ("b.mp4",), ("A.mp4",), ("../secret.mp4",), ("two.mp4",)])
def test_what_is_not_there(tmp_path: Path, names: tuple[str, ...]) -> None:
    put(tmp_path, "secret.mp4")
    for name in ("a.mp4", "x/two.mp4", "y/two.mp4"):
        put(tmp_path / "media", name)
    (tmp_path / "media" / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    folder = MediaFolder(tmp_path / "media")
    assert words(folder.fetch(Source("1", names=names))) == ("media-missing", "")
    assert folder.find(Source("2", names=("link.mp4",))) is None


@pytest.mark.parametrize(
    ("content", "detail"),
    [(b"#EXTM3U\nother.ts\n", "playlist"), (b"", "empty"), (b"<html>", "html")],
)
def test_what_is_no_video(tmp_path: Path, content: bytes, detail: str) -> None:
    put(tmp_path, "a.mp4", content)
    found = MediaFolder(tmp_path).fetch(Source("1", names=("a.mp4",)))
    assert words(found) == ("not-media", detail)


def test_a_file_that_went_away_after_the_scan(tmp_path: Path) -> None:
    path = put(tmp_path, "a.mp4")
    folder = MediaFolder(tmp_path)
    path.unlink()
    assert words(folder.fetch(Source("1", names=("a.mp4",)))) == ("media-missing", "")
    path.mkdir()
    assert words(folder.fetch(Source("1", names=("a.mp4",)))) == (
        "media-missing",
        "file cannot be read",
    )


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere") as caught:
        MediaFolder(tmp_path / "nowhere")
    assert caught.value.hint
    with pytest.raises(UsageError):
        MediaFolder(put(tmp_path, "a.mp4"))

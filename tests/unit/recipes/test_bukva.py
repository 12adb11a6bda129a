"""The Bukva recipe: whole and cut videos lie side by side and must not be taken for each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import UsageError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.bukva import RECIPE
from sign_etl.schema.clip import Clip

HEADER = "attachment_id\tuser_id\ttext\tbegin\tend\theight\twidth\ttrain\tlength"


def folder_of(folder: Path, *files: str) -> Path:
    row = "df5b08f0-aa\tuser-1\tЁ\t36\t75\t1920\t1080\tFalse\t150"
    (folder / "annotations.tsv").write_text(f"{HEADER}\n{row}\n")
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def one(folder: Path, **options: Any) -> Clip:
    made = RECIPE.options({"media": folder, **options})
    (clip,) = RECIPE.clips(folder, made, "bukva")
    return clip


BOTH = ("original/df5b08f0-aa.mp4", "trimmed/df5b08f0-aa.mp4")


def test_the_cut_video_is_taken_where_there_are_both(tmp_path: Path) -> None:
    clip = one(folder_of(tmp_path, *BOTH))
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (0.0, None, None)
    assert clip.source.trimmed
    assert clip.source.names == ("trimmed/df5b08f0-aa.mp4",)
    assert (clip.label, clip.split, clip.signer) == ("Ё", "test", "user-1")
    assert (clip.extra["begin"], clip.extra["length"]) == ("36", "150")


def test_the_whole_video_on_demand(tmp_path: Path) -> None:
    clip = one(folder_of(tmp_path, *BOTH), media_kind="raw")
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (1.2, 2.5, 30.0)
    assert clip.source.names == ("original/df5b08f0-aa.mp4",)
    assert one(tmp_path, media_kind="raw", fps=15).start_s == 2.4
    assert clip.key == one(tmp_path).key


def test_whole_videos_alone_are_known_by_their_folder(tmp_path: Path) -> None:
    assert one(folder_of(tmp_path, BOTH[0])).end_s == 2.5


def test_a_missing_cut_video_is_not_replaced_by_the_whole_one(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, BOTH[0], "trimmed/other.mp4")
    assert FolderIndex(folder).find(one(folder).source.names) is None


def test_files_without_these_folders(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, "df5b08f0-aa.mp4")
    with pytest.raises(UsageError, match="already cut") as caught:
        one(folder)
    assert "--media-kind" in (caught.value.hint or "")
    clip = one(folder, media_kind="trimmed")
    assert FolderIndex(folder).find(clip.source.names) == folder / "df5b08f0-aa.mp4"


def test_the_folder_itself_may_be_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, *BOTH)
    clip = one(folder / "original", annotations=folder / "annotations.tsv")
    assert clip.end_s == 2.5
    found = FolderIndex(folder / "original").find(clip.source.names)
    assert found == folder / "original" / "df5b08f0-aa.mp4"


def test_before_the_download_the_cut_videos_are_meant() -> None:
    (archive,) = RECIPE.archives(RECIPE.options({}))
    assert archive.urls[0].endswith("/bukva/bukva.zip")

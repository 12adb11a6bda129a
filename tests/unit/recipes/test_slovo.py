"""The Slovo recipe: cut and whole videos, the clips without a sign, the table it shares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.slovo import RECIPE
from sign_etl.schema.clip import Clip

CUT_HEADER = "attachment_id\ttext\tuser_id\theight\twidth\tlength\ttrain"
FULL_HEADER = f"{CUT_HEADER}\tbegin\tend"
ROW = "de81cc1c-aa\tпривет!\tuser-1\t1920\t1440\t50\tTrue"


def table(folder: Path, *rows: str, header: str = FULL_HEADER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "annotations.csv").write_text("\n".join((header, *rows, "")))
    return folder / "annotations.csv"


def clips_of(path: Path, **options: Any) -> list[Clip]:
    made = RECIPE.options({"annotations": path, **options})
    return list(RECIPE.clips(path.parent, made, "slovo"))


def media(folder: Path, *files: str) -> Path:
    for file in files:
        path = folder / "media" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder / "media"


def test_a_cut_clip_is_all_of_its_file(tmp_path: Path) -> None:
    (clip,) = clips_of(table(tmp_path, ROW, header=CUT_HEADER))
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (0.0, None, None)
    assert clip.source.trimmed
    assert (clip.label, clip.signer, clip.split) == ("привет!", "user-1", "train")
    assert clip.language == "rsl"
    assert clip.source.names[0] == "slovo/train/de81cc1c-aa.mp4"
    assert clip.extra == {"height": "1920", "width": "1440", "length": "50"}


def test_begin_and_end_mean_nothing_for_cut_files(tmp_path: Path) -> None:
    (clip,) = clips_of(table(tmp_path, f"{ROW}\t30\t45"))
    assert (clip.start_s, clip.end_s) == (0.0, None)
    assert (clip.extra["begin"], clip.extra["end"]) == ("30", "45")


def test_a_whole_video_is_cut_at_its_frames(tmp_path: Path) -> None:
    path = table(tmp_path, f"{ROW}\t30\t45")
    (clip,) = clips_of(path, archive="slovo_full")
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (1.0, 1.5, 30.0)
    assert not clip.source.trimmed
    assert clip.source.names[0] == "slovo_full/train/de81cc1c-aa.mp4"
    (slow,) = clips_of(path, archive="slovo_full360", fps=15)
    assert (slow.start_s, slow.end_s, slow.declared_fps) == (2.0, 3.0, 15.0)
    assert clip.key == slow.key == clips_of(path)[0].key, "the same sign in each copy"


@pytest.mark.parametrize(
    ("options", "file", "whole"),
    [
        ({}, "slovo/train/a.mp4", False),
        ({}, "train/a.mp4", False),
        ({}, "slovo_full/train/a.mp4", True),
        ({}, "slovo_full360/train/a.mp4", True),
        ({"media_kind": "raw"}, "train/a.mp4", True),
        ({"media_kind": "trimmed"}, "slovo_full/train/a.mp4", False),
        ({"archive": "slovo"}, "slovo_full/train/a.mp4", False),
    ],
)
def test_which_copy_is_in_the_folder(
    tmp_path: Path, options: dict[str, Any], file: str, whole: bool
) -> None:
    path = table(tmp_path, f"{ROW}\t30\t45")
    (clip,) = clips_of(path, media=media(tmp_path, file), **options)
    assert (clip.end_s is not None) == whole


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "slovo"),
        ({"media_kind": "raw"}, "slovo_full"),
        ({"archive": "slovo_full360"}, "slovo_full360"),
        ({"archive": "slovo_full360", "media_kind": "raw"}, "slovo_full360"),
    ],
)
def test_which_archive_is_downloaded(options: dict[str, Any], name: str) -> None:
    (archive,) = RECIPE.archives(RECIPE.options(options))
    assert archive.urls[0].endswith(f"/slovo/{name}.zip")


def test_clips_without_a_sign(tmp_path: Path) -> None:
    rows = (f"{ROW}\t30\t45", "b\tno_event\tuser-2\t1920\t1440\t50\tFalse\t0\t45")
    path = table(tmp_path, *rows)
    assert [clip.label for clip in clips_of(path)] == ["привет!", "no_event"]
    assert [clip.split for clip in clips_of(path)] == ["train", "test"]
    assert [clip.label for clip in clips_of(path, no_event="drop")] == ["привет!"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\tда\tu\t1\t1\t9\tmaybe\t3\t5", "row 2: `train` is `maybe`"),
        ("a\tда\tu\t1\t1\t9\tTrue\t5\t5", "row 2: begins at"),
        ("a\tда\tu\t1\t1\t9\tTrue\t\t5", "row 2: `begin` is empty"),
        ("a\t\tu\t1\t1\t9\tTrue\t3\t5", "row 2: `text` is empty"),
        ("a\tда\tu\t1\t1\t9\tTrue\t3", "row 2 has 8 cells"),
        (f"{ROW}\t3\t5\n{ROW}\t3\t5", "duplicate clip id `de81cc1c-aa`"),
    ],
)
def test_a_row_that_is_wrong(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(table(tmp_path, row), archive="slovo_full")


def test_the_table_of_the_cut_videos_cannot_cut_whole_ones(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no column `begin`"):
        clips_of(table(tmp_path, ROW, header=CUT_HEADER), archive="slovo_full")


def test_commas_are_no_tabs(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no column `attachment_id`"):
        clips_of(table(tmp_path, ROW.replace("\t", ","), header=CUT_HEADER.replace("\t", ",")))

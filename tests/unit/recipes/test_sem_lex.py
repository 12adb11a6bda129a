"""The Sem-Lex recipe: rows that repeat, videos with several labels, one row without a label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.sem_lex import RECIPE
from sign_etl.schema.clip import Clip

HEADER = ",video_id,signer_id,duration,split,label_type,label,Handshape"


def folder_of(folder: Path, *rows: str, header: str = HEADER) -> Path:
    (folder / "semlex_metadata.csv").write_text("\n".join((header, *rows, "")))
    return folder


def clips_of(folder: Path, **options: Any) -> list[Clip]:
    return list(RECIPE.clips(folder, RECIPE.options({"media": folder, **options}), "sem-lex"))


def test_a_clip(tmp_path: Path) -> None:
    (clip,) = clips_of(folder_of(tmp_path, "7,Ab0,12,1.5,val,asllex,think_chin,1"))
    assert (clip.annotation_id, clip.label, clip.signer) == ("Ab0", "think_chin", "12")
    assert (clip.split, clip.language) == ("val", "ase")
    assert clip.source.names == ("val/Ab0.webm", "Ab0.webm")
    assert clip.extra == {"duration": "1.5", "label_type": "asllex", "Handshape": "1"}


def test_a_row_that_says_nothing_new_is_no_clip(tmp_path: Path) -> None:
    row = "7,Ab0,12,1.5,train,asllex,30_minute"
    assert len(clips_of(folder_of(tmp_path, f"{row} ,1", f"{row},1", f"8{row[1:]},1"))) == 1


def test_a_video_with_two_labels_is_two_clips_of_one_source(tmp_path: Path) -> None:
    rows = ("0,Ab0,12,1.5,train,freetext,half an hour,", "0,Ab0,12,1.5,train,asllex,30_minute,1")
    clips = clips_of(folder_of(tmp_path, *rows))
    assert [clip.annotation_id for clip in clips] == ["Ab0", "Ab0#2"]
    assert clips[0].source == clips[1].source
    chosen = clips_of(tmp_path, label_type="asllex")
    assert chosen == [clips[1]], "its id does not depend on the choice"


def test_a_video_in_two_splits_has_one_source(tmp_path: Path) -> None:
    rows = ("0,Ab0,12,1.5,train,asllex,30_minute,1", "1,Ab0,12,1.5,test,asllex,30_minute,1")
    clips = clips_of(folder_of(tmp_path, *rows))
    assert [clip.split for clip in clips] == ["train", "test"]
    assert clips[0].source == clips[1].source
    assert clips[0].source.names == ("train/Ab0.webm", "test/Ab0.webm", "Ab0.webm")


def test_rows_without_a_label_are_left_out(tmp_path: Path) -> None:
    rows = (
        "0,AjczHbfK9Z6v83rQDcuE,,,train,,na,",
        "1,Bc1,12,1.5,train,,,",
        "2,Cd2,12,1.5,train,freetext,banana,",
    )
    assert [clip.label for clip in clips_of(folder_of(tmp_path, *rows))] == ["banana"]


def test_blanks_and_commas_in_labels(tmp_path: Path) -> None:
    rows = (
        '0,Ab0,12,1.5,train,asllex,"release, rescue ",1',
        "1,Bc1,12,1.5,train,freetext, last year,",
    )
    labels = [clip.label for clip in clips_of(folder_of(tmp_path, *rows))]
    assert labels == ["release, rescue", "last year"]


def test_a_numbered_first_column_is_no_id(tmp_path: Path) -> None:
    rows = ("0,Ab0,12,1.5,train,asllex,a,1", "0,Bc1,12,1.5,train,asllex,b,1")
    clips = clips_of(folder_of(tmp_path, *rows, header=f"id{HEADER}"))
    assert [clip.annotation_id for clip in clips] == ["Ab0", "Bc1"]
    assert all("id" not in clip.extra for clip in clips)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("0,Ab0,12,1.5,dev,asllex,a,1", "row 2: `split` is `dev`"),
        ("0,,12,1.5,train,asllex,a,1", "row 2: `video_id` is empty"),
        ("0,Ab0,12,1.5,train,asllex,a", "row 2 has 7 cells"),
    ],
)
def test_a_row_that_is_wrong(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(folder_of(tmp_path, row))


def test_another_table(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no column `video_id`"):
        clips_of(folder_of(tmp_path, "a,b", header="file,label"))


def test_the_form_comes_first() -> None:
    assert RECIPE.card.access == "form"
    assert RECIPE.archives(RECIPE.options({})) == ()
    assert "terms of use" in RECIPE.card.how_to

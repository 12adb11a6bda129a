"""The ASL Citizen recipe: the table says the gloss, never the file name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.asl_citizen import ARCHIVE_URL, RECIPE
from sign_etl.schema.clip import Clip

HEADER = "Participant ID,Video file,Gloss,ASL-LEX Code"


def folder_of(folder: Path, train: str, header: str = HEADER) -> Path:
    splits = folder / "ASL_Citizen" / "splits"
    splits.mkdir(parents=True)
    for split, row in (("train", train), ("val", "P2,b.mp4,B,"), ("test", "P3,c.mp4,C,C_01_001")):
        (splits / f"{split}.csv").write_text(f"{header}\r\n{row}\r\n")
    return folder


def clips_of(folder: Path, **options: Any) -> list[Clip]:
    return list(RECIPE.clips(folder, RECIPE.options({"media": folder, **options}), "asl-citizen"))


def test_the_gloss_is_that_of_the_table(tmp_path: Path) -> None:
    clips = clips_of(folder_of(tmp_path, "P46,11562742429028061-REMEMBER.mp4,REMEMBER2,C_02_014"))
    assert [clip.split for clip in clips] == ["train", "val", "test"]
    clip = clips[0]
    assert (clip.label, clip.gloss, clip.signer) == ("REMEMBER2", "REMEMBER2", "P46")
    assert clip.extra == {"asl_lex_code": "C_02_014"}
    assert clip.source.names[0] == "videos/11562742429028061-REMEMBER.mp4"
    assert clips[1].extra == {}, "a blank code is none"


def test_the_file_with_dots_in_its_name(tmp_path: Path) -> None:
    clip = clips_of(folder_of(tmp_path, "P1,4.7299129501965353e-7-seedSOUR.mp4,SOUR,B_02_002"))[0]
    assert clip.annotation_id == "4.7299129501965353e-7-seedSOUR"
    assert clip.source.id == "4.7299129501965353e-7-seedSOUR.mp4"
    assert "." not in clip.key


def test_blanks_around_a_gloss_and_commas_in_one(tmp_path: Path) -> None:
    row = 'P1,a.mp4, SOUR ,B\r\nP1,d.mp4,"ONE, TWO",B'
    clips = clips_of(folder_of(tmp_path, row))
    assert [clip.label for clip in clips[:2]] == ["SOUR", "ONE, TWO"]


def test_a_file_that_stands_twice_is_one_source_of_two_clips(tmp_path: Path) -> None:
    clips = clips_of(folder_of(tmp_path, "P1,b.mp4,B,"))
    assert [clip.annotation_id for clip in clips] == ["b", "b#2", "c"]
    assert clips[0].source == clips[1].source
    assert clips[0].key != clips[1].key


@pytest.mark.parametrize("lost", ["train", "val", "test"])
def test_an_archive_without_one_of_its_tables(tmp_path: Path, lost: str) -> None:
    folder = folder_of(tmp_path, "P1,a.mp4,A,")
    (folder / "ASL_Citizen" / "splits" / f"{lost}.csv").unlink()
    with pytest.raises(AnnotationError, match=rf"looked for {lost}\.csv"):
        clips_of(folder)


def test_tables_given_by_the_user_may_be_fewer(tmp_path: Path) -> None:
    splits = folder_of(tmp_path, "P1,a.mp4,A,") / "ASL_Citizen" / "splits"
    (splits / "val.csv").unlink()
    assert [clip.split for clip in clips_of(tmp_path, annotations=splits)] == ["train", "test"]


def test_a_table_without_the_gloss(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no column `Gloss`"):
        clips_of(folder_of(tmp_path, "P1,a.mp4,A,", header="Participant ID,Video file,Sign,Code"))


def test_a_row_without_a_signer(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"train\.csv: row 2: `Participant ID` is empty"):
        clips_of(folder_of(tmp_path, ",a.mp4,A,"))


def test_one_archive_and_terms_to_accept() -> None:
    (archive,) = RECIPE.archives(RECIPE.options({}))
    assert archive.urls == (ARCHIVE_URL,)
    assert "https://" in RECIPE.card.terms

"""The BosphorusSign22k recipe: names of videos, the held out signer, names that come twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.bosphorus22k import COLUMNS, RECIPE
from sign_etl.schema.clip import Clip

HEADER = ",".join(COLUMNS)


def index(folder: Path, *rows: str, name: str = "BosphorusSign22k.csv") -> Path:
    path = folder / name
    path.write_text("\n".join((HEADER, *rows, "")), encoding="utf-8")
    return path


def clips_of(path: Path, **options: Any) -> list[Clip]:
    mine = RECIPE.options({"annotations": path, **options})
    return list(RECIPE.clips(path.parent, mine, "bosphorus22k"))


def test_a_row_is_a_video(tmp_path: Path) -> None:
    [clip] = clips_of(index(tmp_path, "2,12,ağrı,pain,User_2,7"))
    assert clip.source.names == ("0012/User_2_007.mp4",)
    assert (clip.label, clip.gloss, clip.signer) == ("ağrı", "ağrı", "User_2")
    assert (clip.language, clip.split) == ("tsm", "train")
    assert clip.extra == {
        "class_id": "12",
        "english": "pain",
        "repetition": "7",
        "subset_id": "2",
    }


def test_one_signer_is_the_test(tmp_path: Path) -> None:
    rows = [f"1,1,acil,emergency,User_{number},1" for number in range(2, 8)]
    splits = {clip.signer: clip.split for clip in clips_of(index(tmp_path, *rows))}
    assert [signer for signer, split in splits.items() if split == "test"] == ["User_4"]
    assert set(splits.values()) == {"train", "test"}


def test_class_ids_follow_class_numbers_and_one_name_is_one_class(tmp_path: Path) -> None:
    path = index(
        tmp_path,
        "1,30,ağrı,pain,User_2,1",
        "1,9,zaman,time,User_2,1",
        "1,100,acil,emergency,User_2,1",
        "2,700,zaman,time,User_2,1",
    )
    assert RECIPE.labels(tmp_path, RECIPE.options({"annotations": path})) == [
        "zaman",
        "ağrı",
        "acil",
    ]
    clips = clips_of(path)
    assert len({clip.key for clip in clips}) == 4
    assert [clip.extra["class_id"] for clip in clips if clip.label == "zaman"] == ["9", "700"]


def test_whole_numbers_with_a_point(tmp_path: Path) -> None:
    [clip] = clips_of(index(tmp_path, "2,12.0,ağrı,,User_2,7.0"))
    assert clip.annotation_id == "0012/User_2_007"
    assert "english" not in clip.extra


def test_the_list_may_have_any_name_or_be_in_a_folder(tmp_path: Path) -> None:
    row = "1,1,acil,emergency,User_4,1"
    assert len(clips_of(index(tmp_path, row, name="mine.csv"))) == 1
    (tmp_path / "mine.csv").unlink()
    index(tmp_path, row)
    assert len(clips_of(tmp_path)) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,x,acil,emergency,User_2,1", "row 2: `ClassID` is `x`"),
        ("1,1,,emergency,User_2,1", "row 2: `ClassName_tr` is empty"),
        ("1,1,acil,emergency,,1", "row 2: `UserID` is empty"),
    ],
)
def test_broken_rows_are_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(index(tmp_path, row))


def test_a_video_that_stands_twice_is_refused(tmp_path: Path) -> None:
    row = "1,1,acil,emergency,User_2,1"
    with pytest.raises(AnnotationError, match="duplicate clip id `0001/User_2_001`"):
        clips_of(index(tmp_path, row, row))


def test_a_list_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("ClassID,ClassName_tr\n1,acil\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match="no column `ClassName_eng`"):
        clips_of(path)

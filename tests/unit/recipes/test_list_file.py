"""Lists of videos: tabs, blanks, paths with blanks, third columns, frames, names of classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.base import RECIPES
from sign_etl.schema.clip import Clip

RECIPE = RECIPES.get("list-file")


def clips(root: Path, lists: dict[str, str], **options: Any) -> list[Clip]:
    for name, text in lists.items():
        (root / name).write_text(text, encoding="utf-8")
    made = RECIPE.options({"annotations": root, **options})
    return list(RECIPE.clips(root, made, "mine"))


def test_the_label_stands_last_behind_tab_or_blank(tmp_path: Path) -> None:
    text = "01/a b.mp4 3\nc\t7\n/data/gsl/d.mp4 0 120\n./e.avi\t2\t5\n\n  \n-f.mp4 1\n"
    found = clips(tmp_path, {"train.csv": text})
    assert [(clip.source.id, clip.label) for clip in found] == [
        ("01/a b.mp4", "3"),
        ("c", "7"),
        ("data/gsl/d.mp4", "0"),
        ("e.avi", "2"),
        ("-f.mp4", "1"),
    ]
    assert [clip.extra for clip in found] == [{}, {}, {"column_3": "120"}, {"column_3": "5"}, {}]
    assert all(clip.source.trimmed for clip in found)


def test_splits_are_words_of_the_names(tmp_path: Path) -> None:
    names = {
        "KARSL-100_01-02-train.txt": "train",
        "AUTSL_trainVal.csv": "train",
        "val.csv": "val",
        "SI_03-test.list": "test",
    }
    found = clips(tmp_path, {name: f"{number}.mp4 0\n" for number, name in enumerate(names)})
    assert {clip.annotation_id.partition("/")[0]: clip.split for clip in found} == {
        Path(name).stem: split for name, split in names.items()
    }
    (tmp_path / "README.txt").write_text("no list", encoding="utf-8")
    assert len(clips(tmp_path, {})) == 4
    one = RECIPE.options({"annotations": tmp_path / "val.csv"})
    assert [clip.split for clip in RECIPE.clips(tmp_path, one, "mine")] == ["val"]


def test_one_clip_in_two_lists_has_two_ids(tmp_path: Path) -> None:
    found = clips(tmp_path, {"train.csv": "a.mp4 0\n", "test.csv": "a.mp4 0\n"})
    assert len({clip.key for clip in found}) == 2
    assert len({clip.source.id for clip in found}) == 1


def test_folders_of_frames(tmp_path: Path) -> None:
    found = clips(tmp_path, {"train.txt": "01/a.mp4\t0\n02/b\t1\n"}, frames_fps=30)
    assert [(clip.source.id, clip.source.frames_fps) for clip in found] == [
        ("01/a", 30),
        ("02/b", 30),
    ]


def test_labels_count_in_numbers_or_have_names(tmp_path: Path) -> None:
    lists = {"train.csv": "a.mp4 0\nb.mp4 10\n"}
    found = clips(tmp_path, lists)
    assert [clip.label for clip in found] == ["0", "10"]
    made = RECIPE.options({"annotations": tmp_path})
    assert RECIPE.labels(tmp_path, made) == [str(number) for number in range(11)]
    (tmp_path / "words.txt").write_text("\n".join("abcdefghijk"), encoding="utf-8")
    assert [clip.label for clip in clips(tmp_path, lists, names="words.txt")] == ["a", "k"]
    (tmp_path / "words.txt").write_text("1\tno\n0\tyes it is\n", encoding="utf-8")
    made = RECIPE.options({"annotations": tmp_path, "names": "words.txt"})
    assert RECIPE.labels(tmp_path, made) == ["yes it is", "no"]
    with pytest.raises(AnnotationError, match=r"line 2 class 10 has no name"):
        clips(tmp_path, lists, names="words.txt")
    (tmp_path / "words.txt").write_text("1\tno\n2\tyes\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match="number the classes from 0"):
        clips(tmp_path, lists, names="words.txt")


@pytest.mark.parametrize("line", ["a.mp4", "a.mp4 x", "a.mp4\tx", "3", "../a.mp4 0", "a/../../b 1"])
def test_lines_that_are_none(tmp_path: Path, line: str) -> None:
    with pytest.raises(AnnotationError, match=r"train\.csv: line 2 "):
        clips(tmp_path, {"train.csv": f"ok.mp4 0\n{line}\n"})


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="stands here twice"):
        clips(tmp_path, {"train.csv": "a.mp4 0\na.mp4 0\n"})
    with pytest.raises(UsageError, match="needs a list"):
        list(RECIPE.clips(tmp_path, RECIPE.options({}), "mine"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no list in"):
        clips(tmp_path / "empty", {})

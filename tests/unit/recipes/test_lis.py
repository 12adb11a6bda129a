"""Uni-Sign-LIS: lists, tables without header, the two spellings of a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError, MissingExtraError
from sign_etl.recipes.lis import CROP, RECIPE
from sign_etl.schema.clip import Clip


def clips_of(annotations: Path, **options: Any) -> list[Clip]:
    read = RECIPE.options({"annotations": annotations, **options})
    return list(RECIPE.clips(annotations / "none", read, "lis"))


def labels(folder: Path, name: str, *stems: str) -> Path:
    path = folder / name
    entries = [{"video": f"{s}.mp4", "pose": f"{s}.pkl", "text": f"È {s}"} for s in stems]
    path.write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return path


def workbook(folder: Path, date: str, rows: list[list[str | None]]) -> Path:
    openpyxl = pytest.importorskip("openpyxl", reason="reading .xlsx needs the extra `xlsx`")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    folder.mkdir(parents=True, exist_ok=True)
    book.save(folder / f"{date}.xlsx")
    return folder / f"{date}.xlsx"


def test_the_public_sample(tmp_path: Path) -> None:
    first, second = clips_of(labels(tmp_path, "LIS_Labels.json", "12_10_2023_0", "12_10_2023_47"))
    assert (first.split, first.text, first.language) == ("", "È 12_10_2023_0", "ise")
    assert first.extra == {"pose": "12_10_2023_0.pkl", "date": "12_10_2023"}
    assert "rgb_format/12_10_2023_0.mp4" in first.source.names
    assert "rgb_format/12_10_2023/0.mp4" in first.source.names
    assert "47.mp4" not in second.source.names


def test_the_lists_of_the_splits(tmp_path: Path) -> None:
    for word, stem in (("train", "12_10_2023/0"), ("dev", "12_10_2023/1"), ("test", "1_x/2")):
        labels(tmp_path, f"LIS_Labels_{word}.json", stem)
    labels(tmp_path, "LIS_Labels.json", "12_10_2023/0")
    assert [clip.split for clip in clips_of(tmp_path)] == ["train", "val", "test"]
    assert [clip.split for clip in clips_of(tmp_path / "LIS_Labels_dev.json")] == ["val"]


def test_a_clip_in_two_lists(tmp_path: Path) -> None:
    for word in ("train", "test"):
        labels(tmp_path, f"LIS_Labels_{word}.json", "12_10_2023/0")
    with pytest.raises(AnnotationError, match=r"LIS_Labels_train\.json row 1 and LIS_Labels_test"):
        clips_of(tmp_path)


def test_the_place_of_a_row_is_the_number_of_the_clip(tmp_path: Path) -> None:
    rows = [["a", "b", "Buonasera"], ["a", "b", None], ["a", "b", " Arrivederci "]]
    workbook(tmp_path / "xlsx", "12_10_2023", rows)
    workbook(tmp_path / "xlsx", "30_10_2023", rows)
    clips = clips_of(tmp_path)
    assert [(clip.annotation_id, clip.text) for clip in clips] == [
        ("12_10_2023/0", "Buonasera"),
        ("12_10_2023/2", "Arrivederci"),
    ]
    assert "cropped_videos/12_10_2023/2.mp4" in clips[1].source.names


def test_another_column_and_every_date(tmp_path: Path) -> None:
    workbook(tmp_path, "30_10_2023", [["Buonasera", None, None]])
    (clip,) = clips_of(tmp_path, text_column=1, exclude_dates=[])
    assert clip.text == "Buonasera"


def test_tables_need_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "12_10_2023.xlsx").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match="xlsx"):
        clips_of(tmp_path)


def test_a_table_that_is_none(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl", reason="reading .xlsx needs the extra `xlsx`")
    (tmp_path / "12_10_2023.xlsx").write_bytes(b"no table")
    with pytest.raises(AnnotationError, match=r"12_10_2023\.xlsx: is no readable"):
        clips_of(tmp_path)


def test_the_crop_is_the_box_of_uncropped_files(tmp_path: Path) -> None:
    path = labels(tmp_path, "LIS_Labels.json", "12_10_2023_0")
    assert clips_of(path)[0].bbox is None
    assert clips_of(path, uncropped=True)[0].bbox == CROP == (0, 150, 720, 860)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"LIS_Labels\.json"):
        clips_of(tmp_path)

"""The KArSL recipe: what folders and names say, held out signers, words from a workbook."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AccessError, AnnotationError, MissingExtraError, UsageError
from sign_etl.recipes.karsl import RECIPE
from sign_etl.schema.clip import Clip

NAME = "03_01_0071_(10_12_16_09_45_43)_c"


def pictures(folder: Path, *clips: str) -> Path:
    for clip in clips:
        path = folder / "media" / clip / "0001.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder / "media"


def clips_of(folder: Path, **options: Any) -> list[Clip]:
    mine = RECIPE.options({"media": folder, **options})
    return list(RECIPE.clips(folder / "cache", mine, "karsl"))


def workbook(path: Path, *rows: tuple[Any, ...]) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    [clip] = clips_of(pictures(tmp_path, f"01/train/0071/{NAME}"))
    assert (clip.label, clip.signer, clip.split) == ("0071", "01", "train")
    assert clip.annotation_id == f"01/train/0071/{NAME}"
    assert clip.source.names == (f"01/train/0071/{NAME}",)
    assert clip.source.frames_fps == 30.0
    assert (clip.language, clip.gloss, dict(clip.extra)) == ("sdl", None, {})


def test_a_video(tmp_path: Path) -> None:
    folder = tmp_path / "media" / "01" / "test" / "0071"
    folder.mkdir(parents=True)
    for name in (f"{NAME}.mp4", "readme.txt", "._hidden.mp4"):
        (folder / name).write_bytes(b"x")
    [clip] = clips_of(tmp_path / "media")
    assert clip.source.frames_fps is None
    assert clip.source.names == (f"01/test/0071/{NAME}.mp4",)
    assert clip.annotation_id == f"01/test/0071/{NAME}"


def test_further_folders_change_no_key(tmp_path: Path) -> None:
    [plain] = clips_of(pictures(tmp_path / "a", f"01/train/0071/{NAME}"))
    [double] = clips_of(pictures(tmp_path / "b", f"01/01/train/071-170/0071/{NAME}"))
    inside = pictures(tmp_path / "c", f"01/train/0071/{NAME}") / "01"
    [one_signer] = clips_of(inside)
    assert plain.key == double.key == one_signer.key
    assert one_signer.signer == "01"


def test_other_streams_of_the_camera_are_left_out(tmp_path: Path) -> None:
    depth = NAME.removesuffix("_c") + "_d"
    folder = pictures(tmp_path, f"01/train/0071/{NAME}", f"01/train/0071/{depth}")
    assert [clip.annotation_id.rpartition("/")[2] for clip in clips_of(folder)] == [NAME]


def test_renamed_clips_are_known_by_their_folders(tmp_path: Path) -> None:
    [clip] = clips_of(pictures(tmp_path, "02/test/0502/take7"))
    assert (clip.signer, clip.split, clip.label) == ("02", "test", "0502")
    with pytest.raises(AnnotationError, match="nothing says the signer of `test/0502/take7`"):
        clips_of(pictures(tmp_path / "b", "test/0502/take7"))
    with pytest.raises(AnnotationError, match="nothing says the split of `0071/"):
        clips_of(pictures(tmp_path / "c", f"0071/{NAME}"))


def test_subsets(tmp_path: Path) -> None:
    signs = (1, 70, 71, 170, 171, 190, 191, 502)
    folder = pictures(tmp_path, *(f"01/train/{sign:04d}/take" for sign in signs))

    def of(subset: int) -> list[int]:
        return [int(clip.label or 0) for clip in clips_of(folder, subset=subset)]

    assert of(100) == [71, 170]
    assert of(190) == [1, 70, 71, 170, 171, 190]
    assert of(502) == list(signs)
    labels = RECIPE.labels(tmp_path, RECIPE.options({"subset": 100}))
    assert labels is not None
    assert (len(labels), labels[0], labels[-1]) == (100, "0071", "0170")


def test_folders_that_are_no_signs(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "01/train/0000/x", "01/train/0503/x", "01/train/extra/x")
    with pytest.raises(UsageError, match="no clip of KArSL"):
        clips_of(folder)


def test_a_held_out_signer(tmp_path: Path) -> None:
    places = [f"{signer}/{part}/0071/x" for signer in ("01", "02") for part in ("train", "test")]
    folder = pictures(tmp_path, *places)
    official = {clip.annotation_id: clip.split for clip in clips_of(folder)}
    assert {place: official[place] for place in places} == dict(
        zip(places, ("train", "test", "train", "test"), strict=True)
    )
    held_out = {clip.annotation_id: clip.split for clip in clips_of(folder, held_out=2)}
    assert [held_out[place] for place in places] == ["train", "val", "test", "test"]


def test_without_files(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="--media") as refused:
        list(RECIPE.clips(tmp_path, RECIPE.options({}), "karsl"))
    assert refused.value.hint == RECIPE.card.how_to
    with pytest.raises(UsageError, match="cannot read the folder"):
        clips_of(tmp_path / "nowhere")


def test_words_of_the_workbook(tmp_path: Path) -> None:
    header = ("SignID", "Sign-Arabic", "Sign-English")
    rows = ((2, 1, 1), (71, " هيكل عظمي", "Skeleton"))
    words = workbook(tmp_path / "KARSL-502_Labels.xlsx", header, *rows)
    folder = pictures(tmp_path, "01/train/0002/x", "01/train/0071/x", "01/train/0072/x")
    number, skeleton, unknown = clips_of(folder, annotations=words)
    assert (number.gloss, number.extra) == ("1", {"english": "1"})
    assert (skeleton.gloss, skeleton.extra) == ("هيكل عظمي", {"english": "Skeleton"})
    assert (unknown.gloss, dict(unknown.extra)) == (None, {})
    assert [clip.key for clip in clips_of(folder)] == [
        clip.key for clip in (number, skeleton, unknown)
    ]


def test_workbooks_that_are_none(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "01/train/0002/x")
    page = tmp_path / "labels.xlsx"
    page.write_bytes(b"<html>")
    pytest.importorskip("openpyxl")
    with pytest.raises(AnnotationError, match=r"labels\.xlsx: is no readable Excel workbook"):
        clips_of(folder, annotations=page)
    empty = workbook(tmp_path / "empty.xlsx", ("SignID", "Sign-Arabic"))
    with pytest.raises(AnnotationError, match="holds no rows"):
        clips_of(folder, annotations=empty)
    other = workbook(tmp_path / "other.xlsx", ("id", "word"), (1, "x"))
    with pytest.raises(AnnotationError, match="no column `SignID`"):
        clips_of(folder, annotations=other)


def test_the_library_for_workbooks_is_an_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = pictures(tmp_path, "01/train/0002/x")
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    assert len(clips_of(folder)) == 1
    with pytest.raises(MissingExtraError, match="`xlsx` extra"):
        clips_of(folder, annotations=tmp_path / "labels.xlsx")

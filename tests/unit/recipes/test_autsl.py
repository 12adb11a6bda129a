"""The AUTSL recipe: names, classes, archives in parts, and tables that are wrong."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.autsl import RECIPE
from sign_etl.schema.clip import Clip


def folder_of(folder: Path, train: str = "signer0_sample1,1\r\n", classes: str = "") -> Path:
    (folder / "train_labels.csv").write_text(train)
    table = classes or "ClassId,TR,EN\r\n0,sen,you\r\n1,siz,you\r\n"
    (folder / "SignList_ClassId_TR_EN.csv").write_text(table)
    return folder


def clips_of(folder: Path, **options: Any) -> list[Clip]:
    return list(RECIPE.clips(folder, RECIPE.options({"annotations": folder, **options}), "autsl"))


def test_a_clip(tmp_path: Path) -> None:
    (clip,) = clips_of(folder_of(tmp_path))
    assert (clip.annotation_id, clip.signer, clip.split) == ("signer0_sample1", "0", "train")
    assert (clip.label, clip.language) == ("siz", "tsm")
    assert clip.extra == {"class_id": "1", "en": "you"}
    assert clip.source.names == ("train/signer0_sample1_color.mp4", "signer0_sample1_color.mp4")
    assert (clip.start_s, clip.end_s) == (0.0, None)


def test_the_tables_are_found_beside_the_videos(tmp_path: Path) -> None:
    folder_of(tmp_path)
    options = RECIPE.options({"media": tmp_path})
    empty = tmp_path / "index"
    empty.mkdir()
    assert [clip.label for clip in RECIPE.clips(empty, options, "autsl")] == ["siz"]


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("signer0_sample1,2\n", "row 1: class 2 is none of SignList"),
        ("signer0_sample1,x\n", "row 1: `class` is `x`"),
        ("signer0_sample1\n", "row 1 has 1 cells"),
        ("signerA_sample1,1\n", "row 1: `signerA_sample1` is no signerN_sampleN"),
        ("signer0_sample1,1\nsigner0_sample1,0\n", "duplicate clip id `signer0_sample1`"),
        ("", "holds no rows"),
    ],
)
def test_a_table_that_is_wrong(tmp_path: Path, train: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(folder_of(tmp_path, train))


def test_a_class_that_is_out_of_order(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="row 3: `ClassId` is not 1"):
        clips_of(folder_of(tmp_path, classes="ClassId,TR,EN\n0,sen,you\n2,siz,you\n"))


def test_missing_tables(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"SignList_ClassId_TR_EN\.csv"):
        clips_of(tmp_path)


def test_without_an_address_nothing_is_downloaded() -> None:
    assert RECIPE.archives(RECIPE.options({})) == ()
    assert RECIPE.card.access == "form"
    assert "Register at https://" in RECIPE.card.how_to


def test_parts_of_the_archives() -> None:
    base = "https://mirror.example/AuTSL/data/"
    archives = RECIPE.archives(RECIPE.options({"archive_url": base}))
    assert [len(archive.urls) for archive in archives] == [18, 3, 3]
    assert archives[0].urls[0] == f"{base}train/train_set_vfbha39.zip.001"
    assert archives[0].urls[-1].endswith(".018")
    passwords = [archive.password_env for archive in archives]
    assert len(set(passwords)) == 3
    assert all(name and name.startswith("SIGN_ETL_AUTSL_") for name in passwords)


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValidationError):
        RECIPE.options({"archive_url": "/etc"})


@pytest.mark.shared_data
def test_real_counts(shared_data: Path) -> None:
    folder = shared_data / "annotations" / "autsl"
    clips = clips_of(folder)
    assert Counter(clip.split for clip in clips) == {"train": 28_142, "val": 4_418, "test": 3_742}
    assert len(clips) == len({clip.key for clip in clips}) == RECIPE.card.clips
    signers = {
        split: {int(clip.signer or "") for clip in clips if clip.split == split}
        for split in ("train", "val", "test")
    }
    assert signers["val"] == {1, 11, 16, 18, 25, 35}
    assert signers["test"] == {6, 14, 27, 30, 34, 39}
    assert not signers["train"] & (signers["val"] | signers["test"])
    assert sum(map(len, signers.values())) == RECIPE.card.signers
    labels = RECIPE.labels(folder, RECIPE.options({"annotations": folder}))
    assert labels is not None
    assert (len(labels), labels[0]) == (226, "abla")
    for split in signers:
        assert {clip.label for clip in clips if clip.split == split} == set(labels)
    assert len({clip.extra["en"] for clip in clips}) == 225, "`you` stands for two signs"

"""The INCLUDE recipe: real lists, serial numbers and class ids, odd paths, validation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.include import RECIPE
from sign_etl.schema.clip import Clip

HEADER = "Category,Word,Video,FilePath\n"
SAD = "Adjectives,4. sad,MVI_9568.MOV,Adjectives/4. sad/MVI_9568.MOV\n"


def clips_of(annotations: Path, **options: Any) -> list[Clip]:
    mine = RECIPE.options({"annotations": annotations, **options})
    return list(RECIPE.clips(annotations, mine, "include"))


def labels_of(annotations: Path, **options: Any) -> list[str]:
    labels = RECIPE.labels(annotations, RECIPE.options({"annotations": annotations, **options}))
    assert labels is not None
    return labels


def train(folder: Path, *rows: str, name: str = "train_include.csv") -> Path:
    (folder / name).write_text(HEADER + "".join(rows), encoding="utf-8")
    return folder


@pytest.fixture
def real(shared_data: Path) -> Path:
    folder = shared_data / "annotations" / "include"
    if not folder.is_dir():
        pytest.skip("no real lists of INCLUDE")
    return folder


# The real lists


def test_real_counts(real: Path) -> None:
    clips = clips_of(real)
    assert Counter(clip.split for clip in clips) == {"train": 3_475, "test": 817}
    assert len({clip.key for clip in clips}) == len(clips) == RECIPE.card.clips
    assert len({clip.extra["category"] for clip in clips}) == 15
    fifty = clips_of(real, subset=50)
    assert Counter(clip.split for clip in fifty) == {"train": 766, "test": 192}


def test_real_class_ids_follow_what_is_written(real: Path) -> None:
    labels = labels_of(real)
    assert len(labels) == len({label.lower() for label in labels}) == 263
    assert labels[:4] == ["Dog", "Religion", "loud", "Energy"]
    written = {clip.label: clip.extra["word"] for clip in clips_of(real)}
    assert [written[label] for label in labels] == sorted(written.values())
    assert {"Second", "Second (Number)", "Monsoon"} <= set(labels)


def test_one_of_the_fifty_has_no_test_clip(real: Path) -> None:
    labels = labels_of(real, subset=50)
    tested = {clip.label for clip in clips_of(real, subset=50) if clip.split == "test"}
    assert len(labels) == 50
    assert set(labels) - tested == {"dry"}


def test_the_fifty_are_split_anew(real: Path) -> None:
    whole = {clip.annotation_id: clip for clip in clips_of(real)}
    moved: Counter[tuple[str, str]] = Counter()
    for clip in clips_of(real, subset=50):
        moved[clip.split, whole[clip.annotation_id].split] += 1
        assert clip.key == whole[clip.annotation_id].key
    assert moved["train", "test"] == 146
    assert moved["test", "train"] == 159
    assert any("159 of its 192 test clips" in note for note in RECIPE.card.notes)


# Odd rows


def test_the_serial_number_is_no_part_of_the_label(tmp_path: Path) -> None:
    [clip] = clips_of(train(tmp_path, SAD))
    assert (clip.label, clip.gloss, clip.split, clip.signer) == ("sad", "sad", "train", None)
    assert clip.extra == {"word": "4. sad", "category": "Adjectives"}
    assert clip.key.startswith("include-sad-mvi_9568-")
    assert clip.source.names == (
        "Adjectives/4. sad/MVI_9568.MOV",
        "Adjectives/4. sad/MVI_9568",
        "4. sad/MVI_9568.MOV",
        "4. sad/MVI_9568",
    )


@pytest.mark.parametrize(
    ("word", "label"),
    [
        ("Ex. Monsoon", "Monsoon"),
        ("Second (Number)", "Second (Number)"),
        ("46. you (plural)", "you (plural)"),
        ("42. T-Shirt", "T-Shirt"),
    ],
)
def test_words_without_a_plain_serial_number(tmp_path: Path, word: str, label: str) -> None:
    [clip] = clips_of(train(tmp_path, f"Seasons,{word},a.MOV,Seasons/{word}/a.MOV\n"))
    assert (clip.label, clip.extra["word"]) == (label, word)


def test_a_category_is_spelled_in_two_ways(tmp_path: Path) -> None:
    folder = "Days_and_Time/67. Monday"
    rows = [
        f"{category},67. Monday,{name},{folder}/{name}\n"
        for category, name in (("Days and Time", "a.MOV"), ("Days_and_Time", "b.MP4"))
    ]
    clips = clips_of(train(tmp_path, *rows))
    assert {clip.extra["category"] for clip in clips} == {"Days and Time"}


def test_a_video_is_not_found_by_its_name_alone(tmp_path: Path) -> None:
    media = tmp_path / "media"
    for folder in ("Adjectives/90. cool", "wrapper/Adjectives/4. sad"):
        (media / folder).mkdir(parents=True)
    (media / "Adjectives/90. cool/MVI_9568.MOV").write_bytes(b"another word")
    index = FolderIndex(media)
    [clip] = clips_of(train(tmp_path, SAD))
    assert index.find(clip.source.names) is None
    (media / "wrapper/Adjectives/4. sad/MVI_9568.mp4").write_bytes(b"converted")
    found = FolderIndex(media).find(clip.source.names)
    assert found == media / "wrapper/Adjectives/4. sad/MVI_9568.mp4"


def test_videos_in_a_further_folder(tmp_path: Path) -> None:
    path = "Places/31. Temple/Extra/MVI_3646.MOV"
    [clip] = clips_of(train(tmp_path, f"Places,31. Temple,Extra/MVI_3646.MOV,{path}\n"))
    assert clip.annotation_id == path
    assert clip.source.names[2] == "31. Temple/Extra/MVI_3646.MOV"


# Validation


def test_the_validation_list_names_train_clips(tmp_path: Path) -> None:
    plane = (
        "Means of Transportation,10. Plane,MVI_8581.MP4,"
        "Means_of_Transportation/10. Plane/MVI_8581.MP4\n"
    )
    train(tmp_path, SAD, plane)
    listed = "Means_of_Transportation/10. Plane/MVI_8581.MOV\n"
    (tmp_path / "include_val.txt").write_text(listed, encoding="utf-8")
    assert [clip.split for clip in clips_of(tmp_path)] == ["train", "val"]
    train(tmp_path, SAD, plane, name="train_include50.csv")
    assert [clip.split for clip in clips_of(tmp_path, subset=50)] == ["train", "train"]


# Broken lists


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Category,Word,Video\nA,4. sad,a.MOV\n", "no column `FilePath`"),
        (f"{HEADER}Adjectives,,a.MOV,Adjectives/4. sad/a.MOV\n", "row 2: `Word` is empty"),
        (HEADER + SAD * 2, "duplicate clip id `Adjectives/4. sad/MVI_9568.MOV`"),
    ],
)
def test_broken_lists_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "train_include.csv").write_text(text, encoding="utf-8")
    with pytest.raises(AnnotationError, match=message):
        clips_of(tmp_path)


def test_archives_have_sizes() -> None:
    assert RECIPE.archives(RECIPE.options({})) == (), "not before the lists are given"
    archives = RECIPE.archives(RECIPE.options({"annotations": "lists"}))
    assert len(archives) == 44
    sizes = [archive.size_bytes or 0 for archive in archives]
    assert min(sizes) > 0
    assert RECIPE.card.download_bytes == sum(sizes)
    assert archives[-1].urls[0].endswith("/Society_3of3.zip?download=1")

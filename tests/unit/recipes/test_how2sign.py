"""How2Sign: the real table of test, names that begin with `-`, whole and cut files."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.how2sign import RECIPE
from sign_etl.schema.clip import Clip

HEADER = (
    *("VIDEO_ID", "VIDEO_NAME", "SENTENCE_ID", "SENTENCE_NAME"),
    *("START_REALIGNED", "END_REALIGNED", "SENTENCE"),
)
ROW = ("-fZc293MpJk", "-fZc293MpJk-1-rgb_front", "-fZc293MpJk_0", "-fZc293MpJk_0-1-rgb_front")


def table(folder: Path, *rows: tuple[str, ...], split: str = "test") -> Path:
    path = folder / f"how2sign_realigned_{split}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows([HEADER, *rows])
    return path


def clips_of(annotations: Path, **options: Any) -> list[Clip]:
    read = RECIPE.options({"annotations": annotations, **options})
    return list(RECIPE.clips(annotations.parent, read, "how2sign"))


def media(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / "media" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder / "media"


@pytest.fixture(scope="module")
def real(shared_data: Path) -> list[Clip]:
    return clips_of(shared_data / "annotations" / "how2sign" / "how2sign_realigned_test.csv")


def test_the_real_test_set(real: list[Clip]) -> None:
    assert len(real) == 2357
    assert {clip.split for clip in real} == {"test"}
    assert len({clip.source.id for clip in real}) == 184
    assert len({clip.extra["sentence_id"] for clip in real}) == 1977
    assert len({clip.key for clip in real}) == 2357
    signers = Counter(clip.signer for clip in real)
    assert signers == {"5": 627, "3": 546, "8": 449, "10": 268, "2": 243, "1": 224}


def test_the_real_names_that_begin_with_a_hyphen(real: list[Clip]) -> None:
    odd = [clip for clip in real if clip.source.id.startswith("-")]
    assert len(odd) == 45
    assert odd[0].source.names[-1] == "-fZc293MpJk-1-rgb_front"
    assert all(clip.key.startswith("how2sign-") for clip in odd)


def test_the_real_texts_have_lost_the_quotes_of_csv(real: list[Clip]) -> None:
    by_id = {clip.annotation_id: clip for clip in real}
    assert by_id["G19uBylwQww_13-2-rgb_front"].text == '"Oops, let\'s get our tip right".'
    assert by_id["-fZc293MpJk_0-1-rgb_front"].text == "Hi!"


def test_a_folder_reads_the_real_file_too(shared_data: Path, real: list[Clip]) -> None:
    assert clips_of(shared_data / "annotations" / "how2sign") == real


def test_a_whole_video_is_cut_by_the_realigned_times(tmp_path: Path) -> None:
    (clip,) = clips_of(table(tmp_path, (*ROW, "0.26", "6.79", "Hi!")))
    assert (clip.start_s, clip.end_s) == (0.26, 6.79)
    assert clip.source.id == "-fZc293MpJk-1-rgb_front"
    assert not clip.source.trimmed
    assert clip.signer == "1"
    assert clip.extra == {"video_id": "-fZc293MpJk", "sentence_id": "-fZc293MpJk_0"}


def test_cut_files_are_taken_where_the_user_says_so(tmp_path: Path) -> None:
    path = table(tmp_path, (*ROW, "0.26", "6.79", "Hi!"))
    folder = media(tmp_path, "-fZc293MpJk_0-1-rgb_front.mp4")
    (clip,) = clips_of(path, media=folder, media_kind="trimmed")
    assert clip.source.trimmed
    assert clip.source.names[-1] == "-fZc293MpJk_0-1-rgb_front"
    assert clip.key == clips_of(path)[0].key


def test_cut_files_are_not_taken_in_silence(tmp_path: Path) -> None:
    path = table(tmp_path, (*ROW, "0.26", "6.79", "Hi!"))
    folder = media(tmp_path, "-fZc293MpJk_0-1-rgb_front.mp4")
    with pytest.raises(UsageError, match="misaligned"):
        clips_of(path, media=folder)


def test_whole_files_are_preferred(tmp_path: Path) -> None:
    path = table(tmp_path, (*ROW, "0.26", "6.79", "Hi!"))
    folder = media(
        tmp_path, "-fZc293MpJk_0-1-rgb_front.mp4", "raw_videos/-fZc293MpJk-1-rgb_front.mp4"
    )
    assert not clips_of(path, media=folder)[0].source.trimmed


def test_media_kind_without_media(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--media"):
        clips_of(table(tmp_path, (*ROW, "0", "1", "Hi!")), media_kind="trimmed")


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("6.79", "0.26", "row 2: begins at 6.79 s and ends at 0.26 s"),
        ("-1", "0.26", "row 2: begins at -1 s"),
        ("x", "1", "row 2: `START_REALIGNED` is `x`"),
        ("", "1", "row 2: `START_REALIGNED` is empty"),
        ("0", "inf", "row 2: `END_REALIGNED` is `inf`"),
    ],
)
def test_a_span_that_is_none(tmp_path: Path, start: str, end: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(table(tmp_path, (*ROW, start, end, "Hi!")))


def test_a_sentence_that_comes_twice(tmp_path: Path) -> None:
    row = (*ROW, "0", "1", "Hi!")
    with pytest.raises(AnnotationError, match=r"duplicate clip id .* row 2 and .* row 3"):
        clips_of(table(tmp_path, row, row))


def test_a_file_of_another_name(tmp_path: Path) -> None:
    path = table(tmp_path, (*ROW, "0", "1", "Hi!")).rename(tmp_path / "mine.csv")
    with pytest.raises(AnnotationError, match=r"mine\.csv: no split"):
        clips_of(path)


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(AnnotationError, match=r"how2sign_realigned_train\.csv"):
        clips_of(tmp_path / "empty")


def test_a_table_that_the_server_has_changed(tmp_path: Path) -> None:
    def other(url: str, path: Path, *, sha256: str | None = None) -> None:
        path.write_bytes(b"<html>")

    with pytest.raises(AnnotationError, match="another file"):
        RECIPE.fetch_index(tmp_path, RECIPE.options({}), other)
    assert list(tmp_path.iterdir()) == []


def test_the_real_table_is_the_published_one(shared_data: Path, tmp_path: Path) -> None:
    real = shared_data / "annotations" / "how2sign" / "how2sign_realigned_test.csv"

    def only_test(url: str, path: Path, *, sha256: str | None = None) -> None:
        assert url.endswith("/45362"), "only test is asked for: the others are there"
        path.write_bytes(real.read_bytes())

    for split in ("train", "val"):
        (tmp_path / f"how2sign_realigned_{split}.csv").touch()
    RECIPE.fetch_index(tmp_path, RECIPE.options({}), only_test)
    assert (tmp_path / real.name).read_bytes() == real.read_bytes()

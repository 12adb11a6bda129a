"""The index of WLASL: where it comes from, what is refused, and the real one."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from wlasl_rows import clips_of, index_of, row

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.addresses import youtube_id
from sign_etl.recipes.wlasl import INDEX_SHA256, INDEX_URL, RECIPE
from sign_etl.schema.clip import Clip


class Download:
    """Serves an index and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str | None]] = []

    def __call__(self, url: str, path: Path, *, sha256: str | None = None) -> None:
        self.calls.append((url, sha256))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([{"gloss": "book", "instances": [row("69241")]}]))


def test_the_index_is_downloaded_once_and_checked(tmp_path: Path) -> None:
    get, options = Download(), RECIPE.options({})
    RECIPE.fetch_index(tmp_path, options, get)
    RECIPE.fetch_index(tmp_path, options, get)
    assert get.calls == [(INDEX_URL, INDEX_SHA256)]
    assert [clip.label for clip in RECIPE.clips(tmp_path, options, "wlasl")] == ["book"]


def test_a_mirror_has_a_place_of_its_own(tmp_path: Path) -> None:
    get = Download()
    RECIPE.fetch_index(tmp_path, RECIPE.options({}), get)
    mirror = RECIPE.options({"index_url": "http://mirror.example/index.json"})
    RECIPE.fetch_index(tmp_path, mirror, get)
    assert get.calls[1] == ("http://mirror.example/index.json", None)
    assert RECIPE.labels(tmp_path, mirror) == ["book"]


def test_given_annotations_are_not_downloaded(tmp_path: Path) -> None:
    get = Download()
    path = index_of(tmp_path, book=[row("1")])
    RECIPE.fetch_index(tmp_path, RECIPE.options({"annotations": path}), get)
    assert get.calls == []


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"video_id": 69241}, "video_id"),
        ({"url": None}, "url"),
        ({"split": "dev"}, "split"),
        ({"frame_start": 0}, "frame_start"),
        ({"frame_start": 20, "frame_end": 10}, "ends at frame 10"),
        ({"fps": 0}, "fps"),
        ({"bbox": [1, 2, 3]}, "bbox"),
        ({"note": "\ud800"}, "surrogate"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, changes: dict[str, Any], column: str) -> None:
    path = index_of(tmp_path, book=[row("1")], drink=[row("2"), row("3") | changes])
    with pytest.raises(AnnotationError, match=column) as caught:
        clips_of(path)
    assert caught.value.message.startswith("WLASL_v0.3.json: gloss `drink`, instance 1")


def test_a_missing_column_and_a_row_that_is_none(tmp_path: Path) -> None:
    cut = row("1")
    del cut["signer_id"]
    with pytest.raises(AnnotationError, match="`signer_id`: field required"):
        clips_of(index_of(tmp_path, book=[cut]))
    with pytest.raises(AnnotationError, match="instance 0"):
        clips_of(index_of(tmp_path, book=["nothing"]))


def test_duplicate_ids_name_both_rows(tmp_path: Path) -> None:
    path = index_of(tmp_path, book=[row("1")], drink=[row("2"), row("1")])
    with pytest.raises(
        AnnotationError,
        match=r"duplicate clip id `1`: gloss `book`, instance 0 and gloss `drink`, instance 1",
    ):
        clips_of(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no JSON"),
        (b"{}", "no list of glosses"),
        (b"[]", "no list of glosses"),
        (b'[{"gloss": "a", "instances": []}]', "no instances"),
        (b'[{"gloss": "", "instances": []}]', "entry 0 has no `gloss`"),
        (b'[{"gloss": "a"}]', "no list of `instances`"),
        (b"<!DOCTYPE html>", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'[{"gloss": NaN}]', "is no JSON"),
        (b"\xff\xfe[]", "is no JSON"),
        (gzip.compress(b"[]" * 999, mtime=0)[:30], "broken gzip"),
        (b"\x1f\x8bno gzip at all", "broken gzip"),
    ],
)
def test_a_file_that_is_no_index(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError, match=message):
        clips_of(path)


def test_a_missing_index(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file") as caught:
        clips_of(tmp_path / "absent.json")
    assert "--annotations" in (caught.value.hint or "")


@pytest.fixture(scope="module")
def wlasl_folder(shared_data: Path) -> Path:
    return shared_data / "annotations" / "wlasl"


@pytest.fixture(scope="module")
def real_clips(wlasl_folder: Path) -> list[Clip]:
    return clips_of(wlasl_folder / "WLASL_v0.3.json.gz")


@pytest.mark.shared_data
def test_real_counts(real_clips: list[Clip]) -> None:
    assert len(real_clips) == 21_083
    assert Counter(clip.split for clip in real_clips) == {
        "train": 14_289,
        "val": 3_916,
        "test": 2_878,
    }
    assert len({clip.key for clip in real_clips}) == 21_083
    assert len({clip.source.id for clip in real_clips}) == 18_187
    spans = {(clip.source.id, clip.start_s, clip.end_s) for clip in real_clips}
    assert len(spans) == 20_002
    assert len({clip.signer for clip in real_clips}) == RECIPE.card.signers
    assert len(real_clips) == RECIPE.card.clips
    assert sum(youtube_id(clip.source.id) is not None for clip in real_clips) == 5_135
    flash = [clip for clip in real_clips if clip.source.id.endswith(".swf")]
    assert len(flash) == 1_736
    assert all(clip.source.headers for clip in flash)


@pytest.mark.shared_data
def test_real_subset_100_is_that_of_the_authors(real_clips: list[Clip], wlasl_folder: Path) -> None:
    theirs = json.loads((wlasl_folder / "nslt_100.json").read_text())
    index = wlasl_folder / "WLASL_v0.3.json.gz"
    labels = RECIPE.labels(wlasl_folder, RECIPE.options({"annotations": index, "subset": 100}))
    assert labels is not None
    class_id = {label: number for number, label in enumerate(labels)}
    ours = {
        clip.annotation_id: {"subset": clip.split, "action": class_id[clip.label]}
        for clip in real_clips
        if clip.label in class_id
    }
    assert ours == {
        video_id: {"subset": entry["subset"], "action": entry["action"][0]}
        for video_id, entry in theirs.items()
    }
    assert Counter(entry["subset"] for entry in ours.values()) == {
        "train": 1_442,
        "val": 338,
        "test": 258,
    }


@pytest.mark.shared_data
def test_real_labels_are_the_authors_class_list(wlasl_folder: Path) -> None:
    lines = (wlasl_folder / "wlasl_class_list.txt").read_text().splitlines()
    index = RECIPE.options({"annotations": wlasl_folder / "WLASL_v0.3.json.gz"})
    ours = RECIPE.labels(wlasl_folder, index)
    assert ours is not None
    assert len(ours) == len(lines) == 2_000
    differing = [
        (number, label, line.split("\t")[1])
        for number, (label, line) in enumerate(zip(ours, lines, strict=True))
        if line != f"{number}\t{label}"
    ]
    assert differing == [(163, "lose", "losear")], "one slip in the authors' own list"

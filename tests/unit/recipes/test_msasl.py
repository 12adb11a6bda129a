"""The MS-ASL recipe: spans, boxes, addresses, merged words, and files that are wrong."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.addresses import youtube_id
from sign_etl.recipes.msasl import INDEX_SHA256, INDEX_URL, RECIPE
from sign_etl.schema.clip import Clip

CLASSES = ["hello", "father", "box"]
SYNONYMS = [["father", "dad", "daddy"], ["room", "box"], ["box", "room"]]


def row(**changes: Any) -> dict[str, Any]:
    return {
        "org_text": "Hello (1)",
        "clean_text": "hello",
        "start_time": 1.2,
        "signer_id": 7,
        "signer": -1,
        "start": 36,
        "end": 60,
        "file": "ASL HELLO",
        "label": 0,
        "height": 360.0,
        "fps": 29.97,
        "end_time": 2.0,
        "url": "https://www.youtube.com/watch?v=-aBcDeFgH_0",
        "text": "hello",
        "box": [0.25, 0.1, 1.0, 0.5],
        "width": 640.0,
    } | changes


def folder_of(folder: Path, **splits: list[Any]) -> Path:
    (folder / "MSASL_classes.json").write_text(json.dumps(CLASSES))
    (folder / "MSASL_synonym.json").write_text(json.dumps(SYNONYMS))
    for split, rows in splits.items():
        (folder / f"MSASL_{split}.json").write_text(json.dumps(rows))
    return folder


def clips_of(folder: Path, **options: Any) -> list[Clip]:
    return list(RECIPE.clips(folder, RECIPE.options({"annotations": folder, **options}), "msasl"))


def one(folder: Path, **changes: Any) -> Clip:
    clips = clips_of(folder_of(folder, train=[row(**changes)]))
    assert len(clips) == 1
    return clips[0]


def test_a_clip_counts_in_seconds_and_pixels(tmp_path: Path) -> None:
    clip = one(tmp_path)
    assert (clip.start_s, clip.end_s, clip.declared_fps) == (1.2, 2.0, None)
    assert clip.bbox == (64.0, 90.0, 320.0, 360.0), "x0, y0, x1, y1 of [y0, x0, y1, x1]"
    assert (clip.label, clip.gloss, clip.split, clip.signer) == ("hello", "hello", "train", "7")
    assert clip.annotation_id == "train-00000"
    assert clip.extra["org_text"] == "Hello (1)"
    assert clip.extra["fps"] == "29.97"
    assert not {"start", "end", "box", "text", "url"} & set(clip.extra)


@pytest.mark.parametrize(
    "written",
    ["www.youtube.com/watch?v=-aBcDeFgH_0", "https://www.youtube.com/watch?v=-aBcDeFgH_0&t=54s"],
)
def test_odd_spellings_of_an_address_are_one_source(tmp_path: Path, written: str) -> None:
    clip = one(tmp_path, url=written)
    assert clip.source.url == clip.source.id == "https://www.youtube.com/watch?v=-aBcDeFgH_0"
    assert clip.source.names == ("-aBcDeFgH_0",)
    assert clip.extra["url"] == written


def test_a_merged_word_is_kept_and_explained(tmp_path: Path) -> None:
    clip = one(tmp_path, clean_text="Dad", label=1, text="father")
    assert (clip.label, clip.extra["clean_text"]) == ("father", "Dad")
    assert clip.extra["synonym_of"] == "father"


def test_a_word_that_differs_for_another_reason_is_no_synonym(tmp_path: Path) -> None:
    assert "synonym_of" not in one(tmp_path, clean_text="ﬂoor").extra
    assert "synonym_of" not in one(tmp_path).extra


def test_of_two_rows_in_either_order_the_class_decides(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=[row(clean_text="room", label=2, text="box")])
    assert clips_of(folder)[0].extra["synonym_of"] == "box"
    synonyms = RECIPE.synonyms(folder, RECIPE.options({"annotations": folder}))
    assert synonyms == {"dad": "father", "daddy": "father", "room": "box"}


def test_ids_stay_the_same_in_a_subset(tmp_path: Path) -> None:
    folder = tmp_path
    words = [f"word{number}" for number in range(150)]
    rows = [row(label=120), row(label=99), row(label=100)]
    folder_of(folder, train=rows)
    (folder / "MSASL_classes.json").write_text(json.dumps(words))
    chosen = clips_of(folder, subset=100)
    assert [clip.annotation_id for clip in chosen] == ["train-00001"]
    assert chosen[0] == clips_of(folder)[1]
    options = RECIPE.options({"annotations": folder, "subset": 100})
    assert RECIPE.labels(folder, options) == words[:100]


def test_a_split_file_may_be_named_itself(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train=[row()], val=[row()])
    options = RECIPE.options({"annotations": folder / "MSASL_val.json"})
    assert [clip.split for clip in RECIPE.clips(folder, options, "msasl")] == ["val"]


def test_a_clip_without_a_box(tmp_path: Path) -> None:
    assert one(tmp_path, box=None).bbox is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 3}, "row 1: `label` is 3, but there are 3 classes"),
        ({"label": -1}, "row 1: `label` is -1"),
        ({"label": 0.5}, "row 1: `label` is 0.5"),
        ({"end_time": 1.2}, "row 1: begins at 1.2 s and ends at 1.2 s"),
        ({"start_time": -1}, "row 1: begins at -1 s"),
        ({"end_time": None}, "row 1: `end_time` is empty"),
        ({"url": "ftp://video.example/a"}, r"row 1: `url` is no http\(s\) address"),
        ({"box": [0.1, 0.2, 0.3]}, "row 1: `box` is no list of four numbers"),
        ({"box": [0.5, 0.1, 0.4, 0.9]}, "row 1: `box` is no"),
        ({"signer_id": None}, "row 1: `signer_id` is empty"),
    ],
)
def test_a_row_that_is_wrong_is_named(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(AnnotationError, match=f"MSASL_train.json: {message}"):
        one(tmp_path, **changes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("MSASL_classes.json", '["a", "a"]', "no list of different words"),
        ("MSASL_classes.json", "{}", "no list of different words"),
        ("MSASL_classes.json", "<html>", "is no JSON"),
        ("MSASL_synonym.json", '["a"]', "no list of lists"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, name: str, content: str, message: str) -> None:
    folder = folder_of(tmp_path, train=[row()])
    (folder / name).write_text(content)
    with pytest.raises(AnnotationError, match=f"{name}: .*{message}"):
        clips_of(folder)


@pytest.mark.parametrize("name", ["MSASL_classes.json", "MSASL_synonym.json", "MSASL_train.json"])
def test_a_file_that_is_missing(tmp_path: Path, name: str) -> None:
    folder = folder_of(tmp_path, train=[row()])
    (folder / name).unlink()
    with pytest.raises(AnnotationError, match="no annotation file") as caught:
        clips_of(folder)
    assert "--annotations" in (caught.value.hint or "")


def test_cut_files_have_no_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cut already"):
        clips_of(folder_of(tmp_path, train=[row()]), media=tmp_path, media_kind="trimmed")


# The download


def archive(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in members.items():
            file.writestr(f"MS-ASL/MSASL_{name}.json", text)
    return packed.getvalue()


def test_the_annotations_are_downloaded_once_and_unpacked(tmp_path: Path) -> None:
    whole = archive(
        train=json.dumps([row()]),
        val=json.dumps([row()]),
        test=json.dumps([row()]),
        classes=json.dumps(CLASSES),
        synonym=json.dumps(SYNONYMS),
    )
    asked: list[tuple[str, str | None]] = []

    def get(url: str, path: Path, *, sha256: str | None = None) -> None:
        asked.append((url, sha256))
        path.write_bytes(whole)

    options = RECIPE.options({})
    for _ in range(2):
        RECIPE.fetch_index(tmp_path, options, get)
    assert asked == [(INDEX_URL, INDEX_SHA256)]
    assert [clip.split for clip in RECIPE.clips(tmp_path, options, "msasl")] == [
        "train",
        "val",
        "test",
    ]
    assert RECIPE.labels(tmp_path, options) == CLASSES


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<!DOCTYPE html>", "broken archive"),
        (archive(train="[]"), "holds no usable `MSASL_val.json`"),
    ],
)
def test_another_file_in_its_place_leaves_nothing_usable(
    tmp_path: Path, data: bytes, message: str
) -> None:
    def get(url: str, path: Path, *, sha256: str | None = None) -> None:
        path.write_bytes(data)

    with pytest.raises(AnnotationError, match=message):
        RECIPE.fetch_index(tmp_path, RECIPE.options({}), get)
    assert not (tmp_path / "MSASL_classes.json").exists()


# The real files


@pytest.fixture(scope="module")
def real_folder(shared_data: Path) -> Path:
    return shared_data / "annotations" / "msasl"


@pytest.fixture(scope="module")
def real_clips(real_folder: Path) -> list[Clip]:
    return clips_of(real_folder)


@pytest.mark.shared_data
def test_real_counts(real_clips: list[Clip]) -> None:
    assert Counter(clip.split for clip in real_clips) == {"val": 5_287, "test": 4_172}
    assert len({clip.key for clip in real_clips}) == 9_459
    signers = {
        split: {clip.signer for clip in real_clips if clip.split == split}
        for split in ("val", "test")
    }
    assert [len(signers["val"]), len(signers["test"])] == [37, 20]
    assert not signers["val"] & signers["test"]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("subset", "val", "test"), [(100, 1_190, 757), (200, 2_041, 1_359), (500, 3_702, 2_720)]
)
def test_real_subsets(real_folder: Path, subset: int, val: int, test: int) -> None:
    found = Counter(clip.split for clip in clips_of(real_folder, subset=subset))
    assert found == {"val": val, "test": test}


@pytest.mark.shared_data
def test_real_addresses_and_words(real_clips: list[Clip], real_folder: Path) -> None:
    assert len({clip.source.id for clip in real_clips}) == 3_047
    assert all(youtube_id(clip.source.id) for clip in real_clips)
    odd = [clip.extra["url"] for clip in real_clips if "url" in clip.extra]
    assert sum(not address.startswith("http") for address in odd) == 572 + 1_169
    assert any("&t=54s" in address for address in odd)
    differing = [clip for clip in real_clips if clip.extra["clean_text"] != clip.label]
    unexplained = [clip.extra["clean_text"] for clip in differing if "synonym_of" not in clip.extra]
    assert (len(differing), sorted(unexplained)) == (205, ["ﬂoor", "ﬂower"])
    labels = RECIPE.labels(real_folder, RECIPE.options({"annotations": real_folder}))
    assert labels is not None
    assert (len(labels), labels[0], labels[999]) == (1_000, "hello", "challenge")
    assert all("text" not in clip.extra for clip in real_clips), "`text` is always the class"


@pytest.mark.shared_data
def test_real_boxes_lie_in_the_picture(real_clips: list[Clip], real_folder: Path) -> None:
    first = json.loads(gzip.decompress((real_folder / "MSASL_val.json.gz").read_bytes()))[0]
    y0, x0, y1, x1 = first["box"]
    width, height = first["width"], first["height"]
    assert real_clips[0].bbox == (x0 * width, y0 * height, x1 * width, y1 * height)
    for clip in real_clips:
        assert clip.bbox is not None
        left, top, right, bottom = clip.bbox
        assert 0 <= left < right <= float(clip.extra["width"])
        assert 0 <= top < bottom <= float(clip.extra["height"])

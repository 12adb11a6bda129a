"""CSL-Daily with its three kinds of index, and CSL-News."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.base import Recipe
from sign_etl.recipes.csl_daily import RECIPE as DAILY
from sign_etl.recipes.csl_news import RECIPE as NEWS
from sign_etl.schema.clip import Clip

MAP = "index|name|length|gloss|char|word|postag\n"


def clips_of(recipe: Recipe, annotations: Path, **options: Any) -> list[Clip]:
    read = recipe.options({"annotations": annotations, **options})
    return list(recipe.clips(annotations, read, "csl"))


def splits(folder: Path, *rows: str) -> None:
    text = "".join(f"{row}\n" for row in ("name|split", *rows))
    (folder / "split_1.txt").write_text(text, encoding="utf-8")


def video_map(folder: Path, *names: str) -> None:
    rows = (
        f"{at}|{name}|55|他 谁|他 是 谁 ？|他 是 谁 ？|r v r w\n" for at, name in enumerate(names)
    )
    (folder / "video_map.txt").write_text(MAP + "".join(rows), encoding="utf-8")


def test_the_text_index(tmp_path: Path) -> None:
    video_map(tmp_path, "S000020_P0004_T00")
    splits(tmp_path, "S000020_P0004_T00|dev")
    (clip,) = clips_of(DAILY, tmp_path)
    assert (clip.gloss, clip.text) == ("他 谁", "他是谁？")
    assert (clip.split, clip.signer, clip.language) == ("val", "4", "csl")
    assert clip.source.frames_fps == 30
    assert clip.source.names[0] == "sentence/frames_512x512/S000020_P0004_T00"
    assert clip.extra == {"length": "55"}


def test_the_pickle_says_the_same(tmp_path: Path) -> None:
    video_map(tmp_path, "S000020_P0004_T00")
    splits(tmp_path, "S000020_P0004_T00|dev")
    expected = clips_of(DAILY, tmp_path)
    entry = {
        "name": "S000020_P0004_T00",
        "length": 55,
        "label_gloss": ["他", "谁"],
        "label_char": ["他", "是", "谁", "？"],
        "label_word": ["他", "是", "谁", "？"],
        "label_postag": ["r", "v", "r", "w"],
        "signer": 4,
        "time": 0,
    }
    data = {"info": [entry], "gloss_map": ["他", "谁"]}
    (tmp_path / "csl2020ct_v2.pkl").write_bytes(pickle.dumps(data))
    (tmp_path / "video_map.txt").unlink()
    assert clips_of(DAILY, tmp_path) == expected


def test_the_labels_of_uni_sign_and_videos(tmp_path: Path) -> None:
    for word, name in (("train", "S000020_P0000_T00"), ("dev", "S000021_P0001_T00")):
        entry = {"name": name, "gloss": ["他", "谁"], "text": "他是谁？", "video_path": "x.mp4"}
        (tmp_path / f"labels.{word}").write_bytes(gzip.compress(pickle.dumps({name: entry})))
    train, dev = clips_of(DAILY, tmp_path, form="videos")
    assert (train.split, dev.split) == ("train", "val")
    assert (train.gloss, train.text, dev.signer) == ("他 谁", "他是谁？", "1")
    assert train.source.frames_fps is None
    assert train.source.names == ("sentence-crop/S000020_P0000_T00", "S000020_P0000_T00")


def test_one_labels_file_alone(tmp_path: Path) -> None:
    entry = {"name": "S000020_P0000_T00", "gloss": [], "text": "他是谁？"}
    path = tmp_path / "labels.test"
    path.write_bytes(gzip.compress(pickle.dumps({"S000020_P0000_T00": entry})))
    (clip,) = clips_of(DAILY, path)
    assert (clip.split, clip.gloss) == ("test", None)


def test_the_slip_in_the_list_of_splits(tmp_path: Path) -> None:
    video_map(tmp_path, "S000007_P0003_T00")
    splits(tmp_path, "S000005_P0004_T00|train")
    (clip,) = clips_of(DAILY, tmp_path)
    assert (clip.annotation_id, clip.split) == ("S000007_P0003_T00", "train")


def test_the_list_of_splits_is_needed(tmp_path: Path) -> None:
    video_map(tmp_path, "S000007_P0003_T00")
    with pytest.raises(AnnotationError, match=r"split_1\.txt"):
        clips_of(DAILY, tmp_path)


def test_no_index_at_all(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no annotation file"):
        clips_of(DAILY, tmp_path)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "pwned",)

    splits(tmp_path, "S000020_P0004_T00|dev")
    (tmp_path / "csl2020ct_v2.pkl").write_bytes(pickle.dumps({"info": [Evil()]}))
    with pytest.raises(AnnotationError):
        clips_of(DAILY, tmp_path)
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("value", [[], {"info": {}}, {"info": [{"nom": "x"}]}])
def test_a_pickle_of_another_form(tmp_path: Path, value: Any) -> None:
    splits(tmp_path, "S000020_P0004_T00|dev")
    (tmp_path / "csl2020ct_v2.pkl").write_bytes(pickle.dumps(value))
    with pytest.raises(AnnotationError, match=r"csl2020ct_v2\.pkl"):
        clips_of(DAILY, tmp_path)


def news(folder: Path, count: int) -> Path:
    path = folder / "CSL_News_Labels.json"
    entries = [
        {"video": f"Dragon-TV_{at}.mp4", "pose": f"Dragon-TV_{at}.pkl", "text": f"新闻 {at}"}
        for at in range(count)
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")
    return path


def test_news_have_no_split_of_their_own(tmp_path: Path) -> None:
    clips = clips_of(NEWS, news(tmp_path, 3))
    assert {clip.split for clip in clips} == {""}
    assert clips[1].text == "新闻 1"
    assert clips[1].extra == {"pose": "Dragon-TV_1.pkl"}
    assert clips[1].source.names == ("rgb_format/Dragon-TV_1.mp4", "Dragon-TV_1.mp4")


def test_the_rule_of_uni_sign(tmp_path: Path) -> None:
    clips = clips_of(NEWS, news(tmp_path, 200), rule="uni-sign")
    assert [clip.split for clip in clips] == ["train"] * 198 + ["val"] * 2


def test_some_archives_only() -> None:
    assert len(NEWS.archives(NEWS.options({}))) == 436
    first, second = NEWS.archives(NEWS.options({"first_archives": 2}))
    assert first.urls == ("hf://datasets/ZechengLi19/CSL-News/archive_001.zip",)
    assert second.into == "archive_002"


@pytest.mark.parametrize("video", ["../x.mp4", "/x.mp4"])
def test_a_video_outside_of_the_folder(tmp_path: Path, video: str) -> None:
    path = tmp_path / "CSL_News_Labels.json"
    path.write_text(json.dumps([{"video": video, "text": "x"}]), encoding="utf-8")
    with pytest.raises(AnnotationError, match="outside"):
        clips_of(NEWS, path)

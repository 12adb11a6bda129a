"""BOBSL: subsets, three kinds of subtitles, the challenge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.bobsl import RECIPE
from sign_etl.schema.clip import Clip

CUES = "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n<v A>Hello</v>\nthere.\n"
SUBSETS = {"train": ["1"], "val": ["2.mp4"], "public_test": ["3"], "challenge_test": ["4"]}


def release(folder: Path, subsets: Any = None, *, place: str = "subset2episode.json") -> Path:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(SUBSETS if subsets is None else subsets))
    for kind, episodes in (("manually-aligned", "13"), ("audio-aligned", "123")):
        (folder / "subtitles" / kind).mkdir(parents=True)
        for episode in episodes:
            (folder / "subtitles" / kind / f"{episode}.vtt").write_text(CUES)
    return folder


def clips_of(media: Path, **options: Any) -> list[Clip]:
    return list(RECIPE.clips(media / "none", RECIPE.options({"media": media, **options}), "bobsl"))


def test_manual_subtitles_are_the_clips(tmp_path: Path) -> None:
    train, test = clips_of(release(tmp_path))
    assert (train.split, test.split) == ("train", "test")
    assert (train.start_s, train.end_s, train.text) == (1.0, 2.5, "Hello there.")
    assert train.source.names == ("videos/1", "1")
    assert (train.language, train.extra) == ("bfi", {"subtitles": "manual"})


def test_other_subtitles(tmp_path: Path) -> None:
    clips = clips_of(release(tmp_path), subtitles="audio")
    assert [clip.split for clip in clips] == ["train", "val", "test"]


def test_subsets_in_a_folder_of_their_own(tmp_path: Path) -> None:
    assert len(clips_of(release(tmp_path, place="metadata/subset2episode.json"))) == 2


def test_subtitles_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="audio-aligned-heuristic-correction"):
        clips_of(release(tmp_path), subtitles="corrected")


def test_no_subsets(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"subset2episode\.json"):
        clips_of(tmp_path)


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        ([], "no mapping"),
        ({"dev": ["1"]}, "unknown subset `dev`"),
        ({"train": "1"}, "`train` is no list"),
        ({"train": ["1"], "val": ["1"]}, "`1` is in `train` and in `val`"),
        ({"train": ["../1"]}, "is no episode"),
    ],
)
def test_subsets_of_another_form(tmp_path: Path, subsets: Any, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(release(tmp_path, subsets))


def test_it_is_not_downloaded(tmp_path: Path) -> None:
    assert RECIPE.card.access == "form"
    assert RECIPE.card.how_to
    assert RECIPE.archives(RECIPE.options({})) == ()
    assert all(clip.source.url is None for clip in clips_of(release(tmp_path)))

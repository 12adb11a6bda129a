"""YouTube-ASL and YouTube-SL-25: ids alone, or ids with the captions that people saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.base import Recipe
from sign_etl.recipes.youtube_asl import RECIPE as ASL
from sign_etl.recipes.youtube_sl_25 import RECIPE as SL25
from sign_etl.schema.clip import Clip

A, B = "-aBcDeFgH_0", "aBcDeFgH_01"
CUES = "WEBVTT\n\n00:01.000 --> 00:02.500\nHello.\n\n00:03.000 --> 00:04.000\nBye.\n"


def clips_of(recipe: Recipe, annotations: Path, **options: Any) -> list[Clip]:
    read = recipe.options({"annotations": annotations, **options})
    return list(recipe.clips(annotations, read, "yt"))


def ids(folder: Path, text: str) -> Path:
    path = folder / "youtube_asl_video_ids.txt"
    path.write_text(text, encoding="ascii")
    return path


def metadata(folder: Path, text: str) -> Path:
    path = folder / "youtube-sl-25-metadata.csv"
    path.write_text(text, encoding="ascii")
    return path


def test_without_captions_a_video_is_a_clip_without_text(tmp_path: Path) -> None:
    clips = clips_of(ASL, ids(tmp_path, f"{A}\n\n{B}\r\n{A}\n"))
    assert [clip.annotation_id for clip in clips] == [A, B]
    assert {(clip.start_s, clip.end_s, clip.text, clip.split) for clip in clips} == {
        (0.0, None, None, "")
    }
    assert clips[0].source.url == f"https://www.youtube.com/watch?v={A}"
    assert clips[0].source.names == (f"videos/{A}", A)


def test_the_name_that_a_browser_gives_the_list(tmp_path: Path) -> None:
    ids(tmp_path, f"{A}\n").rename(tmp_path / "youtube-asl_youtube_asl_video_ids.txt")
    assert len(clips_of(ASL, tmp_path)) == 1


def test_with_captions_every_caption_is_a_clip(tmp_path: Path) -> None:
    ids(tmp_path, f"{A}\n{B}\n")
    (tmp_path / f"{A}.en.vtt").write_text(CUES, encoding="utf-8")
    clips = clips_of(ASL, tmp_path, captions=True)
    assert [(clip.start_s, clip.end_s, clip.text) for clip in clips] == [
        (1.0, 2.5, "Hello."),
        (3.0, 4.0, "Bye."),
    ]
    assert {clip.source.id for clip in clips} == {f"https://www.youtube.com/watch?v={A}"}
    assert clips[0].annotation_id == f"{A}#1000-2500"
    assert clips[0].extra == {"caption_language": "en"}


def test_captions_beside_the_videos(tmp_path: Path) -> None:
    media = tmp_path / "media"
    media.mkdir()
    (media / f"{A}.en.vtt").write_text(CUES, encoding="utf-8")
    path = ids(tmp_path, f"{A}\n")
    assert len(clips_of(ASL, path, media=media, captions=True)) == 2


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (("de", "en", "en-GB"), "en"),
        (("de", "en-GB", "en-US"), "en-GB"),
        (("de", "fr"), "de"),
    ],
)
def test_the_language_of_the_captions(tmp_path: Path, files: tuple[str, ...], chosen: str) -> None:
    ids(tmp_path, f"{A}\n")
    for language in files:
        (tmp_path / f"{A}.{language}.vtt").write_text(CUES, encoding="utf-8")
    clips = clips_of(ASL, tmp_path, captions=True)
    assert {clip.extra["caption_language"] for clip in clips} == {chosen}


def test_captions_that_are_nowhere(tmp_path: Path) -> None:
    ids(tmp_path, f"{A}\n")
    with pytest.raises(AnnotationError, match="no captions"):
        clips_of(ASL, tmp_path, captions=True)


def test_a_line_that_is_no_id(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="row 2: `too-short` is no id"):
        clips_of(ASL, ids(tmp_path, f"{A}\ntoo-short\n"))


def test_every_clip_has_its_own_sign_language(tmp_path: Path) -> None:
    path = metadata(tmp_path, f"{A},ase\r\n{B},???\r\naBcDeFgH_02,gsg\r\n{A},bfi\r\n")
    first, second, third = clips_of(SL25, path)
    assert (first.language, second.language, third.language) == ("ase", "und", "gsg")
    assert first.extra == {"other_languages": "bfi"}
    assert second.extra == third.extra == {}


def test_a_code_of_another_form_is_kept(tmp_path: Path) -> None:
    (clip,) = clips_of(SL25, metadata(tmp_path, f"{A},DGS-x\n"))
    assert (clip.language, clip.extra) == ("und", {"other_languages": "DGS-x"})


def test_some_languages_only(tmp_path: Path) -> None:
    path = metadata(tmp_path, f"{A},ase\n{B},gsg\n")
    (clip,) = clips_of(SL25, path, languages=["gsg"])
    assert clip.annotation_id == B


def test_a_row_without_a_language_column(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="row 1 has 1 cells, not 2"):
        clips_of(SL25, metadata(tmp_path, f"{A}\n"))

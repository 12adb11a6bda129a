"""YouTube-ASL: 984 hours of American Sign Language with English captions (NeurIPS 2023).

    https://github.com/google-research/google-research/tree/master/youtube_asl

A list of 11,093 video ids, one a line; no captions, no splits. See `youtube_list` for what a clip
is with and without captions. YouTube-SL-25 contains these videos.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_bytes
from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Get, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import need
from sign_etl.recipes.index_files import index_file
from sign_etl.recipes.tabular import read_table
from sign_etl.recipes.youtube_list import YOUTUBE_ID, Video, YoutubeListOptions, list_clips
from sign_etl.schema.clip import Clip

INDEX_NAME = "youtube_asl_video_ids.txt"
INDEX_URL = f"https://storage.googleapis.com/gresearch/youtube-asl/{INDEX_NAME}"


class YoutubeAslOptions(YoutubeListOptions):
    """Options of `youtube-asl`."""

    caption_language: str | None = "en"
    """Language of the captions to take where a video has several: `en` or `en-GB`."""


class YoutubeAsl(BaseRecipe):
    """The recipe."""

    name = "youtube-asl"
    version = "1"
    takes = YoutubeAslOptions
    card = DatasetCard(
        title="YouTube-ASL",
        homepage="https://github.com/google-research/google-research/tree/master/youtube_asl",
        language="ase",
        task="translation",
        licence="CC-BY-4.0 (list of ids; the videos are their owners')",
        access="links",
        citation=(
            "Uthus, Tanzer, Georg: YouTube-ASL: A Large-Scale, Open-Domain American Sign "
            "Language-English Parallel Corpus. NeurIPS 2023"
        ),
        clips=11_093,
        layout_evidence="docs",
        notes=(
            "Ids only: without captions each whole video is one clip without text.",
            "With the captions that yt-dlp saves (`captions: true`) each caption is a clip; its "
            "authors count 610,193 of them.",
            "All videos are on YouTube (`pip install 'sign-etl[youtube]'`); many are gone.",
            "More than 2,500 people sign; no list says who signs where.",
        ),
    )

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Download the list unless it is given or there already."""
        if options.annotations is None and not (root / INDEX_NAME).is_file():
            get(INDEX_URL, root / INDEX_NAME)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            AnnotationError: a line is no id of a video, or captions are broken.
        """
        mine = own(options, YoutubeAslOptions)
        path = index_file(root, mine, INDEX_NAME, f"youtube-asl_{INDEX_NAME}")
        table = read_table(path, key_column="id", columns=("id",), delimiter=",", quoted=False)
        videos: dict[str, Video] = {}
        for row in table.rows:
            found = need(table, row, "id")
            if YOUTUBE_ID.fullmatch(found) is None:
                raise wrong_row(table, row, f"`{found}` is no id of a YouTube video")
            videos.setdefault(found, Video(found, "ase", {}))
        yield from list_clips(list(videos.values()), mine, dataset)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three videos, one of them without captions."""
        from sign_etl.recipes.fixture_signing import write_clip

        ids = ("-aBcDeFgH_0", "aBcDeFgH_01", "aBcDeFgH_02")
        write_bytes(root / INDEX_NAME, "".join(f"{found}\n" for found in ids).encode("ascii"))
        for seed, found in enumerate(ids):
            write_clip(root / "videos" / f"{found}.mp4", seed=seed, frames=40)
        cues = (
            "WEBVTT\nKind: captions\nLanguage: en\n\n"
            "00:00:00.100 --> 00:00:00.800 align:start\nHello <i>there</i>,\nfriend.\n\n"
            "00:00:00.800 --> 00:00:01.500\nThis is an eagle.\n"
        )
        for found in ids[:2]:
            write_bytes(root / "videos" / f"{found}.en.vtt", cues.encode("utf-8"))
        return {"annotations": root / INDEX_NAME, "media": root / "videos", "captions": True}


RECIPE: Recipe = YoutubeAsl()

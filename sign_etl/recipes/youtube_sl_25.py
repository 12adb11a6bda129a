"""YouTube-SL-25: more than 3,200 hours in over 25 sign languages, with captions (ICLR 2025).

    https://github.com/google-research/google-research/tree/master/youtube_sl_25

A table without header, `video id,code of the sign language`; no captions, no splits. `???` is an
unknown language, and so are codes that are none of ISO 639-3's form. A video that comes twice is
taken once; its other codes are kept. See `youtube_list` for what a clip is with and without
captions. YouTube-ASL is a part of it.
"""

from __future__ import annotations

import re
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

INDEX_NAME = "youtube-sl-25-metadata.csv"
INDEX_URL = f"https://storage.googleapis.com/gresearch/youtube-sl-25/{INDEX_NAME}"

_CODE = re.compile(r"[a-z]{3}")


class YoutubeSl25Options(YoutubeListOptions):
    """Options of `youtube-sl-25`."""

    languages: tuple[str, ...] = ()
    """Only these sign languages, by ISO 639-3 code: `[ase, bfi]`; empty for all."""


class YoutubeSl25(BaseRecipe):
    """The recipe."""

    name = "youtube-sl-25"
    version = "1"
    takes = YoutubeSl25Options
    card = DatasetCard(
        title="YouTube-SL-25",
        homepage="https://github.com/google-research/google-research/tree/master/youtube_sl_25",
        language="mul",
        task="translation",
        licence="CC-BY-4.0 (list of ids; the videos are their owners')",
        access="links",
        citation=(
            "Tanzer, Zhang: YouTube-SL-25: A Large-Scale, Open-Domain Multilingual Sign Language "
            "Parallel Corpus. ICLR 2025"
        ),
        layout_evidence="docs",
        notes=(
            "Ids and languages only: without captions each whole video is one clip without text.",
            "With the captions that yt-dlp saves (`captions: true`) each caption is a clip.",
            "All videos are on YouTube (`pip install 'sign-etl[youtube]'`); many are gone.",
            "Every clip has its own language; `languages: [bfi]` takes one.",
        ),
    )

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Download the table unless it is given or there already."""
        if options.annotations is None and not (root / INDEX_NAME).is_file():
            get(INDEX_URL, root / INDEX_NAME)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            AnnotationError: a row names no video, or captions are broken.
        """
        mine = own(options, YoutubeSl25Options)
        path = index_file(root, mine, INDEX_NAME, f"youtube-sl-25_{INDEX_NAME}")
        table = read_table(
            path, key_column="id", columns=("id", "language"), delimiter=",", quoted=False
        )
        codes: dict[str, list[str]] = {}
        for row in table.rows:
            found = need(table, row, "id")
            if YOUTUBE_ID.fullmatch(found) is None:
                raise wrong_row(table, row, f"`{found}` is no id of a YouTube video")
            written = codes.setdefault(found, [])
            code = row.cells["language"] or "???"
            if code not in written:
                written.append(code)
        videos = [_video(found, written) for found, written in codes.items()]
        if mine.languages:
            videos = [video for video in videos if video.language in mine.languages]
        yield from list_clips(videos, mine, dataset)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three videos in two sign languages and an unknown one, one of them listed twice."""
        from sign_etl.recipes.fixture_signing import write_clip

        rows = (
            ("-aBcDeFgH_0", "ase"),
            ("aBcDeFgH_01", "gsg"),
            ("aBcDeFgH_02", "???"),
            ("-aBcDeFgH_0", "bfi"),
        )
        table = "".join(f"{found},{code}\r\n" for found, code in rows)
        write_bytes(root / "list" / INDEX_NAME, table.encode("ascii"))
        cues = "WEBVTT\n\n1\n00:00.100 --> 00:00.900\nGuten Tag.\n"
        for seed, (found, _) in enumerate(rows[:3]):
            write_clip(root / "videos" / f"{found}.mp4", seed=seed, frames=30)
            write_bytes(root / "list" / "captions" / f"{found}.de.vtt", cues.encode("utf-8"))
        return {"annotations": root / "list", "media": root / "videos", "captions": True}


RECIPE: Recipe = YoutubeSl25()


def _video(found: str, written: list[str]) -> Video:
    known = [code for code in written if _CODE.fullmatch(code)]
    language = known[0] if known else "und"
    others = [code for code in written if code not in (language, "???")]
    return Video(found, language, {"other_languages": ",".join(others)} if others else {})

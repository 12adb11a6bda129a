"""Clips of data sets that are lists of YouTube videos, with and without their captions.

Such a data set publishes ids alone. The captions, which carry the sentences and their times, are
the uploaders' and come with the videos (`yt-dlp --write-subs`), so there are two ways to read it:

* without captions, every video is one clip without any text: enough to learn poses or pictures;
* with captions (`captions: true`), every caption is a clip, and a video without a caption file has
  none. The files are named `<id>.<language>.vtt` or `.srt`, as yt-dlp does, and lie in the folder
  given with --annotations or beside the videos in --media.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from sign_etl.core.errors import AnnotationError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.base import RecipeOptions
from sign_etl.recipes.captions import EXTENSIONS, read_captions
from sign_etl.schema.clip import Clip, Source, clip_key

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_CAPTIONS = re.compile(r"(?:.*/)?(?P<id>[A-Za-z0-9_-]{11})(?:\.(?P<language>[A-Za-z0-9-]+))?")


class YoutubeListOptions(RecipeOptions):
    """Options of lists of YouTube videos."""

    captions: bool = False
    """Every caption is a clip: files `ID.LANGUAGE.vtt` or `.srt` in the folder of --annotations or
    of --media. Otherwise every video is one clip without text."""
    caption_language: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]+)*$")
    """Language of the captions to take where a video has several: `en` (`en-GB` will do, if
    there is no plain `en`); default the first one by name."""


@dataclass(frozen=True, slots=True)
class Video:
    """One entry of a list.

    Attributes:
        id: the 11 characters that YouTube calls it.
        language: ISO 639-3 code of the sign language.
        extra: further columns.
    """

    id: str
    language: str
    extra: Mapping[str, str]


def list_clips(videos: list[Video], options: YoutubeListOptions, dataset: str) -> Iterator[Clip]:
    """The clips of a list, in its order.

    Args:
        videos: of the list, each once.
        options: say whether there are captions.
        dataset: name for the keys.

    Raises:
        AnnotationError: a caption file is broken, or there is none at all.
        UsageError: a folder cannot be read.
    """
    if not options.captions:
        for video in videos:
            yield _clip(video, video.id, dataset)
        return
    files = _caption_files(options)
    chosen = {
        video.id: _choose(files[video.id], options.caption_language)
        for video in videos
        if video.id in files
    }
    if not chosen:
        raise AnnotationError(
            "no captions of these videos in the folders of --annotations and --media",
            hint="files are named ID.LANGUAGE.vtt, as `yt-dlp --write-subs --sub-format vtt` does",
        )
    for video in videos:
        if video.id not in chosen:
            continue
        language, path = chosen[video.id]
        seen: set[str] = set()
        for cue in read_captions(path):
            name = f"{video.id}#{round(cue.start_s * 1000)}-{round(cue.end_s * 1000)}"
            if name in seen:  # two lines of one moment are one caption to people
                continue
            seen.add(name)
            extra = {"caption_language": language} if language else {}
            yield _clip(video, name, dataset, cue.start_s, cue.end_s, cue.text, extra)


def source_of(video_id: str) -> Source:
    """The source of a video, named as yt-dlp names its file."""
    address = f"https://www.youtube.com/watch?v={video_id}"
    return Source(id=address, url=address, names=(f"videos/{video_id}", video_id))


def _clip(
    video: Video,
    annotation_id: str,
    dataset: str,
    start_s: float = 0.0,
    end_s: float | None = None,
    text: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> Clip:
    source = source_of(video.id)
    return Clip(
        key=clip_key(dataset, annotation_id, source.id, start_s, end_s),
        dataset=dataset,
        annotation_id=annotation_id,
        source=source,
        text=text,
        language=video.language,
        start_s=start_s,
        end_s=end_s,
        extra={**video.extra, **(extra or {})},
    )


def _caption_files(options: RecipeOptions) -> dict[str, dict[str, Path]]:
    """Caption files by video and language; those of --annotations come first."""
    found: dict[str, dict[str, Path]] = {}
    for folder in (options.annotations, options.media):
        if folder is None or folder.is_file():
            continue
        for name in FolderIndex(folder).files():
            stem, dot, extension = name.rpartition(".")
            named = _CAPTIONS.fullmatch(stem)
            if named is not None and f"{dot}{extension.lower()}" in EXTENSIONS:
                found.setdefault(named["id"], {}).setdefault(named["language"] or "", folder / name)
    return found


def _choose(files: Mapping[str, Path], wanted: str | None) -> tuple[str, Path]:
    """The language and the file that suit best."""

    def rank(language: str) -> tuple[bool, bool, str]:
        if wanted is None:
            return False, False, language
        return language != wanted, not language.startswith(f"{wanted}-"), language

    language = min(files, key=rank)
    return language, files[language]

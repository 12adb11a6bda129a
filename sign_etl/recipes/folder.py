"""A folder of your own videos, with or without an annotation table.

    sign-etl ingest folder --media DIR --annotations clips.csv --out BUILD

The table (CSV, TSV, JSON lines or Parquet) has a column `file` and, where you have them, `label`,
`id`, `split`, `signer`, `text`, `gloss`, `language`, `start`, `end` (seconds or HH:MM:SS.mmm) and
`fps`; other columns are kept as `extra`. A file that is not there is a reject and no error.

Without a table every video below the folder is one clip: `train/hello/a.mp4` is in split `train`
and has the label `hello`; both folders may be missing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.core.folder_index import MEDIA_EXTENSIONS, FolderIndex
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Get, Recipe, RecipeOptions, own
from sign_etl.recipes.folder_table import read_clips
from sign_etl.schema.clip import Clip, Source, clip_key

SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "dev": "val", "test": "test"}
"""Folders of the first level that are splits, and what we call them."""


class FolderOptions(RecipeOptions):
    """Options of `folder`."""

    language: str = Field(default="und", pattern=r"^[a-z]{3}$")
    """ISO 639-3 code of the sign language, where no column says it: `ase`, `svk`; `und` for
    unknown."""


class Folder(BaseRecipe):
    """The recipe."""

    name = "folder"
    version = "1"
    takes = FolderOptions
    card = DatasetCard(
        title="A folder of your own videos",
        homepage="",
        language="und",
        task="any",
        licence="yours",
        access="local",
        citation="yours",
        layout_evidence="file",
        notes=(
            "--media names the folder, --annotations a CSV, TSV, JSON lines or Parquet table.",
            "Columns: file; label, id, split, signer, text, gloss, language, start, end, fps.",
            "Without a table the folders say it: [train|val|test/][LABEL/]FILE.",
        ),
    )

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Nothing to download."""

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """No official order."""
        return None

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            UsageError: no folder is given, or it is missing, unreadable or without any video.
            AnnotationError: the table lacks `file`, or a row contradicts something.
        """
        mine = own(options, FolderOptions)
        if mine.media is None:
            raise UsageError("`folder` needs a folder", hint="add --media DIR")
        files = FolderIndex(mine.media).media()
        if not files:
            raise UsageError(
                f"no video below `{mine.media}`",
                hint=f"looked for {', '.join(MEDIA_EXTENSIONS[:6])} and others",
            )
        if mine.annotations is not None:
            trimmed = mine.media_kind == "trimmed"
            yield from read_clips(mine.annotations, dataset, mine.language, trimmed=trimmed)
            return
        for file in files:
            yield clip_of_file(file, dataset, mine.language)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three small videos and their table, with labels in Greek letters and one span."""
        from sign_etl.recipes.signer import clip_poses, render, signer
        from sign_etl.recipes.video_file import write_video

        for number, file in enumerate(("-wave.mp4", "greek/γεια σου.mp4", "greek/rise.mp4")):
            poses = clip_poses("wave", frames=30, seed=number)
            person = signer(number)
            pictures = (render(person, pose, width=192, height=192) for pose in poses)
            write_video(root / "media" / file, pictures)
        table = (
            "file,label,split,signer,start,end,view\r\n"
            "-wave.mp4,wave,train,0,,,front\r\n"
            "greek/γεια σου.mp4,ΓΕΙΑ,val,1,,,front\r\n"
            "greek/rise,rise,test,2,0.2,00:00:01.000,side\r\n"
        )
        write_bytes(root / "clips.csv", table.encode("utf-8-sig"))
        return {
            "media": root / "media",
            "annotations": root / "clips.csv",
            "language": "zxx",
        }


RECIPE: Recipe = Folder()


def clip_of_file(file: str, dataset: str, language: str, *, keypoints: str | None = None) -> Clip:
    """The clip of a file whose folders say split and label.

    Args:
        file: path relative to --media.
        dataset: name for the key.
        language: ISO 639-3 code.
        keypoints: their format, where the file is no video.
    """
    # Composed accents in ids, whatever the disk has: keys must not depend on the file system.
    name = unicodedata.normalize("NFC", file)
    *folders, _ = name.split("/")
    split = SPLIT_FOLDERS.get(folders[0], "") if folders else ""
    labels = folders[1:] if split else folders
    return Clip(
        key=clip_key(dataset, name, name),
        dataset=dataset,
        annotation_id=name,
        source=Source(id=name, names=(file,), keypoints=keypoints),
        split=split,
        label=labels[-1] if labels else None,
        language=language,
    )

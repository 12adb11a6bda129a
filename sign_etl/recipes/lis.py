"""Uni-Sign-LIS: television news in Italian Sign Language, with Italian text (2025).

    https://github.com/colonnaemanuele/Uni-Sign-LIS

Two clips are public, the rest is with its author. Two kinds of index go about; the first that is
there is read:

* `LIS_Labels_{train,dev,test}.json` or one `LIS_Labels.json`: lists of `{video, pose, text}`;
* `xlsx/<date>.xlsx`, one table for each broadcast, without header: the text stands in the third
  column (`text_column`), and the place of the row from 0 is the number of the clip.

Files are `<date>/<number>.mp4` or, in the public sample, `<date>_<number>.mp4`. The author crops
the broadcast to 720 x 710 pixels from x 0, y 150 on; with `uncropped: true` that is the clip's box.
Four dates are left out, as the author does.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sign_etl.core.errors import AnnotationError, MissingExtraError
from sign_etl.core.files import write_json
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import Ids
from sign_etl.recipes.index_files import missing, optional_file, places
from sign_etl.recipes.spreadsheet import WORKBOOK_HINT
from sign_etl.recipes.video_texts import VideoText, read_video_texts
from sign_etl.schema.clip import Clip, Source, clip_key

CROP = (0.0, 150.0, 720.0, 860.0)
"""The author's crop of a broadcast: x0, y0, x1, y1 in pixels."""

_LISTS = {"train": "train", "val": "dev", "test": "test"}
_NAME = re.compile(r"(\d{2}_\d{2}_\d{4})[/_](\d+)")


class LisOptions(RecipeOptions):
    """Options of `lis`."""

    uncropped: bool = False
    """The files are as broadcast: the signer's box is the author's crop."""
    text_column: int = Field(default=3, ge=1, le=26)
    """Column of the text in the tables, from 1."""
    exclude_dates: tuple[str, ...] = ("30_10_2023", "21_11_2022", "07_12_2022", "03_11_2022")
    """Broadcasts (`DD_MM_YYYY`) that are left out of the tables."""


class Lis(BaseRecipe):
    """The recipe."""

    name = "lis"
    version = "1"
    takes = LisOptions
    card = DatasetCard(
        title="Uni-Sign-LIS: news in Italian Sign Language",
        homepage="https://github.com/colonnaemanuele/Uni-Sign-LIS",
        language="ise",
        task="translation",
        licence="none stated",
        access="form",
        citation="Colonna: Uni-Sign-LIS, github.com/colonnaemanuele/Uni-Sign-LIS, 2025",
        layout_evidence="docs",
        notes=(
            "Two clips are public; their keypoints are in pixels, with width and height swapped.",
            "Reading the tables needs `pip install 'sign-etl[xlsx]'`.",
        ),
        how_to=(
            "Ask Emanuele Colonna (see the homepage) for the files, and name their folder with "
            "--media."
        ),
    )

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            AnnotationError: there is no index, or it has another form.
            MissingExtraError: the index is tables, and openpyxl is not installed.
        """
        mine = own(options, LisOptions)
        for split, entry in _entries(root, mine):
            named = _NAME.fullmatch(entry.stem)
            yield Clip(
                key=clip_key(dataset, entry.stem, entry.video),
                dataset=dataset,
                annotation_id=entry.stem,
                source=Source(id=entry.video, names=_files(entry.video)),
                split=split,
                text=entry.text,
                language="ise",
                bbox=CROP if mine.uncropped else None,
                extra={**entry.extra, **({"date": named[1]} if named else {})},
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four clips of two broadcasts in three lists."""
        from sign_etl.recipes.fixture_signing import write_clip

        rows = {
            "train": (
                ("12_10_2023/0", "Buonasera e ben ritrovati"),
                ("12_10_2023/1", "La notizia del giorno è questa"),
            ),
            "dev": (("13_10_2023/0", "Passiamo allo sport"),),
            "test": (("13_10_2023/4", "Arrivederci a domani"),),
        }
        for split, clips in rows.items():
            entries = [
                {"video": f"{stem}.mp4", "pose": f"{stem}.pkl", "text": text}
                for stem, text in clips
            ]
            write_json(root / "data" / f"LIS_Labels_{split}.json", entries)
            for seed, (stem, _) in enumerate(clips):
                write_clip(root / "rgb_format" / f"{stem}.mp4", seed=len(split) + seed)
        return {"media": root, "annotations": root / "data"}


RECIPE: Recipe = Lis()


def _files(video: str) -> tuple[str, ...]:
    # Never a bare `0.mp4`: every broadcast has one.
    stem = posixpath.splitext(video)[0]
    named = _NAME.fullmatch(stem)
    spellings = [stem] if named is None else [f"{named[1]}/{named[2]}", f"{named[1]}_{named[2]}"]
    folders = ("rgb_format/", "cropped_videos/", "")
    return tuple(f"{folder}{spelling}.mp4" for spelling in spellings for folder in folders)


def _entries(root: Path, options: LisOptions) -> Iterator[tuple[str, VideoText]]:
    """Split and clip in the order of the index."""
    given = options.annotations
    if given is not None and given.is_file() and given.suffix != ".xlsx":
        own_split = next(
            (split for split, word in _LISTS.items() if given.stem.endswith(f"_{word}")), ""
        )
        lists = {own_split: given}
    else:
        lists = {
            split: path
            for split, word in _LISTS.items()
            if (path := _list(root, options, f"LIS_Labels_{word}.json")) is not None
        }
        if not lists and (whole := _list(root, options, "LIS_Labels.json")) is not None:
            lists = {"": whole}
    if lists:
        ids = Ids()
        for split, path in lists.items():
            yield from ((split, entry) for entry in read_video_texts(path, ids))
        return
    for path in _tables(root, options):
        yield from (("", entry) for entry in _read_xlsx(path, options.text_column))


def _list(root: Path, options: LisOptions, name: str) -> Path | None:
    if options.annotations is not None and options.annotations.is_file():
        return None
    return optional_file(root, options, name, f"data/{name}")


def _tables(root: Path, options: LisOptions) -> list[Path]:
    """The tables of the broadcasts, by date as text, as the author orders them."""
    given = options.annotations
    if given is not None and given.is_file():
        return [given]
    for place in places(root, options):
        for folder in (place / "xlsx", place):
            found = sorted(
                path
                for path in folder.glob("[0-9][0-9]_[0-9][0-9]_[0-9][0-9][0-9][0-9].xlsx")
                if path.stem not in options.exclude_dates
            )
            if found:
                return found
    raise missing(options, ["LIS_Labels.json", "xlsx/DD_MM_YYYY.xlsx"])


def _read_xlsx(path: Path, column: int) -> Iterator[VideoText]:
    """The clips of a broadcast; a row without text is a clip that nobody has annotated."""
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError("reading .xlsx tables", "xlsx") from error
    from zipfile import BadZipFile

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise AnnotationError(
            f"{path.name}: is no readable .xlsx table", hint=WORKBOOK_HINT
        ) from error
    try:
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(min_row=1, min_col=column, max_col=column, values_only=True)
        for number, (value,) in enumerate(rows):
            text = "" if value is None else str(value).strip()
            if text:
                stem = f"{path.stem}/{number}"
                yield VideoText(video=f"{stem}.mp4", stem=stem, text=text, extra={})
    finally:
        book.close()

"""Lists of videos as SignVLM, EVL and VideoMAE (and so the ICDM 2024 demo) read them.

    https://github.com/MCG-NJU/VideoMAE        https://github.com/Hamzah-Luqman/signVLM

One clip a line, `PATH LABEL`, with a tab or a blank in between and no header; `train.csv`,
`val.csv`, `test.csv` or names with these words in them. What one must know:

* A path may hold blanks, so the label is what stands last. A third column (VideoMAE's lists for
  pre-training have one) is kept as `extra`.
* A path without extension stands for `.mp4`; absolute paths are looked up below --media.
* SignVLM also reads folders of frames, named as the video without extension: say `frames_fps`.
* Labels are numbers; `names` (one name a line, or `number<tab>name`) gives their words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.core.files import write_bytes
from sign_etl.core.folder_index import has_media_extension
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.reading import read_utf8
from sign_etl.schema.clip import Clip, Source, clip_key

EXTENSIONS = (".csv", ".txt", ".list", ".lst", ".tsv")
_SPLITS = {"train": "train", "trainval": "train", "val": "val", "valid": "val", "test": "test"}
_WORD = re.compile(r"[a-z]+")
_TABBED = re.compile(r"(?P<path>[^\t]+)\t\s*(?P<label>\d+)(?:\s+(?P<more>\S.*))?")
_BLANKS = re.compile(r"(?P<path>\S.*?)\s+(?P<label>\d+)(?:\s+(?P<more>\d+))?")


class ListFileOptions(RecipeOptions):
    """Options of `list-file`."""

    frames_fps: float | None = Field(default=None, gt=0, le=1000)
    """Set where the clips are folders of pictures: how many of them are a second."""
    names: str | None = Field(default=None, pattern=r"^[^/]+$")
    """File beside the lists with the names of the classes: one a line, or `number<tab>name`."""
    language: str = Field(default="und", pattern=r"^[a-z]{3}$")
    """ISO 639-3 code of the sign language."""


class ListFile(BaseRecipe):
    """The recipe."""

    name = "list-file"
    version = "1"
    takes = ListFileOptions
    card = DatasetCard(
        title="Lists of videos with class numbers (VideoMAE, SignVLM)",
        homepage="https://github.com/MCG-NJU/VideoMAE",
        language="und",
        task="isolated",
        licence="that of the data set in them",
        access="local",
        citation="yours",
        layout_evidence="docs",
        notes=(
            "--annotations names a list or the folder with the lists, --media that of the videos.",
            "For folders of frames say `frames_fps: 25`.",
        ),
    )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The classes in the order of their numbers."""
        mine = own(options, ListFileOptions)
        words = _names(mine)
        if words is not None:
            return words
        highest = max(
            (int(row.label) for path, _ in _lists(mine) for row in _rows(path)), default=0
        )
        return [str(number) for number in range(highest + 1)]

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            UsageError: there is no list.
            AnnotationError: a line is no `PATH LABEL`, names a class that has no name, or a clip
                stands in a list twice.
        """
        mine = own(options, ListFileOptions)
        words = _names(mine)
        for path, split in _lists(mine):
            seen: set[str] = set()
            for row in _rows(path):
                if words is not None and int(row.label) >= len(words):
                    raise row.wrong(
                        f"class {row.label} has no name in {mine.names}",
                        f"{mine.names} has {len(words)} names, one for each class from 0 on",
                    )
                if row.file in seen:
                    raise row.wrong(f"`{row.file}` stands here twice", "remove one of the lines")
                seen.add(row.file)
                label = str(int(row.label))
                stem = str(PurePosixPath(row.file).with_suffix(""))
                annotation_id = f"{path.stem}/{stem if has_media_extension(row.file) else row.file}"
                source = stem if mine.frames_fps and has_media_extension(row.file) else row.file
                yield Clip(
                    key=clip_key(dataset, annotation_id, source, slug=f"{label}-{stem}"),
                    dataset=dataset,
                    annotation_id=annotation_id,
                    source=Source(
                        id=source,
                        names=(source, source.rpartition("/")[2]),
                        trimmed=True,
                        frames_fps=mine.frames_fps,
                    ),
                    split=split,
                    label=label if words is None else words[int(row.label)],
                    language=mine.language,
                    extra={"column_3": row.more} if row.more else {},
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three lists, with tabs, blanks and a third column, over four videos."""
        from sign_etl.recipes.fixture_signing import write_clip

        videos = ("01/a b.mp4", "01/b.mp4", "02/-c.mp4", "03/d.mp4")
        for seed, name in enumerate(videos):
            write_clip(root / "videos" / name, seed=seed)
        lists = {
            "train.csv": "01/a b.mp4 0\n01/b.mp4 1 0\n",
            "val.csv": "02/-c.mp4 1\n",
            "SL_03-test.txt": "03/d\t0\n",
        }
        for name, text in lists.items():
            write_bytes(root / "lists" / name, text.encode())
        write_bytes(root / "lists" / "names.txt", b"0\tdrink\n1\tbook\n")
        return {
            "media": root / "videos",
            "annotations": root / "lists",
            "names": "names.txt",
            "language": "zxx",
        }


RECIPE: Recipe = ListFile()


class _Row:
    """One line of a list."""

    def __init__(self, path: Path, number: int, line: str) -> None:
        self._place = f"{path.name}: line {number}"
        found = _TABBED.fullmatch(line) or _BLANKS.fullmatch(line)
        if found is None:
            raise self.wrong(
                "is no `PATH LABEL`, the label a number",
                "the label stands last, behind a tab or a blank",
            )
        self.file = found["path"].strip().lstrip("/").removeprefix("./")
        self.label = found["label"]
        self.more = found["more"]
        if not self.file or ".." in self.file.split("/"):
            raise self.wrong(
                f"`{found['path']}` is outside of the folder", "write paths relative to --media"
            )

    def wrong(self, what: str, hint: str) -> AnnotationError:
        return AnnotationError(f"{self._place} {what}", hint=hint)


def _rows(path: Path) -> Iterator[_Row]:
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _Row(path, number, line)


def _lines(path: Path) -> list[str]:
    hint = "lists and `dataset.names` are looked for where --annotations says"
    return read_utf8(path, hint).splitlines()


def _lists(options: ListFileOptions) -> list[tuple[Path, str]]:
    """The lists with their splits, in the order train, val, test."""
    place = options.annotations
    if place is None:
        raise UsageError("`list-file` needs a list", hint="add --annotations FILE or DIR")
    if place.is_file():
        return [(place, _split(place))]
    lists = [
        (path, split)
        for path in sorted(place.glob("*"))
        if path.suffix.lower() in EXTENSIONS and (split := _split(path))
    ]
    if not lists:
        raise UsageError(
            f"no list in `{place}`: looked for names with train, val or test in them",
            hint="name one list with --annotations",
        )
    return sorted(lists, key=lambda entry: (list(_SPLITS.values()).index(entry[1]), entry[0].name))


def _split(path: Path) -> str:
    """The last word of the name that is a split; empty if none is."""
    words = [_SPLITS[word] for word in _WORD.findall(path.stem.lower()) if word in _SPLITS]
    return words[-1] if words else ""


def _names(options: ListFileOptions) -> list[str] | None:
    """Class names in the order of their numbers; None where no file names them."""
    if options.names is None or options.annotations is None:
        return None
    place = options.annotations
    path = (place.parent if place.is_file() else place) / options.names
    lines = [line for line in _lines(path) if line.strip()]
    pairs = [line.split("\t", 1) for line in lines]
    if all(len(pair) == 2 and pair[0].strip().isdigit() for pair in pairs):
        numbered = {int(number): name.strip() for number, name in pairs}
        if sorted(numbered) != list(range(len(lines))):
            raise AnnotationError(
                f"{path.name}: does not number the classes from 0",
                hint=f"its {len(lines)} lines need the numbers 0 to {len(lines) - 1}, once each",
            )
        return [numbered[number] for number in range(len(lines))]
    return [line.strip() for line in lines]

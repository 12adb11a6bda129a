"""INCLUDE: 263 isolated signs of Indian Sign Language in 15 categories (ACM Multimedia 2020).

    https://zenodo.org/record/4010759

Lists are `Category,Word,Video,FilePath`, one for train and one for test, with lists of their own
for the fifty words of INCLUDE50. What one must know to read them:

* A word has its serial number before it (`4. sad`); one has `Ex. ` (`Ex. Monsoon`), one nothing
  (`Second (Number)`). Our label is the word (`sad`); `extra["word"]` keeps what is written. Class
  ids follow what is written, sorted as text (`1. Dog`, `1. Religion`, `1. loud`, `10. Energy`): so
  they are those of OpenHands. The authors' own training code has another order, of the bare words.
* A category is written with blanks or with underscores (`Means of Transportation`); in `FilePath`
  and on disk it has underscores.
* File names are counters of several cameras: 506 of them stand for two or more words. So a file is
  looked for together with the folder of its word, never alone.
* Files are `.MOV` and `.MP4`, some in a further folder `Extra` or `extra`.
* Folder `Second (Number)` is missing in the archives: its clips are rejects.
* INCLUDE50 is split anew: of its train clips 146 are test clips of INCLUDE, of its test clips 159
  are train clips there.
* `include_val.txt` and `include50_val.txt` of the authors' code name the train clips that are
  theirs for validation; where they are beside the lists those clips are split `val`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sign_etl.core.files import write_bytes
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import Ids, need, need_columns
from sign_etl.recipes.include_archives import ARCHIVE_BYTES
from sign_etl.recipes.index_files import optional_file, split_files
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

ZENODO = "https://zenodo.org/records/4010759/files"
COLUMNS = ("Category", "Word", "Video", "FilePath")

_SERIAL = re.compile(r"(?:\d+|Ex)\.\s*")


class IncludeOptions(RecipeOptions):
    """Options of `include`."""

    subset: Literal[50] | None = None
    """50 for INCLUDE50, with its own split; default all 263 words."""


class Include(BaseRecipe):
    """The recipe."""

    name = "include"
    version = "1"
    takes = IncludeOptions
    card = DatasetCard(
        title="INCLUDE: Indian Lexicon Sign Language Dataset",
        homepage="https://zenodo.org/record/4010759",
        language="ins",
        task="isolated",
        licence="CC-BY-4.0",
        access="direct",
        citation=(
            "Sridhar, Ganesan, Kumar, Khapra: INCLUDE: A Large Scale Dataset for Indian Sign "
            "Language Recognition. ACM Multimedia 2020"
        ),
        clips=4_292,
        download_bytes=sum(ARCHIVE_BYTES.values()),
        layout_evidence="file",
        notes=(
            "The lists name no signers, so nobody can tell whether train and test share them.",
            "INCLUDE50 is split anew: 159 of its 192 test clips are train clips of INCLUDE.",
            "The archives lack the folder `Second (Number)`.",
            "INCLUDE50 has no test clip of `dry`.",
        ),
        how_to=(
            "the lists train_include.csv and test_include.csv come with the data set and its "
            "loaders; give their folder with --annotations"
        ),
    )

    def archives(self, options: RecipeOptions) -> tuple[Archive, ...]:
        """The zip files of all categories; each holds `CATEGORY/WORD/VIDEO`.

        None where the lists are not given: nobody wants to hear of that after 57 GB.
        """
        if options.annotations is None:
            return ()
        return tuple(
            Archive((f"{ZENODO}/{name}?download=1",), size_bytes=size)
            for name, size in ARCHIVE_BYTES.items()
        )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The words in the order of what is written, serial number included."""
        mine = own(options, IncludeOptions)
        written = {need(table, row, "Word") for _, table, row in _rows(root, mine)}
        return [_bare(word) for word in sorted(written)]

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        mine = own(options, IncludeOptions)
        validation = _validation(root, mine)
        ids = Ids()
        for split, table, row in _rows(root, mine):
            path = ids.add(need(table, row, "FilePath"), table, row)
            held_out = split == "train" and _stem(path) in validation
            yield _clip(table, row, path, dataset, "val" if held_out else split)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Two words with the oddities of the real lists, one of them with a validation clip."""
        from sign_etl.recipes.fixture_signing import write_clip

        train = (
            "Adjectives,4. sad,MVI_9568.MOV,Adjectives/4. sad/MVI_9568.MOV",
            "Seasons,Ex. Monsoon,Extra/MVI_4671.MOV,Seasons/Ex. Monsoon/Extra/MVI_4671.MOV",
            "Means of Transportation,10. Plane,MVI_8581.MP4,"
            "Means_of_Transportation/10. Plane/MVI_8581.MP4",
        )
        test = (
            "Adjectives,4. sad,MVI_4671.MOV,Adjectives/4. sad/MVI_4671.MOV",
            "Seasons,Ex. Monsoon,MVI_0050_ (1).MOV,Seasons/Ex. Monsoon/MVI_0050_ (1).MOV",
        )
        for split, rows in (("train", train), ("test", test)):
            text = "\n".join((",".join(COLUMNS), *rows, ""))
            write_bytes(root / "lists" / f"{split}_include.csv", text.encode("utf-8"))
            for seed, row in enumerate(rows):
                write_clip(root / "media" / row.rpartition(",")[2], seed=seed)
        validation = "Means_of_Transportation/10. Plane/MVI_8581.MOV\n"
        write_bytes(root / "lists" / "include_val.txt", validation.encode("utf-8"))
        return {"annotations": root / "lists", "media": root / "media"}


RECIPE: Recipe = Include()


def _rows(root: Path, options: IncludeOptions) -> Iterator[tuple[str, Table, Row]]:
    """Split, table and row, over both lists."""
    size = options.subset or ""
    names = {split: (f"{split}_include{size}.csv",) for split in ("train", "test")}
    for split, path in split_files(root, options, names):
        table = read_table(path, key_column="FilePath")
        need_columns(table, *COLUMNS)
        for row in table.rows:
            yield split, table, row


def _validation(root: Path, options: IncludeOptions) -> set[str]:
    """Paths of validation clips without their extension: the list says .MOV where .MP4 is right."""
    path = optional_file(root, options, f"include{options.subset or ''}_val.txt")
    if path is None:
        return set()
    table = read_table(path, key_column="path", columns=("path",), delimiter="\t", quoted=False)
    return {_stem(need(table, row, "path")) for row in table.rows}


def _clip(table: Table, row: Row, path: str, dataset: str, split: str) -> Clip:
    written, video = need(table, row, "Word"), need(table, row, "Video")
    label = _bare(written)
    beside_word = f"{written}/{video}"
    return Clip(
        key=clip_key(dataset, path, path, slug=f"{label}-{_stem(video)}"),
        dataset=dataset,
        annotation_id=path,
        source=Source(id=path, names=(path, _stem(path), beside_word, _stem(beside_word))),
        split=split,
        label=label,
        gloss=label,
        language="ins",
        extra={"word": written, "category": need(table, row, "Category").replace("_", " ")},
    )


def _bare(written: str) -> str:
    return _SERIAL.sub("", written, count=1) if _SERIAL.match(written) else written


def _stem(path: str) -> str:
    """`path` without a video's extension; a dot elsewhere (`4. sad`) stays."""
    head, dot, tail = path.rpartition(".")
    return head if dot and tail.lower() in ("mov", "mp4") else path

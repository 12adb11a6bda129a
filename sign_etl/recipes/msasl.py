"""MS-ASL: 1,000 isolated signs of American Sign Language on YouTube (BMVC 2019).

    https://www.microsoft.com/en-us/research/project/ms-asl/

A small archive with five JSON files; the videos stay where they are. What one must know:

* `start_time` and `end_time` count, in seconds. `start` and `end` are the same in frames of the
  file that the annotators had; YouTube has encoded many of them again since, at another rate.
* `box` is `[y0, x0, y1, x1]` in shares of the annotated `height` and `width`; ours is in pixels.
* `label` is a place in `MSASL_classes.json`. MS-ASL100, 200 and 500 are the labels below K.
* Clips have no id: ours is split and place in the file, `val-00017`, in every subset the same.
* Many addresses lack the scheme (`www.youtube.com/...`) or carry a time (`&t=54s`).
* The splits share no signer. `signer_id` counts; `signer` is an older number, -1 for unknown.

Labels are normalised by the authors: words that they took for one sign (a row of
`MSASL_synonym.json`) have one class, the first word of the row. The word as it was annotated stays
in `extra["clean_text"]`; where it was merged for that reason, `extra["synonym_of"]` says so with
the first word of its row, which is the label. Other differences (`ﬂower`, written with one letter
`ﬂ`, is `flower`) have no such column. Annotation files keep `-1` and the like as they are.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.core.files import write_bytes
from sign_etl.recipes.addresses import canonical_address, youtube_id
from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Get, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import need, number, span
from sign_etl.recipes.index_files import missing, optional_file, split_files
from sign_etl.recipes.msasl_words import read_classes, read_synonyms, write_fixture
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

INDEX_URL = (
    "https://download.microsoft.com/download/3/c/a/3ca92c78-1c4a-4a91-a7ee-6980c1d242ec/MS-ASL.zip"
)
INDEX_SHA256 = "a8562008309eea4129e1bc0ed7f654a314fee195227222859657e307b6434c34"
INDEX_NAME = "MS-ASL.zip"
CLASSES_NAME = "MSASL_classes.json"
SYNONYMS_NAME = "MSASL_synonym.json"
SPLIT_NAMES = {split: (f"MSASL_{split}.json",) for split in ("train", "val", "test")}
MAX_MEMBER_BYTES = 64 << 20

_ZIP_HINT = "unpack it and name the folder with --annotations, or download it anew"
_SAID = {"url", "label", "text", "signer_id", "box", "start_time", "end_time", "start", "end"}
"""Columns that stand in the clip itself, or say less exactly what its span says."""


class MsaslOptions(RecipeOptions):
    """Options of `msasl`."""

    subset: Literal[100, 200, 500, 1000] | None = None
    """Only the first so many classes; default all 1,000."""


class Msasl(BaseRecipe):
    """The recipe."""

    name = "msasl"
    version = "1"
    takes = MsaslOptions
    card = DatasetCard(
        title="MS-ASL: Microsoft American Sign Language",
        homepage="https://www.microsoft.com/en-us/research/project/ms-asl/",
        language="ase",
        task="isolated",
        licence="C-UDA-0.1",
        access="links",
        citation=(
            "Vaezi Joze, Koller: MS-ASL: A Large-Scale Data Set and Benchmark for Understanding "
            "American Sign Language. BMVC 2019"
        ),
        clips=25_513,
        signers=222,
        layout_evidence="file",
        notes=(
            "Computational use only; the agreement is in the archive of the annotations.",
            "All clips are on YouTube (`pip install 'sign-etl[youtube]'`); many are gone.",
            "Labels are merged by the authors' table of synonyms; `clean_text` keeps the word.",
        ),
    )

    def fetch_index(self, root: Path, options: RecipeOptions, get: Get) -> None:
        """Download and unpack the annotations unless they are given or there already."""
        if options.annotations is None and not (root / CLASSES_NAME).is_file():
            get(INDEX_URL, root / INDEX_NAME, sha256=INDEX_SHA256)
            _unpack(root / INDEX_NAME, root)

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The words of `MSASL_classes.json`: the place is the class id."""
        mine = own(options, MsaslOptions)
        return read_classes(_beside(root, mine, CLASSES_NAME))[: mine.subset]

    def synonyms(self, root: Path, options: RecipeOptions) -> Mapping[str, str]:
        """For each word that was merged into a class the word of that class."""
        classes = read_classes(_beside(root, options, CLASSES_NAME))
        return read_synonyms(_beside(root, options, SYNONYMS_NAME), classes)

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`. A folder given with --annotations may lack splits, but not all of them.

        Raises:
            AnnotationError: a file is missing or a row contradicts something.
            UsageError: the files are said to be cut, for which MS-ASL knows no names.
        """
        mine = own(options, MsaslOptions)
        if mine.media_kind == "trimmed":
            raise UsageError(
                "MS-ASL has no names for clips that are cut already",
                hint="list such files in a table and use the recipe `folder`",
            )
        classes = read_classes(_beside(root, mine, CLASSES_NAME))
        synonyms = read_synonyms(_beside(root, mine, SYNONYMS_NAME), classes)
        for split, path in split_files(root, mine, SPLIT_NAMES):
            table = read_table(path, key_column="url")
            for place, row in enumerate(table.rows):
                label = _class_id(table, row, classes)
                if mine.subset is None or label < mine.subset:
                    word = classes[label]
                    yield _clip(table, row, f"{split}-{place:05d}", split, word, synonyms, dataset)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Four instances of two classes and three signers in the three files."""
        return write_fixture(root)


RECIPE: Recipe = Msasl()


def _beside(root: Path, options: RecipeOptions, name: str) -> Path:
    """A file without which the splits mean nothing, also where --annotations names one split."""
    found = optional_file(root, options, name)
    if found is None:
        raise missing(options, [name])
    return found


def _class_id(table: Table, row: Row, classes: list[str]) -> int:
    label = number(table, row, "label")
    if label not in range(len(classes)):
        raise wrong_row(table, row, f"`label` is {label:g}, but there are {len(classes)} classes")
    return int(label)


def _clip(
    table: Table,
    row: Row,
    annotation_id: str,
    split: str,
    label: str,
    synonyms: Mapping[str, str],
    dataset: str,
) -> Clip:
    written = need(table, row, "url")
    try:
        address = canonical_address(written)
    except ValueError as error:
        raise wrong_row(table, row, "`url` is no http(s) address") from error
    start_s, end_s = number(table, row, "start_time"), number(table, row, "end_time")
    start_s, end_s = span(table, row, start_s, end_s)
    youtube = youtube_id(address)
    slug = f"{label}-{annotation_id}"
    return Clip(
        key=clip_key(dataset, annotation_id, address, start_s, end_s, slug=slug),
        dataset=dataset,
        annotation_id=annotation_id,
        source=Source(id=address, url=address, names=(youtube,) if youtube else ()),
        split=split,
        label=label,
        gloss=label,
        language="ase",
        signer=need(table, row, "signer_id"),
        start_s=start_s,
        end_s=end_s,
        bbox=_pixels(table, row),
        extra=_extra(row, label, synonyms) | ({"url": written} if written != address else {}),
    )


def _extra(row: Row, label: str, synonyms: Mapping[str, str]) -> dict[str, str]:
    extra = {
        name: cell for name, cell in row.cells.items() if cell is not None and name not in _SAID
    }
    if row.cells.get("text") not in (None, label):
        extra["text"] = row.cells["text"] or ""
    if synonyms.get((row.cells.get("clean_text") or "").lower()) == label:
        extra["synonym_of"] = label
    return extra


def _pixels(table: Table, row: Row) -> tuple[float, float, float, float] | None:
    """The box in pixels of the annotated size, (x0, y0, x1, y1)."""
    written = row.cells.get("box")
    if written is None:
        return None
    try:
        y0, x0, y1, x1 = (float(share) for share in json.loads(written))
    except (ValueError, TypeError) as error:
        raise wrong_row(table, row, "`box` is no list of four numbers") from error
    if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
        raise wrong_row(table, row, "`box` is no [y0, x0, y1, x1] in shares from 0 to 1")
    width, height = number(table, row, "width"), number(table, row, "height")
    return x0 * width, y0 * height, x1 * width, y1 * height


def _unpack(archive: Path, folder: Path) -> None:
    # The classes last: that they are there tells that all are.
    wanted = (*(names[0] for names in SPLIT_NAMES.values()), SYNONYMS_NAME, CLASSES_NAME)
    try:
        with zipfile.ZipFile(archive) as packed:
            members = {info.filename.rpartition("/")[2]: info for info in packed.infolist()}
            for name in wanted:
                if name not in members or members[name].file_size > MAX_MEMBER_BYTES:
                    raise AnnotationError(
                        f"{archive.name}: holds no usable `{name}`", hint=_ZIP_HINT
                    )
                write_bytes(folder / name, packed.read(members[name]))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise AnnotationError(f"{archive.name}: is a broken archive", hint=_ZIP_HINT) from error

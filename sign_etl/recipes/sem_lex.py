"""Sem-Lex: isolated signs of American Sign Language with their phonology (ASSETS 2023).

    https://github.com/leekezar/SemLex

One table, `semlex_metadata.csv`, and one WebM file a video, `ID.webm`, in an archive for each
split. Its first column is a number that comes more than once; `video_id` names the file. What one
must know to read the table:

* A video may stand in it several times: with labels of several kinds (`label_type`: `asllex`,
  `signbank`, `freetext`), or in two splits. A row that says nothing new is left out. The others
  are clips of their own, `ID#2` and so on, that share the file. `label_type: asllex` keeps the
  3,149 signs of the benchmark only.
* At least 922 files hold the same video under two names, some in two splits; see the report of
  the build.
* Labels may hold blanks and commas; some have blanks around them, which are no part of the class.
* One row, `AjczHbfK9Z6v83rQDcuE`, has the label `na` and little else: rows without a label are
  left out.
* Columns of the phonology are kept in `extra`, under their own names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from sign_etl.core.files import write_bytes
from sign_etl.recipes.annotation_files import numbered, wrong_row
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import need, need_columns
from sign_etl.recipes.index_files import index_file
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

INDEX_NAMES = ("semlex_metadata.csv", "sem-lex-metadata.csv")
SPLITS = ("train", "val", "test")
NO_LABEL = "na"

_NEEDED = ("video_id", "signer_id", "split", "label_type", "label")
_SAID = {"id", "video_id", "signer_id", "split", "label"}


class SemLexOptions(RecipeOptions):
    """Options of `sem-lex`."""

    label_type: str | None = Field(default=None, pattern=r"^[a-z_]{1,32}$")
    """Only rows with labels of this kind, such as `asllex`; default all."""


class SemLex(BaseRecipe):
    """The recipe."""

    name = "sem-lex"
    version = "1"
    takes = SemLexOptions
    card = DatasetCard(
        title="The Sem-Lex Benchmark",
        homepage="https://github.com/leekezar/SemLex",
        language="ase",
        task="isolated",
        licence="Sem-Lex terms of use",
        access="form",
        citation=(
            "Kezar, Thomason, Caselli, Sehyr, Pontecorvo: The Sem-Lex Benchmark: Modeling ASL "
            "Signs and Their Phonemes. ASSETS 2023"
        ),
        clips=91_148,
        signers=41,
        layout_evidence="docs",
        notes=(
            "Some videos are in the data twice, also across splits: read the report of the build.",
            "91,148 rows; those that repeat another row are no clips.",
        ),
        how_to=(
            "Agree to the terms of use that https://github.com/leekezar/SemLex links to, download "
            "and unpack the videos into one folder with semlex_metadata.csv."
        ),
    )

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            AnnotationError: the table is missing, or it lacks or contradicts something.
        """
        mine = own(options, SemLexOptions)
        table = read_table(
            index_file(root, mine, *INDEX_NAMES), key_column="video_id", delimiter=","
        )
        need_columns(table, *_NEEDED)
        rows = _different(table)
        # Numbered before the choice of a kind: a clip's id is the same in both.
        ids = numbered(row.cells["video_id"] or "" for row in rows)
        folders = _folders(rows)
        for row, annotation_id in zip(rows, ids, strict=True):
            if mine.label_type in (None, row.cells["label_type"]):
                yield _clip(table, row, annotation_id, folders, dataset)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """The table and the unpacked archives: six rows, four videos, three signers."""
        from sign_etl.recipes.fixture_signing import write_clip

        lines = [_FIXTURE_HEADER, *_FIXTURE_ROWS, ""]
        write_bytes(root / INDEX_NAMES[0], "\n".join(lines).encode())
        for number, row in enumerate(_FIXTURE_ROWS[:1] + _FIXTURE_ROWS[3:]):
            cells = row.split(",")
            write_clip(root / cells[4] / f"{cells[1]}.webm", seed=number)
        return {"media": root}


_FIXTURE_HEADER = ",video_id,signer_id,duration,split,label_type,label,Handshape,Sign Type"
_FIXTURE_ROWS = (
    "0,Ab0,7,0.8,train,asllex,30_minute ,1,OneHanded",
    "0,Ab0,7,0.8,train,asllex,30_minute,1,OneHanded",
    "1,Ab0,7,0.8,train,freetext,half an hour,,",
    '2,Bc1,8,0.8,train,asllex,"release, rescue",s,SymmetricalOrAlternating',
    "3,Cd2,9,0.8,val,asllex,30_minute,1,OneHanded",
    "4,De3,9,0.8,test,freetext,last year,,",
    "5,AjczHbfK9Z6v83rQDcuE,,,train,,na,,",
)

RECIPE: Recipe = SemLex()


def _different(table: Table) -> list[Row]:
    """The rows that have a label and say something that no row before them says."""
    seen: set[tuple[str | None, ...]] = set()
    rows = []
    for row in table.rows:
        label = row.cells["label"]
        if label is None or label.lower() == NO_LABEL:
            continue
        said = tuple(row.cells[name] for name in _NEEDED)
        if said not in seen:
            seen.add(said)
            rows.append(row)
    return rows


def _folders(rows: list[Row]) -> dict[str, tuple[str, ...]]:
    """For each video the splits that it stands in: its file is in the archive of one of them."""
    folders: dict[str, tuple[str, ...]] = {}
    for row in rows:
        video, split = row.cells["video_id"] or "", row.cells["split"] or ""
        known = folders.setdefault(video, ())
        if split not in known:
            folders[video] = (*known, split)
    return folders


def _clip(
    table: Table,
    row: Row,
    annotation_id: str,
    folders: Mapping[str, tuple[str, ...]],
    dataset: str,
) -> Clip:
    video, label = need(table, row, "video_id"), need(table, row, "label")
    split = need(table, row, "split").lower()
    if split not in SPLITS:
        raise wrong_row(table, row, f"`split` is `{split}`, not one of {', '.join(SPLITS)}")
    return Clip(
        key=clip_key(dataset, annotation_id, video, slug=f"{label}-{annotation_id}"),
        dataset=dataset,
        annotation_id=annotation_id,
        source=Source(
            id=video,
            names=(*(f"{folder}/{video}.webm" for folder in folders[video]), f"{video}.webm"),
        ),
        split=split,
        label=label,
        gloss=label,
        language="ase",
        signer=row.cells["signer_id"],
        extra={
            name: cell for name, cell in row.cells.items() if cell is not None and name not in _SAID
        },
    )

"""BosphorusSign22k: 744 isolated signs of Turkish Sign Language, six native signers (LREC 2020).

    https://www.cmpe.boun.edu.tr/pilab/BosphorusSign/home_en.html

The list has a header, `SubsetID,ClassID,ClassName_tr,ClassName_eng,UserID,RepeatID`, and names no
file: a video is `{ClassID:04d}/{UserID}_{RepeatID:03d}.mp4`, as in `0001/User_2_001.mp4`. What one
must know:

* Signers are `User_2` to `User_7`. Signer-independent work tests on `User_4`; there is no
  validation split.
* The class is the Turkish name: signs with one name in two subsets are one class, as in OpenHands.
  Class ids follow the first `ClassID` of a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_bytes
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions
from sign_etl.recipes.cells import Ids, need, need_columns, number
from sign_etl.recipes.index_files import index_file
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

INDEX_NAME = "BosphorusSign22k.csv"
COLUMNS = ("SubsetID", "ClassID", "ClassName_tr", "ClassName_eng", "UserID", "RepeatID")
TEST_SIGNER = "User_4"


class Bosphorus22k(BaseRecipe):
    """The recipe."""

    name = "bosphorus22k"
    version = "1"
    card = DatasetCard(
        title="BosphorusSign22k Sign Language Recognition Dataset",
        homepage="https://www.cmpe.boun.edu.tr/pilab/BosphorusSign/home_en.html",
        language="tsm",
        task="isolated",
        licence="EULA of its authors",
        access="form",
        citation=(
            "Özdemir, Kındıroğlu, Camgöz, Akarun: BosphorusSign22k Sign Language Recognition "
            "Dataset. LREC 2020, 9th Workshop on the Representation and Processing of Sign "
            "Languages"
        ),
        clips=22_542,
        signers=6,
        layout_evidence="docs",
        notes=(
            "Signer-independent: User_4 is the test, all others are train; there is no val.",
            "The list is not with us: its columns are known from code that reads it.",
        ),
        how_to=(
            "sign the agreement that its page links, send it to the authors, give the list that "
            "comes with it with --annotations"
        ),
    )

    def labels(self, root: Path, options: RecipeOptions) -> list[str] | None:
        """The Turkish names in the order of their first class number."""
        table = _table(root, options)
        order: dict[str, int] = {}
        for row in table.rows:
            name, class_id = need(table, row, "ClassName_tr"), _whole(table, row, "ClassID")
            order[name] = min(class_id, order.get(name, class_id))
        return sorted(order, key=lambda name: (order[name], name))

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`."""
        table = _table(root, options)
        ids = Ids()
        for row in table.rows:
            signer = need(table, row, "UserID")
            class_id, repeat = _whole(table, row, "ClassID"), _whole(table, row, "RepeatID")
            stem = ids.add(f"{class_id:04d}/{signer}_{repeat:03d}", table, row)
            label = need(table, row, "ClassName_tr")
            yield Clip(
                key=clip_key(dataset, stem, stem),
                dataset=dataset,
                annotation_id=stem,
                # Never the file name alone: `User_2_001.mp4` is in every folder.
                source=Source(id=stem, names=(f"{stem}.mp4",)),
                split="test" if signer == TEST_SIGNER else "train",
                label=label,
                gloss=label,
                language="tsm",
                signer=signer,
                extra=_extra(row, class_id, repeat),
            )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Two signs of two signers."""
        from sign_etl.recipes.fixture_signing import write_clip

        rows = ((1, "acil", "emergency"), (12, "ağrı", "pain"))
        lines = [",".join(COLUMNS)]
        for class_id, turkish, english in rows:
            for user in (2, 4):
                lines.append(f"1,{class_id},{turkish},{english},User_{user},1")
                path = root / "media" / f"{class_id:04d}" / f"User_{user}_001.mp4"
                write_clip(path, seed=user + class_id)
        write_bytes(root / INDEX_NAME, "\n".join((*lines, "")).encode("utf-8"))
        return {"annotations": root / INDEX_NAME, "media": root / "media"}


RECIPE: Recipe = Bosphorus22k()


def _table(root: Path, options: RecipeOptions) -> Table:
    table = read_table(index_file(root, options, INDEX_NAME), key_column="ClassID")
    need_columns(table, *COLUMNS[1:])
    return table


def _whole(table: Table, row: Row, column: str) -> int:
    """A whole number; a data frame that was saved with gaps writes `12.0`."""
    return int(number(table, row, column))


def _extra(row: Row, class_id: int, repeat: int) -> dict[str, str]:
    extra = {"class_id": str(class_id), "repetition": str(repeat)}
    for name, column in (("english", "ClassName_eng"), ("subset_id", "SubsetID")):
        value = row.cells.get(column)
        if value is not None:
            extra[name] = value
    return extra

"""Tables of SPOTER and spoter-embeddings: one row a clip, its 54 joints as columns of lists.

    https://github.com/matyasbohacek/spoter

`WLASL100_train_25fps.csv` and its like hold keypoints and labels in one file, so --media names the
folder with the tables (or one table) and there are no other annotations. The split is the column
`split`, else the word in the file name. SPOTER's own labels count from 1, those of
spoter-embeddings from 0; the number stays the label unless `label_name` or `id_to_label.json`
says a word. Cells are long: a table is read whole to make the plan, so keep some memory free.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.core.files import write_bytes, write_json
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.annotation_files import load_json, wrong_row
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.cells import need, need_columns
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key
from sign_etl.schema.keypoint_set import FORMAT_LAYOUTS, KeypointSet

NAMES = "id_to_label.json"
_FORMAT = "spoter-csv"
_SPLIT = re.compile(r"(?<![a-z])(train|val|test)(?![a-z])")
_JOINT = re.compile(r".+_[XY]")
_KNOWN = ("labels", "label_name", "split", "video_id")


class SpoterCsvOptions(RecipeOptions):
    """Options of `spoter-csv`."""

    first_label: Literal[0, 1] = 0
    """The number of the first class: 1 in SPOTER's own tables, 0 in those of spoter-embeddings."""
    y_axis: Literal["down", "up"] = "down"
    """`up` where y grows upwards, as in tables made with Apple Vision."""
    fps: float | None = Field(default=None, gt=0, le=1000)
    """Frames per second, where no column says it."""
    language: str = Field(default="und", pattern=r"^[a-z]{3}$")
    """ISO 639-3 code of the sign language."""


class SpoterCsv(BaseRecipe):
    """The recipe."""

    name = "spoter-csv"
    version = "1"
    takes = SpoterCsvOptions
    card = DatasetCard(
        title="SPOTER tables of keypoints",
        homepage="https://github.com/matyasbohacek/spoter",
        language="und",
        task="isolated",
        licence="that of the data set in them",
        access="local",
        citation=(
            "Bohacek, Hruz: Sign Pose-based Transformer for Word-level Sign Language Recognition. "
            "WACV Workshops 2022"
        ),
        layout_evidence="docs",
        notes=(
            "--media names the folder with the tables, or one table.",
            "SPOTER's own labels count from 1: say `first_label: 1`.",
        ),
    )

    def media(self, root: Path, options: RecipeOptions) -> Path | None:
        """The folder of the tables."""
        media = options.media
        return media.parent if media is not None and media.is_file() else media

    def keypoints(self, options: RecipeOptions) -> KeypointSet:
        """See `Recipe`."""
        mine = own(options, SpoterCsvOptions)
        layout = str(FORMAT_LAYOUTS[_FORMAT])
        return KeypointSet(layout, fps=mine.fps, y_up=mine.y_axis == "up")

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            UsageError: no table is given.
            AnnotationError: a table has no labels, or a label that is no number.
        """
        mine = own(options, SpoterCsvOptions)
        words = _words(mine)
        for file in _tables(mine):
            folder = self.media(root, mine)
            assert folder is not None
            table = read_table(folder / file, key_column="labels", delimiter=",")
            need_columns(table, "labels")
            known = _SPLIT.search(file.rpartition("/")[2].lower())
            for row in table.rows:
                label = _label(table, row, mine.first_label, words)
                annotation_id = f"{file}#{row.number}"
                video = row.cells.get("video_id")
                yield Clip(
                    key=clip_key(
                        dataset, annotation_id, annotation_id, slug=f"{label}-{video or row.number}"
                    ),
                    dataset=dataset,
                    annotation_id=annotation_id,
                    source=Source(
                        id=annotation_id,
                        names=(file,),
                        trimmed=True,
                        keypoints=_FORMAT,
                        part=str(row.number),
                    ),
                    split=row.cells.get("split") or (known[1] if known else ""),
                    label=label,
                    language=mine.language,
                    extra=_extra(row),
                )

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three tables of two clips; in one clip a hand is never found."""
        for seed, split in enumerate(("train", "val", "test")):
            _write_table(root / f"tiny_{split}_25fps.csv", seed)
        write_json(root / NAMES, {"0": "book", "1": "drink"})
        return {"media": root, "language": "ase"}


RECIPE: Recipe = SpoterCsv()


def _tables(options: SpoterCsvOptions) -> list[str]:
    if options.media is None:
        raise UsageError(
            "`spoter-csv` needs its tables", hint="add --media DIR or --media FILE.csv"
        )
    if options.media.is_file():
        return [options.media.name]
    tables = [file for file in FolderIndex(options.media).files() if file.lower().endswith(".csv")]
    if not tables:
        raise UsageError(f"no table below `{options.media}`", hint="looked for .csv")
    return tables


def _words(options: SpoterCsvOptions) -> Mapping[str, str]:
    """Words by number, as spoter-embeddings has them beside its tables."""
    folder = options.annotations or options.media
    if folder is None or folder.is_file():
        folder = folder.parent if folder is not None else Path()
    path = folder / NAMES
    if not path.is_file():
        return {}
    words = load_json(path)
    if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
        raise AnnotationError(
            f"{path.name}: gives no word for each number",
            hint='write {"0": "WORD", "1": "WORD"}, or remove the file: numbers are labels then',
        )
    return words


def _label(table: Table, row: Row, first: int, words: Mapping[str, str]) -> str:
    written = need(table, row, "labels").removesuffix(".0")
    if not written.isdigit() or int(written) < first:
        raise wrong_row(table, row, f"`labels` is `{written}`, no number from {first} on")
    number = str(int(written) - first)
    return row.cells.get("label_name") or words.get(number) or number


def _extra(row: Row) -> dict[str, str]:
    return {
        name: cell
        for name, cell in row.cells.items()
        if cell is not None
        and not _JOINT.fullmatch(name)
        and (name not in _KNOWN or name == "video_id")
    }


def _write_table(path: Path, seed: int) -> None:
    import csv
    import io

    from sign_etl.recipes.fixture_keypoints import waving
    from sign_etl.schema.layouts import layout
    from sign_etl.schema.spoter import column_names

    # The neck is left to be synthesised, as in tables made of MediaPipe's points.
    points = [point for point in layout("spoter-54").points if point != "neck"]
    names = [column_names(point)[0] for point in points]
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow([*(f"{name}_{axis}" for name in names for axis in "XY"), "labels", "fps"])
    for label in range(2):
        places = waving(6 + label, len(points), seed=2 * seed + label)
        if label:
            places[:, [name.endswith("_left") for name in names]] = 0
        cells = [
            "["
            + ",".join(f"{value:.4f}" if value else "0" for value in places[:, point, axis])
            + "]"
            for point in range(len(points))
            for axis in range(2)
        ]
        writer.writerow([*cells, label, 25])
    write_bytes(path, file.getvalue().encode())

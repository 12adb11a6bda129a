"""`evaluate --predictions`: texts of any system against their references."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sign_etl.app.train import need_packages
from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.tabular import read_table
from sign_etl.schema.training_replies import Score

PREDICTION, REFERENCE = "prediction", "reference"


def score(path: Path, *, unit: Literal["word", "character"], classes: bool = False) -> Score:
    """Score a table with the columns `prediction` and `reference`.

    Args:
        path: CSV, TSV, JSON lines or Parquet; `results/SPLIT/predictions.csv` of a run is one.
        unit: what counts: words, or characters where words are not written apart.
        classes: the texts are names of classes: tell accuracy per clip and per class too.

    Raises:
        UsageError: there is no such file.
        AnnotationError: a column or a reference is missing, or the table cannot be read.
        MissingExtraError: the scorers are not installed.

    Example:
        >>> score(Path("theirs.csv"), unit="word").metrics["wer"]
        25.0
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file", hint="name a table of texts: --predictions FILE")
    need_packages()
    from sign_etl.tasks.text_metrics import class_accuracy, score_texts

    table = read_table(path, key_column=REFERENCE)
    for column in (PREDICTION, REFERENCE):
        if column not in table.columns:
            raise AnnotationError(
                f"{path.name} has no column `{column}`",
                hint=f"give it the columns `{PREDICTION}` and `{REFERENCE}`",
            )
    for row in table.rows:
        if not (row.cells[REFERENCE] or "").strip():
            raise AnnotationError(
                f"{path.name}: row {row.number} has no reference", hint="give one, or drop the row"
            )
    said = [row.cells[PREDICTION] or "" for row in table.rows]
    meant = [row.cells[REFERENCE] or "" for row in table.rows]
    if not meant:
        raise AnnotationError(f"{path.name} has no rows", hint="one row a text is scored")
    found = score_texts(said, meant, unit=unit)
    metrics = found.values | (class_accuracy(said, meant) if classes else {})
    return Score(
        file=str(path), texts=len(said), unit=unit, metrics=metrics, signature=found.signature
    )

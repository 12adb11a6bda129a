"""Cells of annotation tables that must hold something, and ids that must not come twice."""

from __future__ import annotations

import math

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.annotation_files import wrong_row
from sign_etl.recipes.tabular import Row, Table


def need_columns(table: Table, *columns: str) -> None:
    """Refuse a table that lacks one of the columns.

    Raises:
        AnnotationError: it does.
    """
    for column in columns:
        if column not in table.columns:
            raise AnnotationError(
                f"{table.name}: no column `{column}` (columns found: {', '.join(table.columns)})",
                hint="name the columns in row 1 as its authors do, or give the right file with "
                "--annotations",
            )


def need(table: Table, row: Row, column: str) -> str:
    """The text of a cell that must not be blank.

    Raises:
        AnnotationError: it is.
    """
    text = row.cells.get(column)
    if text is None:
        raise wrong_row(table, row, f"`{column}` is empty")
    return text


def number(table: Table, row: Row, column: str) -> float:
    """A cell that holds a finite number.

    Raises:
        AnnotationError: it does not.
    """
    text = need(table, row, column)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise wrong_row(table, row, f"`{column}` is `{text}`, no number")
    return value


def span(table: Table, row: Row, start_s: float, end_s: float) -> tuple[float, float]:
    """The span in seconds, if it is one.

    Raises:
        AnnotationError: it begins before 0 or ends before it begins.
    """
    if not 0 <= start_s < end_s:
        raise wrong_row(table, row, f"begins at {start_s:g} s and ends at {end_s:g} s")
    return start_s, end_s


class Ids:
    """The clip ids seen so far."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def add(self, annotation_id: str, table: Table, row: Row) -> str:
        """Remember an id, and return it.

        Raises:
            AnnotationError: it is known already; names both places.
        """
        place = f"{table.name} row {row.number}"
        if annotation_id in self._seen:
            raise AnnotationError(
                f"duplicate clip id `{annotation_id}`: {self._seen[annotation_id]} and {place}",
                hint="remove one of the rows and give the file with --annotations",
            )
        self._seen[annotation_id] = place
        return annotation_id

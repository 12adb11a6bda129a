"""Rows of text, whatever file they came from, and what no table may hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sign_etl.core.errors import AnnotationError

GZIP_HINT = "`gzip -t FILE` tells whether it is whole; else download or pack it anew"
MAX_CELL = 1 << 17
"""Longest cell in characters; a longer one is an unclosed quote or no table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        number: where it stands: as a spreadsheet counts (the header is row 1), the line of a JSON
            lines file, else from 1.
        cells: text by column; None where the cell is blank.
    """

    number: int
    cells: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        name: file name, for messages.
        columns: in the order of the file.
        rows: in the order of the file.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def column_names(name: str, header: list[str]) -> tuple[str, ...]:
    """Column names without blanks; a nameless column (a data frame's row number) is left out.

    Raises:
        AnnotationError: one stands there twice.
    """
    columns = [column.strip() for column in header if column.strip()]
    for column in columns:
        if columns.count(column) > 1:
            raise AnnotationError(
                f"{name}: the column `{column}` stands in the header twice",
                hint="rename or remove one of the two",
            )
    return tuple(columns)


def refuse_odd(name: str, number: int, cells: Iterable[str | None]) -> None:
    """Refuse a row of the table `name` that no hand has written.

    Raises:
        AnnotationError: a cell is longer than `MAX_CELL` or holds a null byte.
    """
    for cell in cells:
        if cell is None:
            continue
        if len(cell) > MAX_CELL:
            raise AnnotationError(
                f"{name}: row {number} holds a cell of more than {MAX_CELL} characters",
                hint="look for a quote that is never closed",
            )
        if "\0" in cell:
            raise AnnotationError(
                f"{name}: row {number} holds a null byte",
                hint="write the table without it, with pandas: `.str.replace(chr(0), '')`",
            )


def filled(text: str | None) -> str | None:
    """The text of a cell without blanks around it; None where nothing or NaN is left."""
    stripped = (text or "").strip()
    return None if stripped in ("", "NaN") else stripped

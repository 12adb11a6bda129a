"""Annotation tables in Excel workbooks (`pip install 'sign-etl[xlsx]'`)."""

from __future__ import annotations

import zipfile
from pathlib import Path

from sign_etl.core.errors import AnnotationError, MissingExtraError
from sign_etl.core.gunzip import MAX_BYTES
from sign_etl.recipes.reading import unreadable
from sign_etl.recipes.tabular import Row, Table

WORKBOOK_HINT = "open it in a spreadsheet program and save it as .xlsx anew"


def read_workbook(path: Path) -> Table:
    """The first sheet of a workbook; its first row is the header.

    Cells are text: a number that is whole has no `.0`, a formula its last value, a blank is None.

    Args:
        path: an `.xlsx` file.

    Raises:
        MissingExtraError: the library for it is not installed.
        AnnotationError: it cannot be read, or holds no rows.
    """
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError as error:
        raise MissingExtraError(f"reading `{path.name}`", "xlsx") from error
    try:
        _refuse_bomb(path)
        workbook = load_workbook(path, read_only=True, data_only=True)
        try:
            rows = [
                tuple(_text(value) for value in row)
                for row in workbook.worksheets[0].iter_rows(values_only=True)
            ]
        finally:
            workbook.close()
    except OSError as error:
        raise unreadable(path, error) from error
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, IndexError) as error:
        raise AnnotationError(
            f"{path.name}: is no readable Excel workbook", hint=WORKBOOK_HINT
        ) from error
    header = rows[0] if rows else ()
    table = [
        Row(number, dict(_named(header, row)))
        for number, row in enumerate(rows[1:], start=2)
        if any(cell is not None for cell in row)
    ]
    if not table:
        raise AnnotationError(
            f"{path.name}: holds no rows",
            hint="the first sheet counts: names of columns in row 1, data below",
        )
    return Table(path.name, tuple(name for name in header if name), tuple(table))


def _refuse_bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        if sum(member.file_size for member in packed.infolist()) > MAX_BYTES:
            raise AnnotationError(
                f"{path.name}: unpacks to more than {MAX_BYTES:,} bytes",
                hint="get the file anew and name it with --annotations",
            )


def _named(
    header: tuple[str | None, ...], row: tuple[str | None, ...]
) -> list[tuple[str, str | None]]:
    return [(name, cell) for name, cell in zip(header, row, strict=False) if name]


def _text(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None else str(value).strip()
    return text or None

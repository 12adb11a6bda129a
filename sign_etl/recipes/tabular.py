"""Annotation tables as rows of text: CSV and its kin, JSON lines, JSON lists, Parquet; or gzipped.

Every cell is a text as it was written, or None where it is blank or NaN: a label `007` stays
`007`. A table that contradicts itself is refused with file and row, never guessed at.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.core.errors import AnnotationError
from sign_etl.core.gunzip import MAGIC, GunzipError, gunzip
from sign_etl.recipes.reading import unreadable
from sign_etl.recipes.table_json import read_json
from sign_etl.recipes.table_rows import GZIP_HINT, Row, Table, column_names, filled, refuse_odd

__all__ = ["MAX_ROWS", "Row", "Table", "read_table"]

MAX_ROWS = 20_000_000
"""Most rows of a Parquet table."""

_DELIMITERS = ",\t;|"
_TAB_EXTENSIONS = {".tsv", ".tab"}
_CSV_EXTENSIONS = {".csv", ".txt", *_TAB_EXTENSIONS}
_JSON_EXTENSIONS = {".jsonl", ".ndjson", ".json"}
_PARQUET_EXTENSIONS = {".parquet", ".pq"}


def read_table(
    path: Path,
    *,
    key_column: str,
    columns: Sequence[str] | None = None,
    delimiter: str | None = None,
    quoted: bool = True,
) -> Table:
    """Read a table; the extension says how, and the content where that says nothing.

    Args:
        path: the file, plain or gzipped.
        key_column: decides between the delimiters of CSV; may be missing all the same.
        columns: names of the columns, where CSV has no header.
        delimiter: of CSV: then the file is CSV whatever its name.
        quoted: False where a quote in CSV is a character like any other.

    Raises:
        AnnotationError: the file cannot be read, contradicts itself or holds no rows.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    data, extension = _unpacked(path, data)
    if extension in _PARQUET_EXTENSIONS or data[:4] == b"PAR1":
        table = _parquet(path.name, data)
    else:
        text = _decode(path.name, data)
        looks_json = extension not in _CSV_EXTENSIONS and text.lstrip()[:1] in ("{", "[")
        if delimiter is None and (extension in _JSON_EXTENSIONS or looks_json):
            table = read_json(path.name, text)
        else:
            known = delimiter or ("\t" if extension in _TAB_EXTENSIONS else _DELIMITERS)
            table = _csv(path.name, text, _Csv(known, key_column, columns, quoted))
    if not table.rows:
        raise AnnotationError(
            f"{path.name}: holds no rows",
            hint="name the columns in row 1 and write one row a clip or text below",
        )
    return table


def _unpacked(path: Path, data: bytes) -> tuple[bytes, str]:
    """The table's bytes and its extension, without gzip around them."""
    if data[:2] != MAGIC:
        return data, path.suffix.lower()
    try:
        return gunzip(data), Path(path.stem).suffix.lower()
    except GunzipError as error:
        raise AnnotationError(f"{path.name}: {error}", hint=GZIP_HINT) from error


def _decode(name: str, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise AnnotationError(
            f"{name}: is UTF-16", hint=f"iconv -f UTF-16 -t UTF-8 {name} > utf8-{name}"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise AnnotationError(
            f"{name}: line {line} is no UTF-8",
            hint="save the table as UTF-8, for example with iconv",
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise AnnotationError(
            f"{name}: line {line} holds a null byte, so this is no text table",
            hint="save it as UTF-8 text, or call it .parquet if it is a Parquet file",
        )
    return text


@dataclass(frozen=True, slots=True)
class _Csv:
    """How a file of the CSV family is written."""

    delimiters: str
    key_column: str
    columns: Sequence[str] | None
    quoted: bool

    def reader(self, text: str, delimiter: str, *, strict: bool) -> Iterator[list[str]]:
        file = io.StringIO(text, newline="")
        if self.quoted:
            return csv.reader(file, delimiter=delimiter, strict=strict)
        return csv.reader(file, delimiter=delimiter, strict=strict, quoting=csv.QUOTE_NONE)


def _csv(name: str, text: str, how: _Csv) -> Table:
    known = how.columns and (list(how.columns), how.delimiters[0])
    header, delimiter = known or _header(name, text, how)
    columns = column_names(name, header)
    rows: list[Row] = []
    number = 0
    try:
        for number, cells in enumerate(how.reader(text, delimiter, strict=True), start=1):
            if (number == 1 and how.columns is None) or not any(map(str.strip, cells)):
                continue
            if len(cells) != len(header):
                wanted = "not" if how.columns else "the header"
                raise AnnotationError(
                    f"{name}: row {number} has {len(cells)} cells, {wanted} {len(header)}",
                    hint="put texts that hold the delimiter in double quotes",
                )
            refuse_odd(name, number, cells)
            named = zip((column.strip() for column in header), map(filled, cells), strict=True)
            rows.append(Row(number, {column: cell for column, cell in named if column}))
    except csv.Error as error:
        raise AnnotationError(
            f"{name}: row {number + 1} is broken: {error}",
            hint="look for a quote that is never closed",
        ) from error
    return Table(name, columns, tuple(rows))


def _header(name: str, text: str, how: _Csv) -> tuple[list[str], str]:
    """The header's cells and the delimiter: the one that yields the key column, or most cells."""
    best: tuple[bool, int, list[str], str] | None = None
    for delimiter in how.delimiters:
        try:
            cells = next(how.reader(text, delimiter, strict=False), [])
        except csv.Error as error:
            raise AnnotationError(
                f"{name}: row 1 is broken: {error}",
                hint="row 1 is one line with the names of the columns",
            ) from error
        found = how.key_column in (cell.strip() for cell in cells)
        if best is None or (found, len(cells)) > best[:2]:
            best = (found, len(cells), cells, delimiter)
    if best is None or not any(cell.strip() for cell in best[2]):
        raise AnnotationError(
            f"{name}: row 1 is no header: the file is empty or begins with a gap",
            hint=f"name the columns in row 1, `{how.key_column}` among them",
        )
    return best[2], best[3]


def _parquet(name: str, data: bytes) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        if file.metadata.num_rows > MAX_ROWS:  # runs of equal cells cost no bytes on the disk
            raise AnnotationError(
                f"{name}: claims {file.metadata.num_rows:,} rows, more than {MAX_ROWS:,}",
                hint="write it anew with the rows that are wanted",
            )
        table = file.read()
        values = table.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise AnnotationError(
            f"{name}: is no readable Parquet file",
            hint="get or write it anew, or save the table as CSV",
        ) from error
    kept = [column for column in table.column_names if not column.startswith("__index_level_")]
    columns = column_names(name, kept)
    rows = []
    for number, entry in enumerate(values, start=1):
        cells = {column.strip(): _arrow_text(entry[column]) for column in kept if column.strip()}
        refuse_odd(name, number, cells.values())
        rows.append(Row(number, cells))
    return Table(name, columns, tuple(rows))


def _arrow_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, dict)):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return filled(str(value))

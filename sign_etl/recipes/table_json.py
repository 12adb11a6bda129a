"""Annotation tables written as JSON lines or as one JSON list."""

from __future__ import annotations

import json
from typing import Any

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.table_rows import Row, Table, filled, refuse_odd

JSON_HINT = "`python -m json.tool FILE` shows where; else get the file anew"
LINES_HINT = "`python -m json.tool --json-lines FILE` shows where; else get the file anew"
WHOLE = "the file"


def read_json(name: str, text: str) -> Table:
    """The table `name` out of its text.

    Raises:
        AnnotationError: it is no JSON, holds a name twice, or a row is no mapping.
    """
    numbered: list[tuple[int, Any]]
    if text.lstrip()[:1] == "[":
        whole = _loads(name, WHOLE, text)
        numbered = list(enumerate(whole, start=1))
    else:
        lines = enumerate(text.split("\n"), start=1)
        numbered = [(at, _loads(name, f"row {at}", line)) for at, line in lines if line.strip()]
    columns: dict[str, None] = {}
    rows = []
    for number, entry in numbered:
        if not isinstance(entry, dict):
            raise AnnotationError(
                f"{name}: row {number} is no mapping",
                hint='every row is an object: {"COLUMN": "CELL"}',
            )
        cells = {column.strip(): _json_text(value) for column, value in entry.items()}
        refuse_odd(name, number, cells.values())
        columns.update(dict.fromkeys(cells))
        rows.append((number, cells))
    full = tuple(Row(at, {name: cells.get(name) for name in columns}) for at, cells in rows)
    return Table(name, tuple(columns), full)


def _loads(name: str, where: str, text: str) -> Any:
    try:
        # Numbers stay the text that they are; NaN and its kin are blank cells.
        value = json.loads(
            text,
            parse_float=str,
            parse_int=str,
            parse_constant=lambda _: None,
            object_pairs_hook=_unique_pairs,
        )
        canonical_json(value).encode("utf-8")  # half a surrogate pair is no text
        return value
    except (ValueError, RecursionError) as error:
        twice, whole = isinstance(error, _TwiceError), where == WHOLE
        raise AnnotationError(
            f"{name}: {where} {error if twice else 'is no JSON'}",
            hint="keep one of the two" if twice else JSON_HINT if whole else LINES_HINT,
        ) from error


class _TwiceError(ValueError):
    """A key that stands twice in one JSON mapping."""


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _TwiceError(f"holds `{twice}` twice")
    return mapping


def _json_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return filled(value)
    return canonical_json(value)

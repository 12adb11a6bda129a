"""Lists of class names as others publish them beside a model."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from sign_etl.core.errors import ConfigError, UsageError


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names of a published model: `id TAB label` lines, one label a line, or JSON.

    Raises:
        UsageError: no such file.
        ConfigError: no text in UTF-8, ids are no numbers from 0 on, or stand there twice.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file", hint="--labels names a list of class names")
    wrong = ConfigError(
        f"{path.name}: no list of class names, or ids have gaps",
        hint="write one name a line, or `ID TAB NAME` with ids from 0 on, in UTF-8",
    )
    try:
        text = path.read_text("utf-8-sig")
        pairs = _of_json(json.loads(text)) if path.suffix == ".json" else _of_lines(text)
        found = {int(number): str(label).strip() for number, label in pairs}
    except (TypeError, ValueError):  # not UTF-8, no JSON, no numbers
        raise wrong from None
    if not found or len(found) != len(pairs) or sorted(found) != list(range(len(found))):
        raise wrong
    return tuple(found[number] for number in range(len(found)))


def _of_json(loaded: Any) -> list[tuple[Any, Any]]:
    if isinstance(loaded, dict):
        return list(loaded.items())
    if not isinstance(loaded, list):
        raise TypeError(type(loaded).__name__)
    return list(enumerate(loaded))


def _of_lines(text: str) -> list[tuple[Any, Any]]:
    lines = csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE)
    rows = [row for row in lines if row]
    pairs: list[tuple[Any, Any]] = [(row[0], row[1]) for row in rows if len(row) > 1]
    if not pairs:
        return list(enumerate(row[0] for row in rows))
    # The first line can hold the names of the columns.
    return pairs if str(pairs[0][0]).strip().isdigit() else pairs[1:]

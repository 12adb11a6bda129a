"""Annotation files by their official names: where they are, JSON in them, and what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sign_etl.core.errors import AnnotationError
from sign_etl.core.gunzip import GunzipError, gunzip
from sign_etl.recipes.reading import unreadable
from sign_etl.recipes.table_json import JSON_HINT
from sign_etl.recipes.table_rows import GZIP_HINT
from sign_etl.recipes.tabular import Row, Table

ANEW = "get the file anew and name it with --annotations"


def find_annotation(folder: Path, *names: str) -> Path | None:
    """The first of `names` that is in `folder` or up to two folders below, plain or gzipped.

    Args:
        folder: a folder; or a file, which is then the answer.
        names: relative paths with `/`, most likely first.

    Raises:
        AnnotationError: one of the names stands in several places.
    """
    if folder.is_file():
        return folder
    spellings = [spelling for name in names for spelling in (name, f"{name}.gz")]
    for spelling in spellings:
        if (folder / spelling).is_file():
            return folder / spelling
    # Not a search of the whole tree: below may be a hundred thousand videos.
    for spelling in spellings:
        found = sorted(
            path for depth in ("*", "*/*") for path in folder.glob(f"{depth}/{spelling}")
        )
        if len(found) > 1:
            raise AnnotationError(
                f"`{spelling}` is in `{folder}` more than once",
                hint="name the folder of the right one with --annotations",
            )
        if found:
            return found[0]
    return None


def load_json(path: Path) -> Any:
    """A JSON file, plain or gzipped.

    Raises:
        AnnotationError: it cannot be read or is no JSON.
    """
    try:
        data = gunzip(path.read_bytes())
        return json.loads(data.decode("utf-8-sig"))
    except GunzipError as error:
        raise AnnotationError(f"{path.name}: {error}", hint=GZIP_HINT) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise AnnotationError(f"{path.name}: is no JSON", hint=JSON_HINT) from error


def wrong_row(table: Table, row: Row, what: str) -> AnnotationError:
    """The error about a row that contradicts something."""
    return AnnotationError(
        f"{table.name}: row {row.number}: {what}",
        hint="correct or remove the row and give the file with --annotations",
    )


def numbered(ids: Iterable[str]) -> list[str]:
    """`ids` made unique: the second `a` becomes `a#2`, the third `a#3`."""
    seen: dict[str, int] = {}
    unique = []
    for name in ids:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return unique

"""`build.lock` as a reader needs it: which bytes stand behind each clip."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LOCK_FILE = "build.lock"


def lock_lines(build: Path, *, plan: str) -> Iterator[Mapping[str, Any]] | None:
    """The lines of the lock, one a requested clip, see `sign_etl.schema.records.LockLine`.

    Args:
        build: the build folder.
        plan: digest of the plan, as the manifest has it.

    Returns:
        None where there is no lock, or where it is of another plan: the manifest does not vouch
        for it.
    """
    path = build / LOCK_FILE
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline())
    except (OSError, ValueError):
        return None
    if not isinstance(head, dict) or head.get("plan") != plan:
        return None
    return _lines(path)


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as file:
        next(file, None)
        for line in file:
            try:
                value = json.loads(line)
            except ValueError:
                continue  # torn; what it says of a clip is then unknown
            if isinstance(value, dict) and isinstance(value.get("key"), str):
                yield value

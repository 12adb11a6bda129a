"""Byte ranges of records in text files too large to be read for every clip: CSV rows, JSON members.

A file is scanned once per process, about 100 MB a second, and only where records begin and end is
kept; a clip then costs one seek. Slovo's keypoints are one JSON document of 1.2 GB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from sign_etl.keypoints.base import Refused
from sign_etl.schema.outcome import Reason

CHUNK: Final = 8 << 20
MAX_RECORD: Final = 64 << 20
_KEY: Final = re.compile(rb'\s*("(?:[^"\\]|\\.)*")\s*:')

Range = tuple[int, int]


def read_row(path: Path, number: int) -> tuple[str, str]:
    """The header and row `number` of a CSV file, as text; the header is row 1.

    Raises:
        Refused: there is no such row, or it is no UTF-8.
    """
    facts = path.stat()
    rows = _rows(path, facts.st_size, facts.st_mtime_ns)
    if not 2 <= number <= len(rows):
        raise Refused(Reason.UNSUPPORTED_FORMAT, f"no row {number}")
    return _text(path, rows[0]).removeprefix("\ufeff"), _text(path, rows[number - 1])


def read_member(path: Path, key: str) -> Any:
    """The value under `key` in the object that a JSON file holds.

    Raises:
        Refused: there is no such key, or the file is no such object.
    """
    facts = path.stat()
    where = _members(path, facts.st_size, facts.st_mtime_ns).get(key)
    if where is None:
        raise Refused(Reason.UNSUPPORTED_FORMAT, "no such clip in the file")
    try:
        return json.loads(_text(path, where))
    except (ValueError, RecursionError) as error:
        raise Refused(Reason.CORRUPT, "no JSON") from error


def _text(path: Path, where: Range) -> str:
    begin, end = where
    if end - begin > MAX_RECORD:
        raise Refused(Reason.TOO_LARGE, f"a record over {MAX_RECORD >> 20} MiB")
    with path.open("rb") as file:
        file.seek(begin)
        try:
            return file.read(end - begin).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused(Reason.CORRUPT, "no UTF-8") from error


@lru_cache(maxsize=4)
def _rows(path: Path, size_bytes: int, changed_ns: int) -> list[Range]:
    rows: list[Range] = []
    begin = at = 0
    quoted = 0
    for chunk in _chunks(path):
        data = np.frombuffer(chunk, np.uint8)
        inside = (np.cumsum(data == ord('"'), dtype=np.int64) + quoted) & 1
        for end in np.flatnonzero((data == ord("\n")) & (inside == 0)):
            rows.append((begin, at + int(end)))
            begin = at + int(end) + 1
        quoted = int(inside[-1])
        at += len(chunk)
    if begin < at:
        rows.append((begin, at))
    return rows


@lru_cache(maxsize=4)
def _members(path: Path, size_bytes: int, changed_ns: int) -> dict[str, Range]:
    members: dict[str, Range] = {}
    borders = list(_borders(path))
    if len(borders) < 2:
        raise Refused(Reason.CORRUPT, "no JSON object")
    with path.open("rb") as file:
        for begin, end in pairwise(borders):
            file.seek(begin + 1)
            found = _KEY.match(file.read(min(end - begin - 1, 4096)))
            if found is None:
                if len(borders) == 2:  # an empty object
                    return {}
                raise Refused(Reason.CORRUPT, "no JSON object")
            members[json.loads(found[1])] = (begin + 1 + found.end(), end)
    return members


def _borders(path: Path) -> Iterator[int]:
    """Places of the outermost `{`, of the commas right inside of it, and of its `}`."""
    at = 0
    quoted = depth = 0
    for chunk in _chunks(path, escapes=True):
        data = np.frombuffer(chunk.replace(b"\\\\", b"  ").replace(b'\\"', b"  "), np.uint8)
        inside = (np.cumsum(data == ord('"'), dtype=np.int64) + quoted) & 1
        opens = ((data == ord("{")) | (data == ord("["))) & (inside == 0)
        closes = ((data == ord("}")) | (data == ord("]"))) & (inside == 0)
        depths = np.cumsum(opens.astype(np.int8) - closes.astype(np.int8), dtype=np.int64) + depth
        border = (
            (opens & (depths == 1))
            | (closes & (depths == 0))
            | ((data == ord(",")) & (inside == 0) & (depths == 1))
        )
        for place in np.flatnonzero(border):
            yield at + int(place)
        quoted, depth = int(inside[-1]), int(depths[-1])
        at += len(chunk)


def _chunks(path: Path, *, escapes: bool = False) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            # A backslash and what it escapes stay together.
            while escapes and chunk.endswith(b"\\") and (more := file.read(1)):
                chunk += more
            yield chunk

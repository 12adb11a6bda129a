"""Folders of pictures as sources: which files count, in which order, and their common digest."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Final

from sign_etl.core.canonical import canonical_json, digest, sha256_file
from sign_etl.media.fetched import Fetched, fetch_reject
from sign_etl.schema.outcome import Reason, Reject

CONTAINER: Final = "frames"
"""What stands where other sources have their container."""

EXTENSIONS: Final = (".jpg", ".jpeg", ".png")

_NUMBER = re.compile(r"(\d+)")


def picture_names(folder: Path) -> list[str]:
    """Names of the pictures in a folder, in natural order (2 before 10).

    Other files, hidden ones, links and folders are no pictures.

    Raises:
        OSError: the folder cannot be read.
    """
    with os.scandir(folder) as entries:
        names = [
            entry.name
            for entry in entries
            if not entry.name.startswith(".")
            and os.path.splitext(entry.name)[1].lower() in EXTENSIONS
            and entry.is_file(follow_symlinks=False)
        ]
    return sorted(names, key=_natural)


def name_flags(names: list[str]) -> set[str]:
    """What is odd about the names of a folder's pictures: see `sign_etl.media.normalise.FLAGS`."""
    kinds = {_NUMBER.sub("#", name) for name in names}
    if len(kinds) > 1:
        return {"pictures-mixed"}
    numbers = [[int(digits) for digits in _NUMBER.findall(name)] for name in names]
    # The number that counts is the one that changes; others are ids and dates.
    counting = [column for column in zip(*numbers, strict=True) if len(set(column)) > 1]
    if len(counting) > 1:
        return {"pictures-mixed"}
    if counting and counting[0][-1] - counting[0][0] + 1 != len(names):
        return {"pictures-missing"}
    return set()


def inspect_folder(folder: Path) -> Fetched | Reject:
    """Hash a folder of pictures: sha256 over the names and digests of its pictures.

    Raises:
        OSError: something in it cannot be read.
    """
    names = picture_names(folder)
    if not names:
        return fetch_reject(Reason.NOT_MEDIA, "no pictures")
    hasher = hashlib.sha256()
    size_bytes = 0
    for name in sorted(names):
        path = folder / name
        size_bytes += path.stat().st_size
        hasher.update(canonical_json([name, sha256_file(path)]).encode("utf-8") + b"\n")
    return Fetched(folder, hasher.hexdigest(), size_bytes, CONTAINER)


def state_of(folder: Path) -> str:
    """A digest that changes when a picture is added, removed or written anew; reads no picture.

    Raises:
        OSError: the folder cannot be read.
    """
    states = []
    for name in picture_names(folder):
        facts = (folder / name).stat()
        states.append([name, facts.st_size, facts.st_mtime_ns])
    return digest(states)


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    # Digits compare as numbers, the rest as text; the name itself decides between 1 and 01.
    parts = _NUMBER.split(os.path.splitext(name)[0])
    return [(int(part), "") if index % 2 else (0, part) for index, part in enumerate(parts)], name

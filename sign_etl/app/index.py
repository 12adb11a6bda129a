"""`sign-etl index DIR`: an index for tars that sign-etl did not write."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sign_etl.stream.foreign import Indexed, index_folder

LOSSES = ("truncated", "duplicate-member")
"""Problems that cost data; the others are for people to know."""


def index(
    folder: Path, *, dots: Literal["auto", "first", "last"] = "auto", checksums: bool = False
) -> Indexed:
    """Index the WebDataset tars in and below `folder`, so that they can be trained on.

    Args:
        folder: where they are; the index is written into it.
        dots: whether a key ends at the first or at the last dot of a member's name; `auto` is the
            first, but refuses what looks like keys with dots.
        checksums: read all data and keep its crc32.

    Raises:
        UsageError: no folder, no tars, compressed ones, or keys that hold dots.

    Example:
        >>> index(Path("tars")).samples
        3
    """
    return index_folder(folder, dots=dots, checksums=checksums)


def lost(indexed: Indexed) -> int:
    """Number of problems that cost data."""
    return sum(problem.problem in LOSSES for problem in indexed.problems)

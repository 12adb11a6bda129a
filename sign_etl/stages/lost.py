"""Files that somebody deletes while a run needs them: the run ends, and no clip is to blame.

The store may be deleted at any time, and a user may move files of `--media` away. A guarded child
that does not find its input looks like one that cannot take it, so whoever is about to reject a
clip asks here first.
"""

from __future__ import annotations

from pathlib import Path

from sign_etl.core.errors import DiskError


def still_there(*paths: Path) -> None:
    """Check that what was there when a call began is there yet.

    Raises:
        DiskError: something is gone; the same command makes it again.
    """
    if not all(path.exists() for path in paths):
        raise gone()


def gone() -> DiskError:
    """The error for files that are gone."""
    return DiskError(
        "files that the run needs were deleted meanwhile, in its store or among its media",
        hint="run the same command again: what is missing is made again, what is left is kept",
    )

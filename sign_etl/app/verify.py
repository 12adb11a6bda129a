"""`sign-etl verify BUILD`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sign_etl.shard.verify import VerifyResult
from sign_etl.shard.verify import verify as _verify

__all__ = ["VerifyResult", "verify"]


def verify(build: Path, *, progress: Callable[[int, int], None] | None = None) -> VerifyResult:
    """Read a whole build back and say what is wrong with it.

    Args:
        build: the build folder.
        progress: called after each shard with the number of shards done and of all shards.

    Raises:
        UsageError: the folder is no build.
        VerifyError: the run that makes it did not finish.
    """
    return _verify(build, progress=progress)

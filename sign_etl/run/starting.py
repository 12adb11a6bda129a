"""Starting a cluster of our own on a machine that may be busy with other things."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sign_etl.core.errors import Stopped

STARTS = 4
BUSY = "timed out during startup"
"""What Ray says of a node that was not up after half a minute; it has neither a class for that nor
a setting for how long to wait."""


def start_patiently(start: Callable[[], object]) -> None:
    """Start a cluster, again where the machine was too busy for it.

    Args:
        start: starts it; what it writes to stderr is not shown.

    Raises:
        Stopped: the machine was too busy each time.
    """
    for left in reversed(range(STARTS)):
        try:
            with _quiet_stderr():
                start()
            return
        except Exception as error:  # see BUSY
            if BUSY not in str(error):
                raise
            if not left:
                raise Stopped(
                    "Ray does not start: this machine is too busy",
                    hint="run the same command again when it has less to do",
                ) from error


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Native code writes past `sys.stderr`, so the descriptor itself is led away."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)

"""Saying now and then how far a long download is, by looking at the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

INTERVAL_S = 15.0


@contextmanager
def watched(
    folder: Path, name: str, size_bytes: int | None, tell: Callable[[str], None]
) -> Iterator[None]:
    """While the block downloads into `folder`, tell its progress.

    Args:
        folder: need not exist yet.
        name: of what is downloaded.
        size_bytes: of the whole, None where unknown.
        tell: called from another thread.
    """
    of_whole = "" if size_bytes is None else f" of {_size(size_bytes)}"
    done = threading.Event()

    def watch() -> None:
        while not done.wait(INTERVAL_S):
            tell(f"Downloading {name}: {_size(_held(folder))}{of_whole}")

    tell(f"Downloading {name}" + (f", {_size(size_bytes)}" if size_bytes is not None else ""))
    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _held(folder: Path) -> int:
    held = 0
    for path in folder.rglob("*"):
        try:
            held += path.stat().st_size if path.is_file() else 0
        except OSError:  # renamed in the meantime
            continue
    return held


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e8 else f"{size_bytes / 1e6:.1f} MB"

"""The one place that creates final files: temporary file, fsync, rename, fsync of the folder.

A reader sees the old file or the new one and never a half, whatever is killed in between.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import DiskError
from sign_etl.core.seams import seam

TEMP_PREFIX = ".tmp-"
"""Leftovers of a killed process begin with this; `sweep` removes them."""

OUTLIVED_S = 2 * 86_400.0
"""No writer of ours works on one temporary file for so long."""


@contextmanager
def atomic_open(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """Write `path` in one step: the block writes a temporary file that then takes its place.

    Args:
        path: the final file; its folder is created.
        durable: fsync before the rename. Turn off only for what a crash may take with it.

    Raises:
        DiskError: no space is left; the temporary file is gone, `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(path):
        handle, name = tempfile.mkstemp(prefix=TEMP_PREFIX, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                seam("files.opened", path)
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            publish(temporary, path, durable=durable)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def publish(temporary: Path, path: Path, *, durable: bool = True) -> None:
    """Rename a finished temporary file of the same file system to its final name.

    The mode follows the umask, as an ordinary `open` would have it (mkstemp makes 0600).
    """
    os.chmod(temporary, 0o666 & ~_umask())
    seam("files.before-rename", path)
    os.replace(temporary, path)
    seam("files.after-rename", path)
    if durable:
        _fsync_folder(path.parent)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` atomically and durably."""
    with atomic_open(path) as file:
        file.write(data)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as canonical JSON and a line feed, atomically and durably."""
    write_bytes(path, (canonical_json(value) + "\n").encode("utf-8"))


def link(existing: Path, path: Path) -> None:
    """Give the bytes of `existing` a second name, in one step; the file system counts the names.

    Raises:
        OSError: `existing` is gone, or this disk has no links.
    """
    with scratch(path.parent) as folder:
        temporary = folder / path.name
        os.link(existing, temporary)
        path.unlink(missing_ok=True)  # a rename onto another name of the same bytes does nothing
        publish(temporary, path, durable=False)


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A private folder under `parent` for work in progress; gone afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    with disk_errors(parent):
        folder = Path(tempfile.mkdtemp(prefix=TEMP_PREFIX, dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path, *, older_than_s: float = 0.0) -> None:
    """Remove what killed writers left directly in `folder`.

    Only its single owner may call, except for leftovers that are older than any writer lives.
    """
    for leftover in folder.glob(f"{TEMP_PREFIX}*"):
        try:
            if time.time() - leftover.lstat().st_mtime < older_than_s:
                continue
        except FileNotFoundError:
            continue
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn `no space left` into a `DiskError` that names the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskError(
                f"no space left on the disk of {path if path.is_dir() else path.parent}",
                hint="free some space and run the same command again: what is done is kept",
            ) from error
        raise


_UMASK: int | None = None


def _umask() -> int:
    # Reading the umask means setting it for a moment, which is a race between threads: once only.
    global _UMASK
    if _UMASK is None:
        _UMASK = os.umask(0o022)
        os.umask(_UMASK)
    return _UMASK


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # some network file systems cannot; the rename itself still holds
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)

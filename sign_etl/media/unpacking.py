"""Unpacking, the parent's side: a guarded child does it, and its refusals become words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sign_etl.core.errors import AccessError, DiskError
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.media.members import UnpackLimits
from sign_etl.media.unpack import request

TARGET: Final = "sign_etl.media.unpack:run"
WALL_S: Final = 7 * 86_400.0
MEMORY_BYTES: Final = 8 << 30
"""The table of contents of a zip with millions of frames takes a kilobyte for each."""

BY_HAND: Final = "unpack it yourself and name the folder with --media"

_HINTS = {
    "unsafe": f"look at it before you trust it; to use it anyway, {BY_HAND}",
    "too-large": f"if it is meant to be so large, {BY_HAND}",
    "damaged": f"run the same command again to download it anew, or {BY_HAND}",
    "no-archive": "its place may have changed: see the homepage of the data set",
    "password": "set the environment variable that holds the password which its authors gave you",
}


class ArchiveError(AccessError):
    """An archive that was not unpacked.

    Args:
        name: of the archive.
        kind: see `sign_etl.media.members.ArchiveRefused`.
        detail: what exactly.
    """

    def __init__(self, name: str, kind: str, detail: str) -> None:
        super().__init__(f"cannot unpack `{name}`: {detail}", hint=_HINTS.get(kind, BY_HAND))
        self.kind = kind


def unpack(
    paths: list[Path],
    out: Path,
    *,
    name: str,
    password: str | None = None,
    limits: UnpackLimits | None = None,
    stop: threading.Event | None = None,
) -> dict[str, int]:
    """Unpack one archive into an empty folder.

    Args:
        paths: its parts, in order.
        out: an empty folder; worthless after an error.
        name: what people call it.
        password: of the archive.
        limits: how much it may hold.
        stop: breaks off when set.

    Returns:
        `files` and `size_bytes`.

    Raises:
        ArchiveError: it is not safe, damaged, of an unknown kind, or the password does not fit.
        MissingExtraError: its format needs a package that is not installed.
        DiskError: no space left.
        Stopped: `stop` was set.
    """
    limits = limits or UnpackLimits()
    guard = Guard(
        TARGET,
        Limits(wall_s=WALL_S, memory_bytes=MEMORY_BYTES, file_bytes=limits.member_bytes),
    )
    with guard, _interrupted_by(stop, guard):
        reply = guard.call(request(paths, out, password=password, limits=limits))
    if isinstance(reply, Breach):
        raise ArchiveError(name, "damaged", f"unpacking ended with {reply.reason}")
    match reply:
        case {"files": int(files), "size_bytes": int(size_bytes)}:
            return {"files": files, "size_bytes": size_bytes}
        case {"no_space": True}:
            raise DiskError(
                f"no space left to unpack `{name}`",
                hint="free some space, or move the cache with SIGN_ETL_CACHE=DIR",
            )
        case {"refused": str(kind), "detail": str(detail)}:
            raise ArchiveError(name, kind, detail)
    raise ArchiveError(name, "damaged", "unpacking gave an answer that makes no sense")


@contextmanager
def _interrupted_by(stop: threading.Event | None, guard: Guard) -> Iterator[None]:
    """Break off the guarded call when `stop` is set."""
    if stop is None:
        yield
        return
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.2):
            if stop.is_set():
                guard.interrupt()
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()

"""The parts of one file, read as if they were joined: no second copy of a hundred gigabytes."""

from __future__ import annotations

import errno
import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

_BUFFER_BYTES = 1 << 20


def open_joined(paths: Sequence[Path]) -> io.BufferedReader:
    """Open files for reading one after the other; seekable.

    Args:
        paths: at least one, in order.

    Raises:
        OSError: one of them cannot be read.
    """
    return io.BufferedReader(_Joined(paths), _BUFFER_BYTES)


class _Joined(io.RawIOBase):
    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        sizes = [path.stat().st_size for path in paths]
        self._ends = list(accumulate(sizes))
        self._position = 0
        self._open: tuple[int, io.FileIO] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._ends[-1]}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "negative position")  # zipfile expects this one
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: Any) -> int:
        number = bisect_right(self._ends, self._position)
        if number == len(self._ends):
            return 0
        begin = self._ends[number - 1] if number else 0
        file = self._part(number)
        file.seek(self._position - begin)
        count = file.readinto(memoryview(buffer)) or 0
        self._position += count
        return count

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None
        super().close()

    def _part(self, number: int) -> io.FileIO:
        if self._open is None or self._open[0] != number:
            if self._open is not None:
                self._open[1].close()
            self._open = (number, io.FileIO(self._paths[number], "rb"))
        return self._open[1]

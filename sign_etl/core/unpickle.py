"""Data out of pickles that others wrote, and nothing but data: what they name is never called.

Several data sets publish labels and keypoints as pickles. What comes out are dicts, lists, tuples,
sets, texts, bytes, numbers and numpy arrays of numbers or texts; anything else refuses the file.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import IO, Any, Final

from sign_etl.core.errors import AnnotationError
from sign_etl.core.pickle_globals import Array, DamagedError, RefusedError, Type, finished
from sign_etl.core.pickle_machine import Reader
from sign_etl.core.pickle_opcodes import FOREIGN, OPERATIONS

DEFAULT_LIMIT_BYTES: Final = 256 << 20
MAX_DEPTH: Final = 60
MAX_VALUES: Final = 50_000_000
"""Values of the result, those that it holds twice counted twice: what a reader would walk over."""
_GZIP_MAGIC: Final = b"\x1f\x8b"
_HINT: Final = (
    "plain data alone is read: write it anew with lists, mappings, texts, numbers, arrays"
)


def load_pickle(
    path: Path, *, gzipped: bool | None = None, limit_bytes: int = DEFAULT_LIMIT_BYTES
) -> Any:
    """The value in a pickle file.

    Args:
        path: the file.
        gzipped: whether it is compressed; None looks at its first bytes.
        limit_bytes: most bytes that it may hold, after decompression.

    Returns:
        Plain data. Arrays are read-only; object arrays are nested lists, ordered mappings are
        dicts, frozen sets are sets.

    Raises:
        AnnotationError: the file cannot be read, is too large, damaged or holds more than data.
    """
    try:
        return read_pickle(path, gzipped=gzipped, limit_bytes=limit_bytes)
    except OSError as error:
        reason = (error.strerror or "unreadable").lower()
        raise AnnotationError(
            f"cannot read `{path}`: {reason}", hint=f"see who may read it: ls -l {path}"
        ) from error
    except RefusedError as refused:
        raise AnnotationError(f"{path.name}: the pickle holds {refused}", hint=_HINT) from refused


def read_pickle(
    path: Path, *, gzipped: bool | None = None, limit_bytes: int = DEFAULT_LIMIT_BYTES
) -> Any:
    """As `load_pickle`, for files whose names are not to be told.

    Raises:
        RefusedError: it is too large, damaged or holds more than data; the text names no file.
        OSError: it cannot be opened.
    """
    with path.open("rb") as file:
        if gzipped is None:
            gzipped = file.read(2) == _GZIP_MAGIC
            file.seek(0)
        try:
            data = _unpacked(file, limit_bytes) if gzipped else file.read(limit_bytes + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DamagedError("damaged gzip data") from error
    if len(data) > limit_bytes:
        raise RefusedError(f"more than {limit_bytes >> 20} MiB")
    return loads_pickle(data)


def loads_pickle(data: bytes) -> Any:
    """The value in the bytes of a pickle, see `load_pickle`.

    Raises:
        RefusedError: they are damaged or hold more than data.
    """
    return _Finisher().finish(Reader(data).run(OPERATIONS, FOREIGN), 0)[0]


def _unpacked(file: IO[bytes], limit_bytes: int) -> bytes:
    with gzip.GzipFile(fileobj=file) as unpacked:
        return unpacked.read(limit_bytes + 1)


class _Finisher:
    """Puts finished arrays in the place of unfinished ones, and refuses what has no end."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, int, int]] = {}
        """By id of a container: its finished form, its values, its height."""

    def finish(self, value: Any, depth: int) -> tuple[Any, int, int]:
        """The finished value, the number of values in it, and its height."""
        if isinstance(value, Array | Type):
            value = finished(value)
        if not isinstance(value, list | tuple | dict):
            return finished(value), 1, 0
        known = self._done.get(id(value))
        if known is None:
            if depth > MAX_DEPTH:  # a list that holds itself ends here too
                raise RefusedError(f"values nested deeper than {MAX_DEPTH}")
            known = self._done[id(value)] = self._container(value, depth)
        if known[1] > MAX_VALUES:
            raise RefusedError(f"more than {MAX_VALUES:,} values")
        if depth + known[2] > MAX_DEPTH:
            raise RefusedError(f"values nested deeper than {MAX_DEPTH}")
        return known

    def _container(
        self, value: list[Any] | tuple[Any, ...] | dict[Any, Any], depth: int
    ) -> tuple[Any, int, int]:
        items = list(value.values()) if isinstance(value, dict) else value
        parts = [self.finish(item, depth + 1) for item in items]
        count = 1 + sum(part[1] for part in parts)
        height = 1 + max((part[2] for part in parts), default=0)
        made = [part[0] for part in parts]
        whole: Any = made
        if isinstance(value, dict):
            whole = dict(zip(value, made, strict=True))
        elif isinstance(value, tuple):
            whole = tuple(made)
        return whole, count, height

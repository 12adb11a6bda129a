"""Unpacking a gzipped annotation file, with a limit: ten megabytes may unpack to ten gigabytes."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Final

MAGIC: Final = b"\x1f\x8b"
MAX_BYTES: Final = 1 << 30
"""Far above the lists of public data sets; what is larger is meant to fill the memory."""


class GunzipError(ValueError):
    """It cannot be unpacked; its text says why, for people."""


def gunzip(data: bytes, most_bytes: int | None = None) -> bytes:
    """Unpack `data` where it is gzipped; else give it back.

    Raises:
        GunzipError: it is broken, or unpacks to more than `most_bytes`, default `MAX_BYTES`.
    """
    if data[:2] != MAGIC:
        return data
    most_bytes = most_bytes or MAX_BYTES
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(most_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise GunzipError("is a broken gzip file") from error
    if len(unpacked) > most_bytes:
        raise GunzipError(f"unpacks to more than {most_bytes:,} bytes")
    return unpacked

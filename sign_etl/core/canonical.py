"""Canonical JSON and digests: the one spelling of a value that two machines agree on.

Floats are written by Python's shortest round-trip rule, which is the same on every platform;
NaN and infinities are refused, because JSON readers disagree about them.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20
# Made once: `json.dumps` makes an encoder for every call, which is a third of a clip key's time.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def canonical_json(value: Any) -> str:
    """`value` as JSON with sorted keys, no blanks, UTF-8 characters kept, NaN refused."""
    return _ENCODER.encode(value)


def nfc(text: str) -> str:
    """`text` with composed accents (Unicode NFC): the same word, however it was typed."""
    return unicodedata.normalize("NFC", text)


def digest(value: Any) -> str:
    """sha256 (64 hex digits) of the canonical JSON of `value`."""
    return sha256_bytes(canonical_json(value).encode("utf-8"))


def sha256_bytes(data: bytes) -> str:
    """sha256 of `data`, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def hash64(text: str) -> int:
    """The first 64 bits of the sha256 of `text`: a key of a table that holds no texts."""
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, 64 hex digits, read in bounded memory."""
    hasher = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            hasher.update(chunk)
    return hasher.hexdigest()

"""Whether bytes are an ONNX model: its outermost structure, read without any library.

A model is a protobuf message. Only the list of its outermost fields is walked, so a web page, half
a file or another archive is told from a model before anything native ever opens it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_KINDS = {_IR_VERSION: _VARINT, _GRAPH: _BYTES, _OPSETS: _BYTES}
"""Numbers and wire types in `ModelProto` of the ONNX specification."""
_LONGEST_VARINT = 10


def is_onnx(path: Path) -> bool:
    """True if the file is one whole message with a version, operator sets and a graph."""
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            return _fields(file, size_bytes) >= set(_KINDS)
    except (OSError, ValueError):
        return False


def _fields(file: IO[bytes], size_bytes: int) -> set[int]:
    seen = set()
    while file.tell() < size_bytes:
        tag = _varint(file)
        number, kind = tag >> 3, tag & 7
        if number == 0 or _KINDS.get(number, kind) != kind:
            raise ValueError("not a model")
        seen.add(number)
        if kind == _VARINT:
            _varint(file)
        else:
            lengths = {_FIXED64: 8, _FIXED32: 4}
            length = _varint(file) if kind == _BYTES else lengths.get(kind, size_bytes + 1)
            if file.tell() + length > size_bytes:
                raise ValueError("cut off")
            file.seek(length, os.SEEK_CUR)
    return seen


def _varint(file: IO[bytes]) -> int:
    value = 0
    for place in range(_LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            raise ValueError("cut off")
        value |= (byte[0] & 0x7F) << (7 * place)
        if byte[0] < 0x80:
            return value
    raise ValueError("too long a number")

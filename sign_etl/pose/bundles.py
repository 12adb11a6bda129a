"""MediaPipe `.task` bundles from plain TFLite files, the same bytes on every machine.

A bundle is a stored zip whose members begin at multiples of four bytes (MediaPipe maps them in
place; unaligned ones are copied, with a warning). A landmark model without metadata is refused by
MediaPipe, so `with_normalisation` adds what the model card says about its input. It writes the few
flatbuffer tables itself: the object API of the flatbuffers package rewrites the whole model, in an
order that may change with its version, and then no digest could be pinned.

Formats: https://flatbuffers.dev/internals, TensorFlow Lite's `schema.fbs` (Model, Buffer, Metadata)
and MediaPipe's `metadata_schema.fbs` (ModelMetadata).
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ALIGNMENT = 16
MEMBER_ALIGNMENT = 4

# Numbers of fields in the tables of a model, a graph and an operator.
_VERSION, _SUBGRAPHS, _BUFFERS, _METADATA = 0, 2, 4, 6
_OUTPUTS, _OPERATORS = 2, 3
_TAKES, _MAKES = 1, 2
_METADATA_NAME = b"TFLITE_METADATA"


@dataclass(slots=True, eq=False)
class _Block:
    """A piece of a flatbuffer: `entry` is where references to it point."""

    data: bytearray
    entry: int = 0
    references: list[tuple[int, _Block | int]] = field(default_factory=list)
    """(place in data, a block, or a place in the old file)."""


def bundle(members: Mapping[str, bytes]) -> bytes:
    """A `.task` file: `members` stored, aligned, with fixed dates, in the order given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            header_bytes = 30 + len(name.encode())
            padding = -(buffer.tell() + header_bytes + 4) % MEMBER_ALIGNMENT
            info.extra = struct.pack("<HH", 0xD935, padding) + bytes(padding)
            archive.writestr(info, data)
    return buffer.getvalue()


def unbundle(data: bytes) -> dict[str, bytes]:
    """What a `.task` file holds, in its order: the inverse of `bundle`."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def without_output(model: bytes, number: int, *, instead: int) -> bytes:
    """`model` without the operators that only one of its outputs needs.

    The other outputs are computed by the same operators, in the same order, to the same bits. The
    file keeps its size: two vectors are written anew in their places.

    Args:
        model: a TFLite file with one graph.
        number: of the output that nobody reads.
        instead: number of another output; its tensor is given out in that place, so that the
            outputs behind it keep their numbers.

    Raises:
        ValueError: `model` is no TFLite file, or it has more than one graph.
    """
    if model[4:8] != b"TFL3":
        raise ValueError("no TFLite model")
    graphs = _vector_targets(model, _fields(model, _target(model, 0))[_SUBGRAPHS])
    if len(graphs) != 1 or not isinstance(graphs[0], int):
        raise ValueError(f"a model with one graph is wanted, not with {len(graphs)}")
    graph = _fields(model, graphs[0])
    outputs = _numbers(model, graph[_OUTPUTS])
    outputs[number] = outputs[instead]
    wanted, needed = set(outputs), []
    for operator in reversed(_vector_targets(model, graph[_OPERATORS])):
        assert isinstance(operator, int)
        places = _fields(model, operator)
        if wanted & set(_numbers(model, places[_MAKES])):
            wanted |= set(_numbers(model, places[_TAKES]))
            needed.append(operator)
    made = bytearray(model)
    struct.pack_into(f"<{len(outputs)}i", made, _target(model, graph[_OUTPUTS]) + 4, *outputs)
    first = _target(model, graph[_OPERATORS])
    struct.pack_into("<I", made, first, len(needed))
    for place, operator in enumerate(reversed(needed), start=1):
        struct.pack_into("<I", made, first + 4 * place, operator - (first + 4 * place))
    return bytes(made)


def with_normalisation(model: bytes, *, mean: float, std: float) -> bytes:
    """`model` with metadata that its input is `(pixel - mean) / std`.

    A new root table is put in front of the old bytes, which stay as they are behind it.

    Args:
        model: a TFLite file without metadata.
        mean: in pixel values, 0 to 255.
        std: likewise.

    Raises:
        ValueError: `model` is no TFLite file, or it carries such metadata already.
    """
    if model[4:8] != b"TFL3":
        raise ValueError("no TFLite model")
    old = _fields(model, _target(model, 0))
    # The converter leaves an entry of its own there (the runtime version that the model needs).
    entries = _vector_targets(model, old[_METADATA]) if _METADATA in old else []
    if any(_metadata_name(model, entry) == _METADATA_NAME for entry in entries):
        raise ValueError("the model carries metadata already")
    buffers = _vector_targets(model, old[_BUFFERS])
    metadata = _serialise(_normalisation(mean, std), b"M001")
    entry = _table({0: _string(_METADATA_NAME), 1: struct.pack("<I", len(buffers))})
    buffers.append(_table({0: _byte_vector(metadata)}))
    entries.append(entry)
    fields: dict[int, _Block | int | bytes] = {
        number: _target(model, place) for number, place in old.items() if number != _VERSION
    }
    fields[_VERSION] = model[old[_VERSION] : old[_VERSION] + 4]
    fields[_BUFFERS] = _vector(buffers)
    fields[_METADATA] = _vector(entries)
    return _serialise(_table(fields), b"TFL3", tail=model)


def _normalisation(mean: float, std: float) -> _Block:
    options = _table({0: _floats([mean]), 1: _floats([std])})
    unit = _table({0: struct.pack("<I", 1), 1: options})  # 1: the union holds NormalizationOptions
    tensor = _table({4: _vector([unit])})
    return _table({3: _vector([_table({2: _vector([tensor])})])})


def _fields(model: bytes, table: int) -> dict[int, int]:
    # Number of each present field of a table -> its place in the file.
    (back,) = struct.unpack_from("<i", model, table)
    vtable = table - back
    (vtable_bytes,) = struct.unpack_from("<H", model, vtable)
    numbers = range((vtable_bytes - 4) // 2)
    offsets = [struct.unpack_from("<H", model, vtable + 4 + 2 * number)[0] for number in numbers]
    return {number: table + offset for number, offset in enumerate(offsets) if offset}


def _target(model: bytes, place: int) -> int:
    offset: int = struct.unpack_from("<I", model, place)[0]
    return place + offset


def _vector_targets(model: bytes, place: int) -> list[_Block | int]:
    vector = _target(model, place)
    (count,) = struct.unpack_from("<I", model, vector)
    return [_target(model, vector + 4 + 4 * number) for number in range(count)]


def _numbers(model: bytes, place: int) -> list[int]:
    vector = _target(model, place)
    (count,) = struct.unpack_from("<I", model, vector)
    return list(struct.unpack_from(f"<{count}i", model, vector + 4))


def _metadata_name(model: bytes, entry: _Block | int) -> bytes:
    assert isinstance(entry, int)
    text = _target(model, _fields(model, entry)[0])
    (length,) = struct.unpack_from("<I", model, text)
    return model[text + 4 : text + 4 + length]


def _table(fields: Mapping[int, _Block | int | bytes]) -> _Block:
    # Every field takes four bytes: a scalar as given, or a reference.
    slots = max(fields) + 1
    vtable_bytes = 4 + 2 * slots
    start = -(-vtable_bytes // 4) * 4
    numbers = sorted(fields)
    offsets = {number: 4 + 4 * place for place, number in enumerate(numbers)}
    data = bytearray(start - vtable_bytes)
    data += struct.pack("<HH", vtable_bytes, 4 + 4 * len(numbers))
    data += b"".join(struct.pack("<H", offsets.get(number, 0)) for number in range(slots))
    data += struct.pack("<i", vtable_bytes)
    block = _Block(data, entry=start)
    for number in numbers:
        _append(block, fields[number])
    return block


def _vector(items: Sequence[_Block | int]) -> _Block:
    block = _Block(bytearray(struct.pack("<I", len(items))))
    for item in items:
        _append(block, item)
    return block


def _append(block: _Block, value: _Block | int | bytes) -> None:
    if isinstance(value, bytes):
        block.data += value
    else:
        block.references.append((len(block.data), value))
        block.data += bytes(4)


def _floats(values: Sequence[float]) -> _Block:
    return _Block(bytearray(struct.pack(f"<I{len(values)}f", len(values), *values)))


def _string(text: bytes) -> _Block:
    return _Block(bytearray(struct.pack("<I", len(text)) + text + b"\0"))


def _byte_vector(data: bytes) -> _Block:
    # The bytes themselves are aligned, as the schema demands of a buffer's data.
    padding = bytes(ALIGNMENT - 4)
    return _Block(bytearray(padding + struct.pack("<I", len(data)) + data), entry=len(padding))


def _serialise(root: _Block, identifier: bytes, tail: bytes = b"") -> bytes:
    # Parents before children, since references count forwards.
    order, places, end = [root], {}, ALIGNMENT
    for block in order:
        places[id(block)] = end
        end += -(-len(block.data) // ALIGNMENT) * ALIGNMENT
        order += [target for _, target in block.references if isinstance(target, _Block)]
    output = bytearray(end)
    struct.pack_into("<I4s", output, 0, places[id(root)] + root.entry, identifier)
    for block in order:
        start = places[id(block)]
        output[start : start + len(block.data)] = block.data
        for at, target in block.references:
            if isinstance(target, _Block):
                absolute = places[id(target)] + target.entry
            else:
                absolute = end + target
            struct.pack_into("<I", output, start + at, absolute - (start + at))
    return bytes(output) + tail

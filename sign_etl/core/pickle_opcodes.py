"""What each opcode of the pickle format does to a reader, as far as plain data needs it.

Where Python's own unpickler would make objects of classes, this table has no entry: `FOREIGN` only
says what they are.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable
from typing import Any, Final

from sign_etl.core.pickle_globals import DamagedError, Name, RefusedError, build, call, plain_key
from sign_etl.core.pickle_machine import Operation, Reader

MAX_INT_BYTES: Final = 255
NEWEST_PROTOCOL: Final = 5


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _old_text(data: bytes) -> str:
    # Python 2 did not tell text from bytes; every byte comes back with `surrogateescape`.
    return data.decode("utf-8", "surrogateescape")


def _int_line(reader: Reader) -> None:
    line = reader.line()
    reader.push({b"00": False, b"01": True}.get(line) if line in (b"00", b"01") else int(line))


def _long(reader: Reader) -> None:
    data = reader.sized("<i")
    if len(data) > MAX_INT_BYTES:
        raise RefusedError(f"a number of more than {MAX_INT_BYTES} bytes")
    reader.push(int.from_bytes(data, "little", signed=True))


def _quoted(reader: Reader) -> None:
    line = reader.line().strip()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
        raise DamagedError("damaged bytes")
    decoded, _ = codecs.escape_decode(line[1:-1])
    reader.push(_old_text(decoded))


def _global(reader: Reader) -> None:
    reader.push(Name(_text(reader.line()), _text(reader.line())))


def _stack_global(reader: Reader) -> None:
    name, module = reader.pop(), reader.pop()
    if type(name) is not str or type(module) is not str:
        raise RefusedError("a name that is no text")
    reader.push(Name(module, name))


def _reduce(reader: Reader) -> None:
    arguments, name = reader.pop(), reader.pop()
    reader.charge(arguments)
    reader.push(call(name, arguments))


def _build(reader: Reader) -> None:
    state = reader.pop()
    reader.charge(state)
    build(reader.top(), state)


def _append(reader: Reader) -> None:
    value = reader.pop()
    reader.top(list).append(value)


def _appends(reader: Reader) -> None:
    values = reader.since_mark()
    reader.top(list).extend(values)


def _pairs(values: list[Any]) -> dict[Any, Any]:
    keys, contents = values[::2], values[1::2]
    return {plain_key(key): value for key, value in zip(keys, contents, strict=True)}


def _set_item(reader: Reader) -> None:
    value, key = reader.pop(), reader.pop()
    reader.top(dict)[plain_key(key)] = value


def _set_items(reader: Reader) -> None:
    values = reader.since_mark()
    reader.top(dict).update(_pairs(values))


def _add_items(reader: Reader) -> None:
    values = reader.since_mark()
    reader.top(set).update(plain_key(value) for value in values)


def _tuple_of(count: int) -> Operation:
    def operation(reader: Reader) -> None:
        values = [reader.pop() for _ in range(count)]
        reader.push(tuple(reversed(values)))

    return operation


def _protocol(reader: Reader) -> None:
    if reader.take(1)[0] > NEWEST_PROTOCOL:
        raise RefusedError("a newer pickle protocol")


def _skip_frame(reader: Reader) -> None:
    reader.take(8)  # how much to read ahead: everything is read already


def _pop(reader: Reader) -> None:
    reader.pop()


def _pop_mark(reader: Reader) -> None:
    reader.since_mark()


def _duplicate(reader: Reader) -> None:
    value = reader.pop()
    reader.push(value)
    reader.push(value)


def _pushes(read: Callable[[Reader], Any]) -> Operation:
    return lambda reader: reader.push(read(reader))


OPERATIONS: Final[dict[int, Operation]] = {
    0x80: _protocol,
    0x95: _skip_frame,
    # rows and values
    ord("("): Reader.mark,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord("2"): _duplicate,
    ord("N"): _pushes(lambda reader: None),
    0x88: _pushes(lambda reader: True),
    0x89: _pushes(lambda reader: False),
    ord("I"): _int_line,
    ord("L"): _pushes(lambda reader: int(reader.line().rstrip(b"L"))),
    ord("F"): _pushes(lambda reader: float(reader.line())),
    ord("J"): _pushes(lambda reader: reader.number("<i")),
    ord("K"): _pushes(lambda reader: reader.number("<B")),
    ord("M"): _pushes(lambda reader: reader.number("<H")),
    ord("G"): _pushes(lambda reader: reader.number(">d")),
    0x8A: _pushes(lambda reader: int.from_bytes(reader.sized("<B"), "little", signed=True)),
    0x8B: _long,
    # texts and bytes
    ord("S"): _quoted,
    ord("U"): _pushes(lambda reader: _old_text(reader.sized("<B"))),
    ord("T"): _pushes(lambda reader: _old_text(reader.sized("<i"))),
    ord("V"): _pushes(lambda reader: reader.line().decode("raw-unicode-escape")),
    ord("X"): _pushes(lambda reader: _text(reader.sized("<I"))),
    0x8C: _pushes(lambda reader: _text(reader.sized("<B"))),
    0x8D: _pushes(lambda reader: _text(reader.sized("<Q"))),
    ord("C"): _pushes(lambda reader: reader.sized("<B")),
    ord("B"): _pushes(lambda reader: reader.sized("<I")),
    0x8E: _pushes(lambda reader: reader.sized("<Q")),
    0x96: _pushes(lambda reader: bytearray(reader.sized("<Q"))),
    # containers
    ord("]"): _pushes(lambda reader: []),
    ord("}"): _pushes(lambda reader: {}),
    ord(")"): _pushes(lambda reader: ()),
    0x8F: _pushes(lambda reader: set()),
    ord("l"): _pushes(Reader.since_mark),
    ord("d"): _pushes(lambda reader: _pairs(reader.since_mark())),
    ord("t"): _pushes(lambda reader: tuple(reader.since_mark())),
    0x91: _pushes(lambda reader: {plain_key(value) for value in reader.since_mark()}),
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    ord("a"): _append,
    ord("e"): _appends,
    ord("s"): _set_item,
    ord("u"): _set_items,
    0x90: _add_items,
    # memory
    ord("p"): lambda reader: reader.remember(int(reader.line())),
    ord("q"): lambda reader: reader.remember(reader.number("<B")),
    ord("r"): lambda reader: reader.remember(reader.number("<I")),
    0x94: Reader.memoize,
    ord("g"): lambda reader: reader.recall(int(reader.line())),
    ord("h"): lambda reader: reader.recall(reader.number("<B")),
    ord("j"): lambda reader: reader.recall(reader.number("<I")),
    # names
    ord("c"): _global,
    0x93: _stack_global,
    ord("R"): _reduce,
    ord("b"): _build,
}

FOREIGN: Final = {
    ord("P"): "a persistent id",
    ord("Q"): "a persistent id",
    0x82: "an extension code",
    0x83: "an extension code",
    0x84: "an extension code",
    ord("i"): "an object of a class",
    ord("o"): "an object of a class",
    0x81: "an object of a class",
    0x92: "an object of a class",
    0x97: "a buffer outside of the file",
    0x98: "a buffer outside of the file",
}

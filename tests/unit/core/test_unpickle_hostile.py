"""Hostile and broken pickles: nothing that they name is run, and they cost little."""

from __future__ import annotations

import collections
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pickles import PROTOCOLS, refused, stack_global

from sign_etl.core.unpickle import loads_pickle


class Reduced:
    """Pickles to a call of `function(*arguments)`."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


@PROTOCOLS
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {}",)),
        (eval, ("open({!r}, 'w')",)),
        (exec, ("open({!r}, 'w')",)),
        (open, ("{}", "w")),
        (os.mkdir, ("{}",)),
        (getattr, (os, "system")),
        (__import__, ("os",)),
        (pickle.loads, (b"",)),
        (np.load, ("{}",)),
        (np.fromfile, ("{}",)),
        (np.memmap, ("{}",)),
        (np.zeros, (1 << 50,)),
        (bytes, (1 << 40,)),
        (bytearray, (1 << 40,)),
        (list, (range(1 << 40),)),
        (map, (print, ["x"])),
        (type, ("X", (), {})),
        (collections.deque, ()),
        (Path, ("x",)),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_a_call_is_refused_and_not_run(
    function: Any, arguments: tuple[Any, ...], protocol: int, tmp_path: Path
) -> None:
    trap = tmp_path / "trap"
    filled = [item.format(str(trap)) if isinstance(item, str) else item for item in arguments]
    if function is getattr:  # a module cannot be pickled: its name stands for it
        filled = ["os", "system"]
    refused(pickle.dumps(Reduced(function, *filled), protocol))
    assert not trap.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("builtins", "object.__subclasses__"),
        ("numpy", "load"),
        ("numpy.f2py", "compile"),
        ("numpy.f2py.crackfortran", "getlincoef"),
        ("numpy.testing._private.utils", "runstring"),
        ("numpy._core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "scalar.__class__"),
        ("numpy", "ndarray"),
        ("numpy", "ndarray.tofile"),
        ("collections", "OrderedDict.fromkeys"),
        ("sign_etl.core.unpickle", "load_pickle"),
        ("_codecs", "lookup"),
        ("__main__", "x"),
        ("", ""),
    ],
)
def test_no_name_but_those_of_the_list_can_be_called(module: str, name: str) -> None:
    assert "`" in refused(stack_global(module, name) + b"K\x00\x85R.")
    assert "`" in refused(f"c{module}\n{name}\n(K\x00tR.".encode())


def test_modules_are_not_imported_by_name() -> None:
    before = set(sys.modules)
    refused(b"cantigravity\ngeohash\n)R.")
    refused(stack_global("this", "s") + b".")
    assert not {"antigravity", "this"} & (set(sys.modules) - before)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"Pos.system\n.", "persistent id"),
        (b"K\x01Q.", "persistent id"),
        (b"\x82\x01.", "extension code"),
        (b"\x83\x01\x00.", "extension code"),
        (b"\x84\x01\x00\x00\x00.", "extension code"),
        (b"(S'id'\nios\nsystem\n.", "object of a class"),
        (b"(cos\nsystem\nS'id'\no.", "object of a class"),
        (b"cos\nsystem\n)\x81.", "object of a class"),
        (b"cos\nsystem\n)}\x92.", "object of a class"),
        (b"\x97.", "buffer outside"),
        (b"cos\nsystem\n.", "`os.system`"),
        (b"]cos\nsystem\na.", "`os.system`"),
        (b"K\x05K\x06\x93.", "no text"),
        (b"S'os'\nS'system'\n\x93)R.", "`os.system`"),
        (b"K\x01)R.", "no name"),
        (b"cnumpy\ndtype\nNR.", "no name"),
        (b"}}b.", "state of its own"),
        (b"cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R.", "a type"),
        (b"cnumpy\ndtype\nX\x05\x00\x00\x00f8,f4\x85R.", "other than numbers"),
        (b"cnumpy\ndtype\nX\x02\x00\x00\x00V8\x85R.", "other than numbers"),
        (b"cnumpy\ndtype\nX\x02\x00\x00\x00M8\x85R.", "other than numbers"),
        (b"\x80\x06N.", "newer pickle"),
        (b"\xff.", "unknown opcode 0xff"),
    ],
    ids=lambda value: "" if isinstance(value, str) else repr(value)[:24],
)
def test_what_is_no_data_is_named(data: bytes, says: str) -> None:
    assert says in refused(data)


@pytest.mark.parametrize(
    "data",
    [
        *(
            b"",
            b".",
            b"(",
            b"K",
            b"K\x01",
            b"0.",
            b"2.",
            b"t.",
            b"(.",
            b"a.",
            b"]a.",
            b"(a.",
            b"s.",
        ),
        *(
            b"K\x01K\x02a.",
            b"K\x01K\x02s.",
            b"u.",
            b"}(K\x01u.",
            b"e.",
            b"h\x05.",
            b"q\x00.",
            b"R.",
        ),
        *(b"(q\x00.", b"I1", b"Ix\n.", b"Fx\n.", b"S'\n.", b"S'abc\n.", b"Sabc\n.", b"V", b"gx\n."),
        *(
            b"\x8c\x02a.",
            b"\x8c\x01\xff.",
            b"T\xff\xff\xff\xff.",
            b"\x8b\xff\xff\xff\xff.",
            b"b.",
            b"1.",
        ),
        b"I" + b"9" * 5000 + b"\n.",
        b"<!doctype html>",
        pickle.dumps([1, 2, 3])[:-3],
    ],
    ids=lambda data: repr(data)[:16],
)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    refused(data)


BIG = struct.pack("<Q", 1 << 45)


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x8e" + BIG + b".", b"\x96" + BIG + b".", b"\x8d" + BIG + b"."),
        *(b"B\xff\xff\xff\xff.", b"X\xff\xff\xff\xff.", b"N0r\xff\xff\xff\x7f."),
        b"\x8b\x00\x10\x00\x00" + b"\x01" * 4096 + b".",
    ],
    ids=["bytes8", "bytearray8", "text8", "bytes", "text", "memo", "long"],
)
def test_lengths_that_lie_cost_nothing(data: bytes) -> None:
    refused(data)


def test_a_large_memo_number_costs_nothing() -> None:
    assert loads_pickle(b"K\x07r\xff\xff\xff\xff0j\xff\xff\xff\xff.") == 7


def array_pickle(shape: str, dtype: bytes = b"f8", data: bytes = b"\0" * 8) -> bytes:
    """An array of protocol 0 names with a shape of our choice, a tuple in opcodes."""
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01" + shape.encode("latin-1") + b"cnumpy\ndtype\n\x8c"
        + bytes([len(dtype)]) + dtype + b"\x89\x88\x87R\x89C" + bytes([len(data)]) + data + b"tb."
    )  # fmt: skip


@pytest.mark.parametrize(
    "shape",
    [
        "I1000000000000\n\x85",
        "I2\n\x85",
        "I-1\n\x85",
        "I4294967296\nI4294967296\n\x86",
        "I-1\nI-1\n\x86",
        "F1.0\n\x85",
        "\x88\x85",
        "]",
        "N",
        "(" + "I1\n" * 60 + "t",
    ],
)
def test_shapes_that_lie_are_refused(shape: str) -> None:
    np.testing.assert_array_equal(loads_pickle(array_pickle("I1\n\x85")), [0.0])
    refused(array_pickle(shape))


def test_zero_sides_do_not_hide_a_bomb() -> None:
    side = "I1152921504606846976\n"
    refused(array_pickle(f"(I0\n{side}{side}t", data=b""))


@pytest.mark.parametrize("dtype", [b"S0", b"U0", b"f3", b"i4,i4", b"O", b"(3,)f8", b"float999"])
def test_types_that_lie_are_refused(dtype: bytes) -> None:
    refused(array_pickle("I1\n\x85", dtype))


def test_object_arrays_hold_data_only() -> None:
    class Content:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.getpid, ()

    array = np.empty(1, dtype=object)
    array[0] = Content()
    assert "getpid" in refused(pickle.dumps(array))


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    assert "nested" in refused(pickle.dumps(value))


def test_deep_nesting_is_refused_without_recursion() -> None:
    assert "nested" in refused(b"]" * 500_000 + b"a" * 499_999 + b".")
    assert "nested" in refused(b")" + b"\x85" * 500_000 + b".")
    assert loads_pickle(b"]" * 50 + b"a" * 49 + b".") != []


def test_a_short_pickle_of_endless_values_is_refused() -> None:
    doubled = b"]q\x00" + b"".join(
        b"](h" + bytes([level]) + b"h" + bytes([level]) + b"eq" + bytes([level + 1])
        for level in range(50)
    )
    assert "more than" in refused(doubled + b".")


def test_copying_one_value_again_and_again_is_refused() -> None:
    again = b"cbuiltins\nbytearray\nh\x00\x85R0" * 1000
    assert "copied" in refused(
        b"B" + struct.pack("<I", 1 << 20) + b"\0" * (1 << 20) + b"q\x00" + again
    )


@pytest.mark.parametrize(
    "key", [b"](a)", b")", b"]", b"}", b"cos\nsystem\n", b"\x8a\x09" + b"\x7f" * 9]
)
def test_keys_that_collide_or_cannot_be_hashed_are_refused(key: bytes) -> None:
    refused(b"}" + key + b"Ns.")
    refused(b"\x8f(" + key + b"\x90.")

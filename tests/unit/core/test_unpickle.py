"""Foreign pickles: data comes out as it went in, and nothing that a hostile one names is run."""

from __future__ import annotations

import collections
import gzip
import os
import pickle
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.core.pickle_globals import RefusedError
from sign_etl.core.unpickle import load_pickle, loads_pickle

PROTOCOLS = pytest.mark.parametrize("protocol", range(6))


def stack_global(module: str, name: str) -> bytes:
    return b"".join(b"\x8c" + bytes([len(word)]) + word.encode() for word in (module, name)) + (
        b"\x93"
    )


def refused(data: bytes) -> str:
    with pytest.raises(RefusedError) as caught:
        loads_pickle(data)
    return str(caught.value)


@PROTOCOLS
@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            True,
            False,
            0,
            -1,
            255,
            65_535,
            -(2**31),
            2**40,
            2**200,
            1.5,
            float("inf"),
            1 + 2j,
        ),
        *("", "ΓΕΙΑ", "a" * 300, "line\nfeed \\ '", "\ud800", b"", b"\x00\xff" * 200),
        *(bytearray(b""), bytearray(b"abc"), [], {}, (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        *(set(), {1, "a"}, frozenset({2}), [[], [[1]], {"a": [{"b": (None,)}]}]),
        {"65097": {"name": "65097", "gloss": "", "text": "art", "video_path": "65097.mp4"}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_values_come_back(value: Any, protocol: int) -> None:
    assert loads_pickle(pickle.dumps(value, protocol)) == value


@PROTOCOLS
def test_numbers_that_are_equal_keep_their_kind(protocol: int) -> None:
    back = loads_pickle(pickle.dumps([True, 1, 1.0], protocol))
    assert [type(item) for item in back] == [bool, int, float]


@PROTOCOLS
def test_an_ordered_mapping_is_a_dict(protocol: int) -> None:
    value = collections.OrderedDict([("b", 1), ("a", [2])])
    back = loads_pickle(pickle.dumps(value, protocol))
    assert type(back) is dict
    assert list(back.items()) == [("b", 1), ("a", [2])]


@PROTOCOLS
@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float32).reshape(2, 3, 4),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(5, dtype=">i2"),
        np.array([True, False]),
        np.array(["ab", "ζ"]),
        np.array([b"x", b"yz"]),
        np.array(3, dtype=np.uint8),
        np.zeros((0, 133, 2)),
        np.array([1 + 2j]),
        np.arange(3, dtype=np.float16)[::2],
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_arrays_come_back(array: np.ndarray[Any, Any], protocol: int) -> None:
    back = loads_pickle(pickle.dumps({"keypoints": [array]}, protocol))["keypoints"][0]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    assert back.size == 0 or not back.flags.writeable


@PROTOCOLS
def test_scalars_come_back(protocol: int) -> None:
    values = [np.float64(1.5), np.int32(-3), np.str_("ab"), np.bool_(True)]
    back = loads_pickle(pickle.dumps(values, protocol))
    assert back == values
    assert [type(item) for item in back] == [type(item) for item in values]


@PROTOCOLS
def test_object_arrays_are_lists(protocol: int) -> None:
    ragged = np.empty((2, 1), dtype=object)
    ragged[0, 0], ragged[1, 0] = np.zeros(2), ["x", None]
    back = loads_pickle(pickle.dumps(ragged, protocol))
    np.testing.assert_array_equal(back[0][0], np.zeros(2))
    assert back[1] == [["x", None]]


def test_arrays_of_numpy_1_come_back() -> None:
    new = pickle.dumps(np.arange(4, dtype=np.float64), 2)
    old = new.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert old != new
    np.testing.assert_array_equal(loads_pickle(old), np.arange(4.0))


def test_texts_and_arrays_of_python_2_come_back() -> None:
    text = b"\xce\x93\xce\x95"  # Greek in UTF-8, which Python 2 wrote as mere bytes
    assert loads_pickle(b"\x80\x02U\x04" + text + b".") == "ΓΕ"
    assert loads_pickle(b"S'caf\\xc3\\xa9'\np0\n.") == "café"
    raw = np.array([1.5, -2.0]).tobytes()
    array = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U\x10" + raw + b"tb."
    )
    np.testing.assert_array_equal(loads_pickle(array), [1.5, -2.0])


@PROTOCOLS
def test_what_stands_twice_comes_back_twice(protocol: int) -> None:
    shared = [1, np.arange(2)]
    back = loads_pickle(pickle.dumps([shared, {"a": shared}], protocol))
    assert back[0] is back[1]["a"]


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


class TestFiles:
    def test_compressed_and_plain(self, tmp_path: Path) -> None:
        value = {"a": [1]}
        (tmp_path / "plain").write_bytes(pickle.dumps(value))
        (tmp_path / "packed").write_bytes(gzip.compress(pickle.dumps(value)))
        assert load_pickle(tmp_path / "plain") == load_pickle(tmp_path / "packed") == value
        assert load_pickle(tmp_path / "packed", gzipped=True) == value
        with pytest.raises(AnnotationError):
            load_pickle(tmp_path / "packed", gzipped=False)

    def test_a_bomb_is_not_unpacked(self, tmp_path: Path) -> None:
        (tmp_path / "bomb").write_bytes(gzip.compress(pickle.dumps(b"\0" * (64 << 20))))
        with pytest.raises(AnnotationError, match=r"bomb: the pickle holds more than 1 MiB"):
            load_pickle(tmp_path / "bomb", limit_bytes=1 << 20)

    @pytest.mark.parametrize("cut", [3, 12, -4])
    def test_damaged_gzip_is_an_annotation_error(self, tmp_path: Path, cut: int) -> None:
        (tmp_path / "labels").write_bytes(gzip.compress(pickle.dumps("x" * 50))[:cut])
        with pytest.raises(AnnotationError, match="damaged gzip data"):
            load_pickle(tmp_path / "labels")

    def test_messages_name_file_and_finding(self, tmp_path: Path) -> None:
        (tmp_path / "labels.train").write_bytes(pickle.dumps(os.getcwd))
        with pytest.raises(AnnotationError, match=r"labels\.train: .*getcwd") as caught:
            load_pickle(tmp_path / "labels.train")
        assert caught.value.hint
        with pytest.raises(AnnotationError, match="cannot read"):
            load_pickle(tmp_path / "nowhere")

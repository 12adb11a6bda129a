"""Foreign pickles: data comes out as it went in."""

from __future__ import annotations

import collections
import gzip
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pickles import PROTOCOLS

from sign_etl.core.errors import AnnotationError
from sign_etl.core.unpickle import load_pickle, loads_pickle


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

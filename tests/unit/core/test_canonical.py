"""Canonical JSON: one spelling of a value on every machine."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sign_etl.core.canonical import (
    CHUNK_BYTES,
    canonical_json,
    digest,
    sha256_bytes,
    sha256_file,
)

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # A lone surrogate is no character and has no UTF-8 form.
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


def test_spelling_is_fixed() -> None:
    value = {"b": [1, 2.5, None], "a": {"z": True, "y": "ναι"}}
    assert canonical_json(value) == '{"a":{"y":"ναι","z":true},"b":[1,2.5,null]}'
    assert canonical_json(0.1) == "0.1"
    assert canonical_json(1 / 3) == "0.3333333333333333"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_values_that_readers_disagree_about_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"fps": [value]})


def test_key_order_does_not_matter() -> None:
    assert digest({"fps": 25, "crf": 18}) == digest({"crf": 18, "fps": 25})
    assert digest([1, 2]) != digest([2, 1])


def test_composed_and_decomposed_letters_stay_different() -> None:
    # Normal forms are the business of whoever compares names, not of a digest.
    assert canonical_json("\u00e9") != canonical_json("e\u0301")


def test_digest_is_that_of_the_utf8_bytes() -> None:
    assert digest("ž") == hashlib.sha256('"ž"'.encode()).hexdigest()
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_a_lone_surrogate_has_no_digest() -> None:
    with pytest.raises(UnicodeEncodeError):
        digest("\ud800")


@given(JSON_VALUES)
def test_reading_and_writing_again_changes_nothing(value: Any) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


def test_file_digest_over_several_chunks(tmp_path: Path) -> None:
    data = b"sign" * (CHUNK_BYTES // 2) + b"tail"
    path = tmp_path / "data"
    path.write_bytes(data)
    assert sha256_file(path) == sha256_bytes(data) == hashlib.sha256(data).hexdigest()

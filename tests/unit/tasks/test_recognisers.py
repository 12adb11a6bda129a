"""Lists of class names as others publish them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.tasks.recognisers import Choices, open_recogniser, read_labels


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("easy_sign.tsv", "id\tlabel\n0\tпривет\n1\tno\n"),
        ("plain.tsv", "1\tno\n0\tпривет\n"),
        ("lines.txt", "привет\nno\n"),
        ("spoter.json", '{"1": "no", "0": "привет"}'),
        ("list.json", '["привет", "no"]'),
        ("marked.txt", "\ufeffпривет\nno\n"),
    ],
)
def test_lists_of_labels(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert read_labels(tmp_path / name) == ("привет", "no")


@pytest.mark.parametrize("text", ["", "0\ta\n2\tb\n", "0\ta\nx\tb\n"], ids=["none", "gap", "word"])
def test_lists_with_gaps_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.tsv").write_text(text)
    with pytest.raises(ConfigError, match="no list of class names"):
        read_labels(tmp_path / "labels.tsv")


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    with pytest.raises(UsageError, match="no such file"):
        open_recogniser(tmp_path / "none.onnx", Choices())
    (tmp_path / "odd.onnx").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="no model that ONNX Runtime can open"):
        open_recogniser(tmp_path / "odd.onnx", Choices())

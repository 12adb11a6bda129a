"""Tables without header, without quotes, gzipped."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.tabular import read_table


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return path


def test_no_header(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", "signer0_sample1,41\n\nsigner0_sample2,7\n")
    table = read_table(path, key_column="id", columns=("id", "label"), delimiter=",")
    assert table.columns == ("id", "label")
    assert [(row.number, row.cells["label"]) for row in table.rows] == [(1, "41"), (3, "7")]


def test_no_quotes(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv", 'name|text\na|"so\nb|b"c"\n')
    table = read_table(path, key_column="name", delimiter="|", quoted=False)
    assert [row.cells["text"] for row in table.rows] == ['"so', 'b"c"']
    with pytest.raises(AnnotationError, match="broken"):
        read_table(path, key_column="name", delimiter="|")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv.gz", "a,b\n1,2\n"),
        ("x.tsv.gz", "a\tb\n1\t2\n"),
        ("x.json.gz", '[{"a": "1", "b": "2"}]'),
    ],
)
def test_gzip(tmp_path: Path, name: str, text: str) -> None:
    path = write(tmp_path, name, gzip.compress(text.encode("utf-8")))
    assert read_table(path, key_column="a").rows[0].cells == {"a": "1", "b": "2"}


def test_broken_gzip(tmp_path: Path) -> None:
    path = write(tmp_path, "x.csv.gz", gzip.compress(b"a,b\n1,2\n")[:-9])
    with pytest.raises(AnnotationError, match="broken gzip"):
        read_table(path, key_column="a")


def test_a_known_delimiter_makes_it_csv_whatever_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "labels.list", "[x]|1\n")
    table = read_table(path, key_column="a", columns=("a", "b"), delimiter="|")
    assert table.rows[0].cells == {"a": "[x]", "b": "1"}

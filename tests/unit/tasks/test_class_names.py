"""Lists of class names as others publish them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.tasks.class_names import read_labels


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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("none.tsv", b""),
        ("gap.tsv", b"0\ta\n2\tb\n"),
        ("word.tsv", b"0\ta\nx\tb\n"),
        ("twice.tsv", b"0\ta\n1\tb\n1\tc\n"),
        ("windows.tsv", "0\tпривет\n".encode("cp1251")),
        ("number.json", b"5"),
        ("half.json", b'["a"'),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, name: str, text: bytes) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(ConfigError, match="no list of class names"):
        read_labels(tmp_path / name)


def test_quotes_are_letters(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('0\t"а\n1\tб"\n', "utf-8")
    assert read_labels(tmp_path / "a.tsv") == ('"а', 'б"')

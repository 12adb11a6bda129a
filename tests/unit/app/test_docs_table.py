"""The README's table of data sets is what the cards say; `make docs` writes it anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sign_etl.app.docs import BEGIN, END, datasets_table, with_table, write_readme
from sign_etl.core.errors import UsageError
from sign_etl.recipes.base import RECIPES

README = Path(__file__).resolve().parents[3] / "README.md"


def test_no_drift(tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    copy.write_bytes(README.read_bytes())
    assert write_readme(copy) is False, "the table of data sets has drifted: make docs"


def test_every_data_set_has_a_row() -> None:
    rows = datasets_table().splitlines()[2:]
    assert [row.split("`")[1] for row in rows] == RECIPES.names()
    for row in rows:
        assert row.count(" | ") == 7
    wlasl = next(row for row in rows if row.startswith("| `wlasl` "))
    assert "| ase | isolated | 21,083 | C-UDA-1.0 | web links | files |" in wlasl


def test_what_is_known_from_memory_only_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    known = RECIPES.get("wlasl")
    doubtful = replace(known.card, layout_evidence="memory")
    monkeypatch.setattr(known, "card", doubtful, raising=False)
    [row] = [row for row in datasets_table().splitlines() if row.startswith("| `wlasl` ")]
    assert row.endswith("| memory: **Experimental** |")


def test_only_what_is_between_the_markers_changes(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    assert write_readme(path) is True
    text = path.read_text()
    assert text == f"before\n{BEGIN}\n{datasets_table()}{END}\nafter\n"
    assert write_readme(path) is False


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"])
def test_a_document_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="needs one"):
        with_table(text, "table")

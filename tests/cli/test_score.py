"""`evaluate --predictions`: texts of other systems."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from process import sign_etl

pytest.importorskip("sacrebleu")
pytest.importorskip("torch")


def test_a_table_of_texts_is_scored(tmp_path: Path) -> None:
    table = tmp_path / "theirs.csv"
    table.write_text("reference,prediction\n今天 天气 不好,今天天气很好\n你好？,你好?\n", "utf-8")
    done = sign_etl("evaluate", "--predictions", table, "--unit", "character", "--json")
    found = json.loads(done.stdout)["data"]
    assert (found["texts"], found["unit"]) == (2, "character")
    assert "tok:char" in found["signature"]
    assert found["metrics"]["wer"] == pytest.approx(100 / 9)
    assert "top1" not in found["metrics"]
    shown = sign_etl("evaluate", "--predictions", table, "--unit", "character", "--classes")
    assert "sacrebleu nrefs:1" in shown.stdout
    assert "top1_class" in shown.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("reference,text\na,b\n", "has no column `prediction`"),
        ("reference,prediction\n,b\n", "row 2 has no reference"),
        ("reference,prediction\n", "no rows"),
    ],
    ids=["column", "reference", "rows"],
)
def test_tables_that_cannot_be_scored(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "theirs.csv"
    table.write_text(text, "utf-8")
    done = sign_etl("evaluate", "--predictions", table, expect=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    done = sign_etl("evaluate", "--predictions", tmp_path / "theirs.csv", expect=2)
    assert "theirs.csv: no such file\nhint: name a table of texts: --predictions" in done.stderr


def test_neither_run_nor_predictions() -> None:
    assert "no run given" in sign_etl("evaluate", expect=2).stderr

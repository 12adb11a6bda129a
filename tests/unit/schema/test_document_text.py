"""What is written as YAML is read back as it was, by the rules that documents are read by."""

from __future__ import annotations

from pathlib import Path

from sign_etl.schema.document import read_document
from sign_etl.schema.document_text import to_yaml

TEXTS = (
    *("001", "008", "0089", "-1", "1e5", "0x1f", "0o7", ".5", "null", "~", "", "true", "no"),
    *("1:30", "2026-11-21", "a: b", "- a", "#", "ماء", "вода", "it's"),
)


def test_texts_stay_texts(tmp_path: Path) -> None:
    """Signers and labels that are digits, above all: 008 is no octal number to YAML 1.1."""
    values = {"texts": list(TEXTS), "numbers": [8, 1e-5, 0.5], "none": None, "yes": True}
    values |= {f"{number}": text for number, text in enumerate(TEXTS)}
    path = tmp_path / "config.yaml"
    path.write_text(to_yaml(values), encoding="utf-8")
    found = read_document(path).values
    assert list(found["texts"]) == list(TEXTS)
    assert [found[str(number)] for number in range(len(TEXTS))] == list(TEXTS)
    assert (list(found["numbers"]), found["none"], found["yes"]) == ([8, 1e-5, 0.5], None, True)

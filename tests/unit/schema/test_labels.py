"""Normal labels: the table of the docstring, real oddities, and that once is enough."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sign_etl.schema.labels import normal_label, normal_labels


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("Book", "book"),
        ("e\u0301te\u0301", "été"),
        ("book (2)", "book"),
        ("ΓΙΑΤΡΟΣ(1)", "γιατρος"),
        ("ΣΕΙΣΜΌΣ", "σεισμός"),
        ("ΣΕΙΣΜΌΣ_ΜΕΓΆΛΟΣ", "σεισμός μεγάλος"),
        ("σεισμόσ", "σεισμός"),
        ("Σ'", "σ"),
        ("ΚΛΕΒΩ(2)_ΕΜΕΝΑ", "κλεβω εμενα"),
        ("4. sad", "sad"),
        ("42. T-Shirt", "t-shirt"),
        ("12) sad", "sad"),
        ("book_2", "book"),
        ("book#2", "book"),
        ("REMEMBER2", "remember"),
        ("thank_you", "thank you"),
        ("  thank \t you ", "thank you"),
        ('"what?"', "what"),
        ("¿qué?", "qué"),
        ("«да»", "да"),
        ("Straße", "strasse"),
    ],
)
def test_what_changes(raw: str, normal: str) -> None:
    assert normal_label(raw) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("you (plural)", "second (number)", "αμκα(δ.α.)", "(a) b", "street (or road"),
        *("t-shirt", "don't want", "ix-1", "100", "3.5 kg", "mp3", "covid19", "a2", "remember2"),
        *("...", "?", "_", "", "手話", "سلام", "σεισμός", "σ"),
    ],
)
def test_what_stays(text: str) -> None:
    assert normal_label(text) == text


def test_short_words_in_capitals_keep_their_digit() -> None:
    assert normal_label("MP3") == "mp3"
    assert normal_label("COVID19") == "covid19"
    assert normal_label("1.") == "1"


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=30))
def test_once_is_enough(text: str) -> None:
    normal = normal_label(text)
    assert normal_label(normal) == normal
    assert unicodedata.is_normalized("NFC", normal)
    assert bool(normal) or not any(map(str.isalnum, text))


@given(
    st.lists(
        st.sampled_from(["(2)", "_2", "4. ", "WORD", "word", "2", "#", "(", ")", "?", " "]),
        max_size=8,
    )
)
def test_rules_on_top_of_each_other(parts: list[str]) -> None:
    normal = normal_label("".join(parts))
    assert normal_label(normal) == normal


def test_synonyms_come_first() -> None:
    labels = ("Dad", "Father", "e\u0301", "book (2)")
    words = {"Dad": "FATHER", "é": "book"}
    assert normal_labels(labels, words) == ("father", "father", "book", "book")


def test_the_words_of_real_data_sets(shared_data: Path) -> None:
    folder = shared_data / "annotations"
    with (folder / "include" / "train_include.csv").open(encoding="utf-8-sig") as file:
        include = {row["Word"] for row in csv.DictReader(file)}
    assert sum(word[0].isdigit() for word in include) == 261
    assert not any(normal_label(word)[0].isdigit() for word in include)
    classes = json.loads((folder / "msasl" / "MSASL_classes.json").read_text("utf-8"))
    changed = {word: normal_label(word) for word in classes if normal_label(word) != word}
    assert changed == {"how_many": "how many", "put_down": "put down"}
    greek = (folder / "gsl" / "val_greek_iso.csv").read_text("utf-8").splitlines()
    glosses = {line.rpartition("|")[2].strip() for line in greek}
    variants = {gloss for gloss in glosses if normal_label(gloss) == normal_label("ΕΓΩ")}
    assert variants == {"ΕΓΩ(1)", "ΕΓΩ(2)", "ΕΓΩ(3)"}

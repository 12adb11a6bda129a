"""Captions come out in any script, or say which script has no font."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, features

from sign_etl.viz.text import ELLIPSIS, Lettering, lettering, script

SAMPLES = ("water", "dážď", "γειά", "мир", "سلام", "手話", "수어", "😀", "a\tb\0c", "e\u0301", "")


@pytest.fixture
def bare() -> Lettering:
    """Only the font that comes with Pillow."""
    return lettering(20, families=(), search=False)


@pytest.mark.parametrize("text", SAMPLES)
@pytest.mark.parametrize("search", [True, False])
def test_any_script_draws_something_and_never_fails(text: str, search: bool) -> None:
    letters = lettering(20) if search else lettering(20, families=(), search=False)
    picture = Image.new("L", (600, 40), 255)
    letters.draw(ImageDraw.Draw(picture), (4, 28), text, "black")
    assert (picture.getextrema()[0] < 128) == bool(text)


def test_plain_latin_needs_no_system_font(bare: Lettering) -> None:
    assert [piece for piece, _ in bare.runs("water, tree (2)")] == ["water, tree (2)"]


def test_a_word_is_not_pieced_together_from_two_fonts() -> None:
    letters = lettering(20)
    if not any(font.getname()[0].startswith(("DejaVu", "Noto")) for font in letters.fonts):
        pytest.skip("no font with wide coverage is installed")
    assert len(letters.runs("dážď čučoriedka")) == 1
    assert len(letters.runs("water γειά мир")) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("手話", "[no font: CJK]"),
        ("سلام", "[no font: Arabic]"),
        ("한국", "[no font: Hangul]"),
        ("water 手話", "water [no font: CJK]"),
        ("手話 water", "[no font: CJK] water"),
    ],
)
def test_what_no_font_has_is_named(bare: Lettering, text: str, shown: str) -> None:
    assert "".join(piece for piece, _ in bare.runs(text)) == shown


@pytest.mark.parametrize("text", ["ෂ්\u200dරී", "नमस्ते", "กำลัง"], ids=["sinhala", "hindi", "thai"])
def test_marks_of_a_script_without_a_font_leave_no_boxes(bare: Lettering, text: str) -> None:
    """Shaped by raqm a mark alone stands on a dotted circle, which is no empty box."""
    [(shown, _)] = bare.runs(text)
    assert shown == f"[no font: {script(text[0])}]"


@pytest.mark.parametrize("raqm", [True, False])
def test_invisible_characters(raqm: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Joiners shape the letters beside them, where something does; the others are left out."""
    monkeypatch.setattr(features, "check", lambda _name: raqm)
    letters = lettering(20, families=(), search=False)
    runs = letters.runs("a\u00adb\u200ec\u200dd\ufeff")
    assert "".join(piece for piece, _ in runs) == ("abc\u200dd" if raqm else "abcd")


@pytest.mark.parametrize("text", ["سلام", "नमस्ते", "မြန်မာ"], ids=["arabic", "hindi", "burmese"])
def test_what_would_be_unreadable_is_not_drawn(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without raqm; with it the same letters may only lack a font."""
    monkeypatch.setattr(features, "check", lambda _name: False)
    [(shown, _)] = lettering(20).runs(text)
    assert shown == f"[no raqm: {script(text[0])}]"
    assert lettering(20).runs("мир")[0][0] == "мир"


def test_words_of_one_script_stay_together() -> None:
    letters = lettering(20)
    runs = letters.runs("سلام عليكم")
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("character", "name"),
    [("γ", "Greek"), ("м", "Cyrillic"), ("س", "Arabic"), ("手", "CJK"), ("\ue000", "Unknown")],
)
def test_scripts_have_names(character: str, name: str) -> None:
    assert script(character) == name


def test_a_long_line_is_shortened_to_its_room(bare: Lettering) -> None:
    text = "wlasl-a-very-long-readable-part-8c491cb6fa34"
    for middle in (False, True):
        short = bare.fit(text, 150, middle=middle)
        assert bare.width(short) <= 150 < bare.width(text)
        assert ELLIPSIS in short
        assert short.startswith("wlasl")
    assert bare.fit(text, 150, middle=True).endswith("6fa34")
    assert bare.fit("short", 150) == "short"
    assert bare.fit(text, 1) == ELLIPSIS

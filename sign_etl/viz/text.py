"""Captions in any script with the fonts that the machine has; none are bundled.

Well-known families come first, then the font inside of Pillow, which has plain Latin only, then
whatever fontconfig names. What no font can draw becomes a bracket with the name of the script, so a
caption never shows empty boxes and never fails. Scripts whose letters join or change their places
need Pillow's raqm; where that is missing the bracket says so.
"""

from __future__ import annotations

import shutil
import subprocess
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageDraw, ImageFont, features

FAMILIES = (
    *("NotoSans-Regular.ttf", "DejaVuSans.ttf", "NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular"),
    *("NotoSansArabic-Regular.ttf", "NotoSansHebrew-Regular.ttf", "NotoSansDevanagari-Regular.ttf"),
    *("LiberationSans-Regular.ttf", "Arial Unicode.ttf", "arialuni.ttf", "arial.ttf"),
    *("PingFang.ttc", "Hiragino Sans GB.ttc", "msyh.ttc", "meiryo.ttc", "malgun.ttf"),
)
"""Font files as Linux, macOS and Windows name them; tried in this order."""

NO_CHARACTER = "\uffff"
"""A code point that no font has: its picture is the empty box."""

ELLIPSIS = "…"
JOINERS = "\u200c\u200d"
"""Shape the letters beside them, in Persian and in scripts of India; drawn by no font."""
SHAPED = ((0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF))
"""Code points of scripts from left to right that are wrong without shaping: India's, Tibetan,
Burmese and Khmer."""
FONTCONFIG_S = 5.0

Font = ImageFont.FreeTypeFont
Run = tuple[str, Font]


@dataclass(frozen=True)
class Lettering:
    """Fonts of one size.

    Attributes:
        fonts: the first one that has a character draws it.
        search: whether fontconfig may be asked for what they lack.
    """

    fonts: tuple[Font, ...]
    search: bool = True

    def runs(self, text: str) -> list[Run]:
        """`text` cut into pieces with the font of each, placeholders put in."""
        characters = list(_drawable(text))
        for whole in self.fonts:  # one font for the whole line looks best
            if all(_has(whole, character) and _ready(character) for character in characters):
                return [("".join(characters), whole)]
        runs: list[tuple[list[str], Font | None]] = []
        for character in characters:
            font = self._font(character, runs[-1][1] if runs else None)
            if runs and (runs[-1][1] is font or character in JOINERS):
                runs[-1][0].append(character)
            else:
                runs.append(([character], font))
        return [
            ("".join(piece), font)
            if font is not None
            else (f"[no {_lacking(piece[0])}: {script(piece[0])}]", self.fonts[0])
            for piece, font in runs
        ]

    def width(self, text: str) -> float:
        """Width in pixels."""
        return sum(font.getlength(piece) for piece, font in self.runs(text))

    def fit(self, text: str, width: float, *, middle: bool = False) -> str:
        """`text` shortened to `width` pixels, at its end or in its middle."""
        if self.width(text) <= width:
            return text
        for kept in range(len(text) - 1, 0, -1):
            tail = kept // 2 if middle else 0
            short = text[: kept - tail].rstrip() + ELLIPSIS + text[len(text) - tail :]
            if self.width(short) <= width:
                return short
        return ELLIPSIS

    def draw(
        self, canvas: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, fill: str
    ) -> None:
        """Draw `text` with its baseline at `xy`."""
        x, y = xy
        for piece, font in self.runs(text):
            canvas.text((x, y), piece, font=font, fill=fill, anchor="ls")
            x += font.getlength(piece)

    def _font(self, character: str, before: Font | None) -> Font | None:
        # Blanks and marks stay with what they stand in, or words of a script that is written from
        # right to left would be drawn one by one, from left to right.
        if before is not None and not character.isalnum() and _has(before, character):
            return before
        if not _ready(character):
            return None
        for font in self.fonts:
            if _has(font, character):
                return font
        return self._found(character) if self.search else None

    def _found(self, character: str) -> Font | None:
        path = _ask_fontconfig(character)
        font = _load(path, int(self.fonts[0].size)) if path else None
        return font if font is not None and _has(font, character) else None


@lru_cache(maxsize=32)
def lettering(size: int, *, families: Sequence[str] = FAMILIES, search: bool = True) -> Lettering:
    """Fonts of `size` pixels.

    Args:
        size: in pixels.
        families: font files to try before the built-in one.
        search: whether fontconfig may be asked for what they lack.
    """
    found = (_load(name, size) for name in families)
    built_in = ImageFont.load_default(size)
    assert isinstance(built_in, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
    return Lettering((*(font for font in found if font is not None), built_in), search)


def script(character: str) -> str:
    """Name of a character's script for people, such as `Arabic` or `CJK`."""
    word = unicodedata.name(character, "unknown").split()[0].split("-")[0]
    return word if word == "CJK" else word.capitalize()


def _drawable(text: str) -> Iterator[str]:
    for character in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(character)
        if kind == "Cf":  # invisible: marks of direction, soft hyphens
            if character in JOINERS and features.check("raqm"):
                yield character
        else:
            yield " " if kind[0] in "CZ" else character


def _ready(character: str) -> bool:
    # Without raqm there is no shaping and no reordering: such text would be unreadable.
    shaped = any(first <= ord(character) <= last for first, last in SHAPED)
    shaped = shaped or unicodedata.bidirectional(character) in ("R", "AL")
    return not shaped or bool(features.check("raqm"))


def _lacking(character: str) -> str:
    return "font" if _ready(character) else "raqm"


@lru_cache(maxsize=256)
def _load(name: str, size: int) -> Font | None:
    try:
        return ImageFont.truetype(name, size)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=8192)
def _has(font: Font, character: str) -> bool:
    if character == " " or character in JOINERS:
        return True
    # Shaped, a mark alone would stand on a dotted circle and never look like the empty box.
    plain = _unshaped(font)
    mask, box = plain.getmask(character), plain.getmask(NO_CHARACTER)
    return mask.size != box.size or bytes(mask) != bytes(box)


@lru_cache(maxsize=256)
def _unshaped(font: Font) -> Font:
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=256)
def _ask_fontconfig(character: str) -> str | None:
    program = shutil.which("fc-match")
    if program is None:
        return None
    query = [program, "--format", "%{file}", f":charset={ord(character):x}"]
    try:
        found = subprocess.run(
            query, capture_output=True, text=True, timeout=FONTCONFIG_S, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None

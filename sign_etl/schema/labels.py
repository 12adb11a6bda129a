"""Normal labels: one spelling for the words that data sets spell in many ways.

A raw label is a class name as annotated; it stays the class (`labels` in `labels.json`). Its normal
label stands beside it (`normal`), so that classes of several data sets, or variants of one word,
can be brought together. Nothing is split, merged or renumbered here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

from sign_etl.core.canonical import nfc

_BRACKETED_NUMBER = re.compile(r"[(\[]\s*\d{1,2}\s*[)\]]")
_SERIAL = re.compile(r"^\d{1,4}\s*[.)]\s+(?=\S*[^\W\d_])")
_NUMBERED_TAIL = re.compile(r"(?<=[^\W\d_])[_#]\d{1,2}$")
_GLOSS_VARIANT = re.compile(r"(?<=[^\W\d_]{3})\d$")
_FINAL_SIGMA = re.compile(r"(?<=[^\W\d_])σ(?![^\W\d_])")
_BLANKS = re.compile(r"[\s_\u200b\ufeff]+")
_OPENING = {"(": ")", "[": "]", "{": "}", "«": "»", "“": "”"}


def normal_label(text: str) -> str:
    """The normal form of a class name; applying it twice changes nothing more.

    Rules, in this order, until none of them applies:

    | rule | raw | normal |
    |---|---|---|
    | composed accents (Unicode NFC) | `e` + accent | `é` |
    | a number in brackets tells variants apart: dropped | `ΓΙΑΤΡΟΣ(1)`, `book (2)` | `book` |
    | a serial in front of a word: dropped | `4. sad`, `12) sad` | `sad` |
    | a number behind `_` or `#` at the end: dropped | `book_2`, `book#2` | `book` |
    | one digit glued to a word in capitals: dropped | `REMEMBER2` | `remember` |
    | underscores and runs of blanks are one blank | `thank_you` | `thank you` |
    | punctuation around the word, not brackets inside | `"what?"` | `what` |
    | case folded (Unicode; a sigma that ends a word is written as one) | `ΣΕΙΣΜΌΣ` | `σεισμός` |

    What stays: words in brackets (`you (plural)`), inner punctuation (`t-shirt`, `don't`), numbers
    that are the word (`100`), digits that belong to it (`mp3`, `covid19`), and a text of
    punctuation alone.
    """
    while True:
        changed = _once(text)
        if changed == text:
            return text
        text = changed


def normal_labels(labels: Sequence[str], synonyms: Mapping[str, str]) -> tuple[str, ...]:
    """Normal labels of a list of classes, in its order.

    Args:
        labels: class names.
        synonyms: raw label -> the data set's own canonical word, where it names one.
    """
    words = {nfc(raw): word for raw, word in synonyms.items()}
    return tuple(normal_label(words.get(nfc(label), label)) for label in labels)


def _once(text: str) -> str:
    text = nfc(text)
    for pattern in (_BRACKETED_NUMBER, _SERIAL, _NUMBERED_TAIL):
        text = _or_else(pattern.sub(" ", text), text)
    if text.isupper():
        text = _GLOSS_VARIANT.sub("", text)
    text = _or_else(_BLANKS.sub(" ", text).strip(), text)
    folded = nfc(_or_else(_without_punctuation(text), text).casefold())
    return _FINAL_SIGMA.sub("ς", folded)  # folding makes both sigmas one, and people read this


def _without_punctuation(text: str) -> str:
    """`text` without punctuation at its ends; a bracket stays whose partner is inside."""
    while text and _is_mark(text[-1]) and not _closes(text):
        text = text[:-1].rstrip()
    while text and _is_mark(text[0]):
        partner = text.find(_OPENING.get(text[0], "\0"), 1)
        if 0 < partner < len(text) - 1:
            break
        text = (text[1:partner] if partner > 0 else text[1:]).strip()
    return text


def _closes(text: str) -> bool:
    """True where the last character closes a bracket that opens behind the first character."""
    opening = next((begin for begin, end in _OPENING.items() if end == text[-1]), None)
    return opening is not None and opening in text[:-1]


def _is_mark(character: str) -> bool:
    # Symbols such as + or emoji may be the word itself, so only punctuation (P*) goes.
    return unicodedata.category(character).startswith("P")


def _or_else(changed: str, before: str) -> str:
    return changed if any(map(str.isalnum, changed)) else before

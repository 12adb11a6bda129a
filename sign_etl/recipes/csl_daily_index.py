"""The three kinds of index of CSL-Daily, read into one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.annotation_files import ANEW
from sign_etl.recipes.cells import need, need_columns
from sign_etl.recipes.tabular import read_table

_NAME = re.compile(r"S\d{6}_P(\d{4})_T\d{2}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A clip as an index describes it.

    Attributes:
        name: of the clip, `S000020_P0000_T00`.
        split: `train`, `val`, `test`, or empty if no list names it.
        gloss: glosses with blanks between them.
        text: the Chinese sentence, without blanks.
        extra: further columns.
    """

    name: str
    split: str
    gloss: str
    text: str
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def signer(self) -> str | None:
        """The signer in the name, None if the name has another form."""
        found = _NAME.fullmatch(self.name)
        return str(int(found[1])) if found else None


def read_video_map(path: Path, splits: Mapping[str, str]) -> Iterator[Sentence]:
    """The rows of `video_map.txt`.

    Raises:
        AnnotationError: a column is missing or a name is blank.
    """
    table = read_table(path, key_column="gloss", delimiter="|", quoted=False)
    need_columns(table, "name", "length", "gloss", "char")
    for row in table.rows:
        name = need(table, row, "name")
        length = row.cells["length"]
        yield Sentence(
            name=name,
            split=splits.get(name, ""),
            gloss=" ".join((row.cells["gloss"] or "").split()),
            text="".join((row.cells["char"] or "").split()),
            extra={"length": length} if length else {},
        )


def read_pickle(file: str, value: Any, splits: Mapping[str, str]) -> Iterator[Sentence]:
    """The entries of `csl2020ct_v2.pkl`.

    Raises:
        AnnotationError: it has another form.
    """
    entries = value.get("info") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise AnnotationError(f"{file}: holds no list `info`", hint=ANEW)
    for number, entry in enumerate(entries):
        name = _name(file, f"entry {number}", entry)
        length = entry.get("length")
        yield Sentence(
            name=name,
            split=splits.get(name, ""),
            gloss=_joined(file, name, entry, "label_gloss", " "),
            text=_joined(file, name, entry, "label_char", ""),
            extra={"length": str(length)} if isinstance(length, int) else {},
        )


def read_labels(file: str, value: Any, split: str) -> Iterator[Sentence]:
    """The entries of Uni-Sign's `labels.*`.

    Raises:
        AnnotationError: it has another form.
    """
    if not isinstance(value, dict):
        raise AnnotationError(f"{file}: holds no mapping of clips", hint=ANEW)
    for key, entry in value.items():
        name = _name(file, f"entry `{key}`", entry)
        yield Sentence(
            name=name,
            split=split,
            gloss=_joined(file, name, entry, "gloss", " "),
            text=_joined(file, name, entry, "text", ""),
        )


def _name(file: str, where: str, entry: Any) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise AnnotationError(f"{file}: {where} has no `name`", hint=ANEW)
    return name.strip()


def _joined(file: str, name: str, entry: Mapping[str, Any], column: str, between: str) -> str:
    value = entry.get(column) or ""
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not all(isinstance(word, str) for word in words):
        raise AnnotationError(f"{file}: `{name}`: `{column}` is no list of words", hint=ANEW)
    return between.join(word.strip() for word in words)

"""From a row of the user's annotation table to a clip."""

from __future__ import annotations

import math
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sign_etl.core.errors import AnnotationError, near_miss
from sign_etl.recipes.tabular import Row, Table, read_table
from sign_etl.schema.clip import Clip, Source, clip_key

COLUMNS = (
    *("file", "id", "label", "gloss", "text", "split", "signer", "language"),
    *("start", "end", "fps"),
)
"""The columns that we know."""

_MEANING = ("label", "gloss", "text")
_SPLIT_WORDS = {
    "training": "train",
    "testing": "test",
    **dict.fromkeys(("valid", "validation", "dev", "devel"), "val"),
}
_SPLIT = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_LANGUAGE = re.compile(r"[a-z]{3}")
_CLOCK = re.compile(r"(?:(\d+):)?([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


def read_clips(
    path: Path,
    dataset: str,
    language: str,
    *,
    trimmed: bool,
    keypoints: Callable[[str], str] | None = None,
) -> Iterator[Clip]:
    """The clips of a table, in its order.

    Args:
        path: the table.
        dataset: name for the keys.
        language: code for rows that name none.
        trimmed: the files hold the spans only and must not be cut.
        keypoints: the format of keypoints in a file, where the files are no videos; then a column
            `part` says which part of the file is meant.

    Raises:
        AnnotationError: a column is missing, a row contradicts something, an id stands twice.
    """
    table = read_table(path, key_column="file")
    _check_columns(table)
    seen: dict[str, int] = {}
    spans: dict[str, tuple[float, float | None]] = {}
    for row in table.rows:
        clip = _clip(_Reader(table.name, row), dataset, language, trimmed, keypoints)
        if clip.annotation_id in seen:
            raise AnnotationError(
                f"{table.name}: duplicate clip id `{clip.annotation_id}` in rows "
                f"{seen[clip.annotation_id]} and {row.number}",
                hint="remove one of the rows, or tell them apart in a column `id`",
            )
        seen[clip.annotation_id] = row.number
        span = clip.start_s, clip.end_s
        if trimmed and spans.setdefault(clip.source.id, span) != span:
            raise AnnotationError(
                f"{table.name}: row {row.number}: `{clip.source.id}` holds two spans, so it is "
                "not trimmed",
                hint="leave --media-kind trimmed out",
            )
        yield clip


def _check_columns(table: Table) -> None:
    found = f"columns found: {', '.join(table.columns)}"
    if "file" not in table.columns:
        miss = _similar("file", table.columns)
        raise AnnotationError(
            f"{table.name}: no column `file` ({found})",
            hint=f"rename the column `{miss}` to `file`" if miss else "name the videos in `file`",
        )
    if not set(_MEANING) & set(table.columns):
        miss = _similar("label", [name for name in table.columns if name not in COLUMNS])
        raise AnnotationError(
            f"{table.name}: no column `label`, `gloss` or `text` ({found})",
            hint=f"rename the column `{miss}` to `label`" if miss else "add a column `label`",
        )


def _similar(wanted: str, columns: tuple[str, ...] | list[str]) -> str | None:
    by_lower = {column.lower(): column for column in columns}
    hint = near_miss(wanted, list(by_lower))
    return by_lower[hint.split("`")[1]] if hint else None


def _clip(
    row: _Reader,
    dataset: str,
    language: str,
    trimmed: bool,
    keypoints: Callable[[str], str] | None,
) -> Clip:
    file = row.file()
    start_s, end_s = row.span_s()
    split, extra = row.split(), row.extra()
    part = extra.pop("part", None) if keypoints else None
    source_id = file if part is None else f"{file}#{part}"
    annotation_id = row.text("id") or _derived_id(source_id, start_s, end_s)
    if split != (row.text("split") or ""):
        extra["split"] = row.text("split") or ""
    return Clip(
        key=clip_key(dataset, annotation_id, source_id, start_s, end_s),
        dataset=dataset,
        annotation_id=annotation_id,
        source=Source(
            id=source_id,
            names=_names(file),
            trimmed=trimmed,
            keypoints=keypoints(file) if keypoints else None,
            part=part,
        ),
        split=split,
        label=row.text("label"),
        gloss=row.text("gloss"),
        text=row.text("text"),
        language=row.language() or language,
        signer=row.text("signer"),
        start_s=start_s,
        end_s=end_s,
        declared_fps=row.fps(),
        extra=extra,
    )


def _derived_id(file: str, start_s: float, end_s: float | None) -> str:
    if start_s == 0.0 and end_s is None:
        return file
    end = "end" if end_s is None else round(end_s * 1000)
    return f"{file}#{round(start_s * 1000)}-{end}"


def _names(file: str) -> tuple[str, ...]:
    # A table made on Windows; a backslash may also be part of a name elsewhere.
    return (file, file.replace("\\", "/")) if "\\" in file else (file,)


@dataclass(frozen=True)
class _Reader:
    """One row with its place, for messages."""

    table: str
    row: Row

    def text(self, column: str) -> str | None:
        return self.row.cells.get(column)

    def wrong(self, what: str, hint: str = "correct or remove the row") -> AnnotationError:
        return AnnotationError(f"{self.table}: row {self.row.number}: {what}", hint=hint)

    def file(self) -> str:
        """The relative path in `file`, refused where it would leave the folder."""
        written = self.text("file")
        if written is None:
            raise self.wrong("`file` is empty")
        for spelling in _names(written):
            normal = posixpath.normpath(spelling)
            outside = normal == ".." or normal.startswith(("../", "/")) or _DRIVE.match(spelling)
            if outside or normal == ".":
                raise self.wrong(
                    f"`file` is `{written}`, outside of the folder",
                    hint="write paths relative to --media",
                )
        return unicodedata.normalize("NFC", posixpath.normpath(written))

    def span_s(self) -> tuple[float, float | None]:
        """Begin and end in seconds."""
        start_s, end_s = self._seconds("start") or 0.0, self._seconds("end")
        if end_s is not None and end_s <= start_s:
            raise self.wrong(f"ends at {end_s:g} s and begins at {start_s:g} s")
        return start_s, end_s

    def split(self) -> str:
        """The split, the usual words for validation being `val`."""
        written = (self.text("split") or "").lower()
        word = _SPLIT_WORDS.get(written, written)
        if word and not _SPLIT.fullmatch(word):
            raise self.wrong(
                f"`split` is `{written}`", hint="a split is a word of a-z, 0-9, - and _"
            )
        return word

    def language(self) -> str | None:
        """The language code."""
        code = self.text("language")
        if code is not None and not _LANGUAGE.fullmatch(code):
            raise self.wrong(
                f"`language` is `{code}`, no ISO 639-3 code", hint="three letters, such as ase"
            )
        return code

    def fps(self) -> float | None:
        """The frame rate."""
        written = self.text("fps")
        value = None if written is None else _number(written)
        if written is not None and (value is None or not 0 < value <= 1000):
            raise self.wrong(
                f"`fps` is `{written}`, no frame rate", hint="write frames a second, such as 25"
            )
        return value

    def extra(self) -> dict[str, str]:
        """The columns that we do not know."""
        cells = self.row.cells.items()
        return {name: cell for name, cell in cells if name not in COLUMNS and cell is not None}

    def _seconds(self, column: str) -> float | None:
        written = self.text(column)
        if written is None or written.lower() == "nan":
            return None
        clock = _CLOCK.fullmatch(written)
        if clock:
            hours, minutes, seconds = clock.groups()
            return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
        value = _number(written)
        if value is None or value < 0:
            raise self.wrong(
                f"`{column}` is `{written}`", hint="write seconds (12.5) or HH:MM:SS.mmm"
            )
        return value


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None

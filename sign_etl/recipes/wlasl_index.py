"""Reading `WLASL_v0.3.json`, plain or gzipped, with every row checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import AnnotationError
from sign_etl.core.gunzip import GunzipError, gunzip
from sign_etl.recipes.addresses import canonical_address
from sign_etl.recipes.reading import unreadable

SPLITS = ("train", "val", "test")


class _Row(BaseModel):
    """An instance as it stands in the file. Further columns are kept as text."""

    model_config = ConfigDict(extra="allow", strict=True)

    video_id: Annotated[str, Field(min_length=1, max_length=64)]
    url: Annotated[str, Field(min_length=1)]
    split: str
    signer_id: int
    frame_start: Annotated[int, Field(ge=1)]
    frame_end: int
    fps: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = 25.0
    bbox: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One labelled clip of the index.

    Attributes:
        gloss: the word, without blanks around it.
        video_id: unique in the index.
        url: address as written.
        split: `train`, `val` or `test`.
        signer_id: number of the signer.
        frame_start: first frame, from 1.
        frame_end: last frame, included; None for the end of the source.
        fps: frames a second that the numbers count.
        bbox: the signer's box in pixels (x0, y0, x1, y1).
        extra: other columns, as text.
    """

    gloss: str
    video_id: str
    url: str
    split: str
    signer_id: int
    frame_start: int
    frame_end: int | None
    fps: float
    bbox: tuple[float, float, float, float] | None
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """True if the span is all of the source, so that nothing needs to be cut."""
        return self.frame_start == 1 and self.frame_end is None

    @property
    def span_s(self) -> tuple[float, float | None]:
        """Begin and end in seconds: frames are 1-based and the last one is included."""
        end_s = None if self.frame_end is None else self.frame_end / self.fps
        return (self.frame_start - 1) / self.fps, end_s


def read_index(path: Path) -> tuple[list[str], list[Instance]]:
    """The glosses in class order, and all instances in the order of the file.

    Raises:
        AnnotationError: the file cannot be read or is no such index; names file and row.
    """
    entries = _load(path)
    if not isinstance(entries, list) or not entries:
        raise _wrong(path, "is no list of glosses")
    glosses: dict[str, int] = {}
    instances: list[Instance] = []
    seen: dict[str, str] = {}
    for number, entry in enumerate(entries):
        raw, rows = _entry(path, number, entry)
        gloss = raw.strip()
        if gloss in glosses:
            raise _wrong(path, f"entry {number}: gloss `{gloss}` stands at {glosses[gloss]} too")
        glosses[gloss] = number
        for place, row in enumerate(rows):
            where = f"gloss `{gloss}`, instance {place}"
            changed = {"gloss_raw": raw} if raw != gloss else {}
            instance = _instance(path, where, gloss, row, changed)
            if instance.video_id in seen:
                raise _wrong(
                    path,
                    f"duplicate clip id `{instance.video_id}`: {seen[instance.video_id]} "
                    f"and {where}",
                )
            seen[instance.video_id] = where
            instances.append(instance)
    if not instances:
        raise _wrong(path, "holds no instances")
    return list(glosses), instances


def _load(path: Path) -> Any:
    try:
        data = gunzip(path.read_bytes())
        return json.loads(data.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except GunzipError as error:
        raise _wrong(path, str(error)) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise _wrong(path, "is no JSON") from error


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _entry(path: Path, number: int, entry: Any) -> tuple[str, list[Any]]:
    if not isinstance(entry, dict):
        raise _wrong(path, f"entry {number} is no mapping")
    gloss, rows = entry.get("gloss"), entry.get("instances")
    if not isinstance(gloss, str) or not gloss.strip() or not _is_text(gloss):
        raise _wrong(path, f"entry {number} has no `gloss`")
    if not isinstance(rows, list):
        raise _wrong(path, f"entry {number}: gloss `{gloss}` has no list of `instances`")
    return gloss, rows


def _instance(path: Path, where: str, gloss: str, row: Any, extra: dict[str, str]) -> Instance:
    try:
        read = _Row.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        column = ".".join(str(step) for step in first["loc"]) or "row"
        raise _wrong(path, f"{where}: `{column}`: {_lower(first['msg'])}") from error
    split = read.split.strip()
    if split not in SPLITS:
        raise _wrong(path, f"{where}: `split` is `{read.split}`, not one of {', '.join(SPLITS)}")
    if 0 < read.frame_end < read.frame_start:
        raise _wrong(path, f"{where}: ends at frame {read.frame_end}, before it begins")
    try:
        canonical = canonical_address(read.url)
    except ValueError as error:
        raise _wrong(path, f"{where}: `url` is no http(s) address") from error
    if canonical != read.url:
        extra = extra | {"url": read.url}
    extra |= {name: _text(value) for name, value in (read.model_extra or {}).items()}
    if not all(map(_is_text, extra.values())):
        raise _wrong(path, f"{where}: holds half of a surrogate pair, which is no text")
    return Instance(
        gloss=gloss,
        video_id=read.video_id.strip(),
        url=read.url,
        split=split,
        signer_id=read.signer_id,
        frame_start=read.frame_start,
        frame_end=read.frame_end if read.frame_end > 0 else None,
        fps=read.fps,
        bbox=_box(read.bbox),
        extra=extra,
    )


def _box(values: list[float] | None) -> tuple[float, float, float, float] | None:
    if values is None:
        return None
    x0, y0, x1, y1 = values
    return x0, y0, x1, y1


def _is_text(word: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in word)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def _wrong(path: Path, what: str) -> AnnotationError:
    return AnnotationError(
        f"{path.name}: {what}", hint="get the file anew from github.com/dxli94/WLASL, start_kit"
    )

"""Clips and sources: what a recipe says about its data, frozen and typed.

A clip key carries no dot, because a WebDataset sample name ends at the first one.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from sign_etl.core.canonical import canonical_json

KEY_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,71}")
"""What a clip key looks like; 72 characters leave room for `.blazepose.npy` in a USTAR name."""

_NO_SLUG = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Source:
    """One media file (or one archive member); many clips may share it, it is fetched once.

    Attributes:
        id: unique within the data set, case-sensitive.
        url: where it can be had: http(s), a video site's page, or None if only --media helps.
        names: relative file names that it may have under --media, most likely first. A name
            without a media extension stands for that name with any media extension.
        headers: HTTP headers that its server wants, such as a Referer.
        trimmed: the file holds the labelled span only and must not be cut again.
        frames_fps: set where the source is a folder of pictures: how many of them are a second.
        keypoints: set where the source holds keypoints that others extracted, and no video: the
            name of their format, see `sign_etl.keypoints.FORMATS`.
        part: which part of the file is meant, where it holds several clips (a row, an array).
        sha256: what its bytes must be, where a lock says so; other bytes are a reject.
    """

    id: str
    url: str | None = None
    names: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    trimmed: bool = False
    frames_fps: float | None = None
    keypoints: str | None = None
    part: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled time span of one source: the unit of meaning.

    Attributes:
        key: stable across machines, see `clip_key`.
        dataset: name of the data set.
        annotation_id: what the annotation file calls it.
        source: the media that holds it.
        split: `train`, `val`, `test` or another word of the data set; empty if it has none.
        label: class name as annotated (raw), None for sentences.
        gloss: gloss or gloss sequence, None if there is none.
        text: sentence in the spoken language, None if there is none.
        language: ISO 639-3 code of the sign language (`zxx` for no language).
        signer: who signs, as the data set names them.
        start_s: begin of the span in seconds of the source.
        end_s: end in seconds, None for the end of the source.
        declared_fps: frame rate that the annotations assume, None if they count in seconds.
        bbox: where the signer is, (x0, y0, x1, y1) in pixels of the declared source.
        extra: further annotation columns, as text.
    """

    key: str
    dataset: str
    annotation_id: str
    source: Source
    split: str = ""
    label: str | None = None
    gloss: str | None = None
    text: str | None = None
    language: str = "und"
    signer: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    declared_fps: float | None = None
    bbox: tuple[float, float, float, float] | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def clip_key(
    dataset: str,
    annotation_id: str,
    source_id: str,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    slug: str | None = None,
) -> str:
    """The stable key of a clip: `<dataset>-<slug>-<hash12>`.

    The hash covers data set, annotation id, case-sensitive source id and the requested span in
    milliseconds (`end` if open), since one video may carry several annotations.

    Args:
        dataset: data set name, `[a-z0-9][a-z0-9_-]*`.
        annotation_id: id in the annotation file, any script.
        source_id: id of the source, any script, case-sensitive.
        start_s: begin in seconds.
        end_s: end in seconds or None.
        slug: a readable part, default the annotation id; cut to fit.
    """
    span = [round(start_s * 1000), "end" if end_s is None else round(end_s * 1000)]
    identity = canonical_json([dataset, annotation_id, source_id, *span]).encode("utf-8")
    hash12 = hashlib.sha256(identity).hexdigest()[:12]
    room = 72 - len(dataset) - len(hash12) - 2
    readable = slugify(slug if slug is not None else annotation_id)[: max(room, 0)].strip("-_")
    return f"{dataset}-{readable}-{hash12}" if readable else f"{dataset}-{hash12}"


def slugify(text: str) -> str:
    """`text` in `[a-z0-9_-]`, accents dropped; other scripts vanish (the JSON keeps them)."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return _NO_SLUG.sub("-", text.lower()).strip("-")

"""OpenASL: clock times, ids with colons, boxes of unknown size, whole and cut files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError, UsageError
from sign_etl.recipes.openasl import RECIPE
from sign_etl.schema.clip import KEY_PATTERN, Clip

HEADER = "vid\tyid\tstart\tend\traw-text\ttokenized-text\tgloss\tsplit\n"
VID = "-aBcDeFgH_0-00:00:14.100-00:00:17.266"


def line(
    vid: str = VID, start: str = "00:00:14.100", end: str = "00:00:17.266", split: str = "valid"
) -> str:
    return f'{vid}\t{vid[:11]}\t{start}\t{end}\tSo "hello\tso hello\t\t{split}\n'


def table(folder: Path, *lines: str) -> Path:
    path = folder / "openasl-v1.0.tsv"
    path.write_text(HEADER + "".join(lines), encoding="utf-8")
    return path


def clips_of(annotations: Path, **options: Any) -> list[Clip]:
    read = RECIPE.options({"annotations": annotations, **options})
    return list(RECIPE.clips(annotations, read, "openasl"))


def test_a_clip(tmp_path: Path) -> None:
    (clip,) = clips_of(table(tmp_path, line()))
    assert (clip.start_s, clip.end_s) == (14.1, 17.266)
    assert (clip.split, clip.text, clip.gloss, clip.bbox) == ("val", 'So "hello', None, None)
    assert clip.source.url == "https://www.youtube.com/watch?v=-aBcDeFgH_0"
    assert clip.extra == {"tokenized-text": "so hello"}
    assert KEY_PATTERN.fullmatch(clip.key)


def test_boxes_are_kept_as_shares(tmp_path: Path) -> None:
    (tmp_path / "bbox-v1.0.json").write_text(json.dumps({VID: [0.1, 0.2, 0.9, 1.0]}))
    table(tmp_path, line())
    (clip,) = clips_of(tmp_path)
    assert clip.bbox is None
    assert clip.extra["bbox_normalised"] == "[0.1,0.2,0.9,1.0]"
    assert clips_of(tmp_path / "openasl-v1.0.tsv") == [clip]


@pytest.mark.parametrize("boxes", [[], {VID: [0.1, 0.2]}, {VID: "0 0 1 1"}])
def test_boxes_of_another_form(tmp_path: Path, boxes: Any) -> None:
    (tmp_path / "bbox-v1.0.json").write_text(json.dumps(boxes))
    with pytest.raises(AnnotationError, match=r"bbox-v1\.0\.json"):
        clips_of(table(tmp_path, line()))


@pytest.mark.parametrize("colon", ["%", "-", "_"])
def test_cut_files_have_another_character_for_the_colon(tmp_path: Path, colon: str) -> None:
    path = table(tmp_path, line())
    media = tmp_path / "media"
    media.mkdir()
    (media / f"{VID.replace(':', colon)}.mp4").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"--media-kind trimmed|crops"):
        clips_of(path, media=media)
    (clip,) = clips_of(path, media=media, media_kind="trimmed")
    assert clip.source.trimmed
    assert f"{VID.replace(':', colon)}.mp4" in clip.source.names
    assert clip.key == clips_of(path)[0].key


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (line(start="14.1"), "`start` is `14.1`, not HH:MM:SS.mmm"),
        (line(end="00:00:10.000"), "begins at 14.1 s and ends at 10 s"),
        (line(split="blind"), "`split` is `blind`"),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, bad: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(table(tmp_path, bad))


def test_both_files_are_pinned(tmp_path: Path) -> None:
    asked = []

    def get(url: str, path: Path, *, sha256: str | None = None) -> None:
        asked.append((path.name, sha256))

    RECIPE.fetch_index(tmp_path, RECIPE.options({}), get)
    assert [name for name, _ in asked] == ["openasl-v1.0.tsv", "bbox-v1.0.json"]
    assert all(sha256 is not None and len(sha256) == 64 for _, sha256 in asked)

"""DailyMoth-70h: manifests without header and quotes, names with dots, clips of two kinds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.dailymoth_70h import RECIPE
from sign_etl.schema.clip import Clip

NAME = "0000004-2022.6.14.mp4"


def manifest(folder: Path, text: str, split: str = "train") -> Path:
    path = folder / f"{split}.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def clips_of(annotations: Path, **options: Any) -> list[Clip]:
    read = RECIPE.options({"annotations": annotations, **options})
    return list(RECIPE.clips(annotations, read, "dm"))


def test_a_clip(tmp_path: Path) -> None:
    (clip,) = clips_of(manifest(tmp_path, f'{NAME}\t4.2\tShe said: "Wait.\n'))
    assert clip.annotation_id == "0000004-2022.6.14"
    assert (clip.text, clip.split, clip.extra) == ('She said: "Wait.', "train", {"duration": "4.2"})
    assert clip.source.names[0] == f"dailymoth-70h/unblurred_clips/videos/00000/{NAME}"
    assert clip.source.names[-1] == NAME


def test_a_header_is_no_clip(tmp_path: Path) -> None:
    path = manifest(tmp_path, f"video_name\tduration\tcaption\n{NAME}\t4.2\tHi\n")
    assert [clip.annotation_id for clip in clips_of(path)] == ["0000004-2022.6.14"]


def test_the_splits_that_are_there(tmp_path: Path) -> None:
    for split, name in (("val", "0000001-a.mp4"), ("test", "0000002-a.mp4")):
        manifest(tmp_path, f"{name}\t1\tHi\n", split)
    assert [clip.split for clip in clips_of(tmp_path)] == ["val", "test"]


def test_blurred_clips(tmp_path: Path) -> None:
    (clip,) = clips_of(manifest(tmp_path, f"{NAME}\t4.2\tHi\n"), clips="blurred")
    assert clip.source.names[0] == f"dailymoth-70h/blurred_clips/videos/00000/{NAME}"
    manifests, archive = RECIPE.archives(RECIPE.options({"clips": "blurred"}))
    assert archive.urls[0].endswith("/blurred_clips.tar.gz")
    assert archive.md5 is not None
    assert archive.md5 != manifests.md5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{NAME}\t4.2\n", "row 1 has 2 cells, not 3"),
        ("../x.mp4\t4.2\tHi\n", "no file name"),
        (f"{NAME}\t1\tHi\n{NAME}\t1\tHi\n", "duplicate clip id"),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(manifest(tmp_path, text))

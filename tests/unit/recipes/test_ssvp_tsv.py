"""Manifests of SSVP-SLT: quotes, headers, names, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.base import RECIPES
from sign_etl.schema.clip import Clip

RECIPE = RECIPES.get("ssvp-tsv")


def clips(root: Path) -> list[Clip]:
    return list(RECIPE.clips(root, RECIPE.options({"media": root}), "mine"))


def write(root: Path, split: str, text: str) -> None:
    path = root / "manifests" / f"{split}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_rows_with_and_without_header(tmp_path: Path) -> None:
    write(tmp_path, "train", '-a_0.1\t2.5\tShe said: "Wait.\nbcdefg.mp4\t1\tGo.\n')
    write(tmp_path, "dev", "video_name\tduration\tcaption\nx.y\t3\tΓεια\n")
    found = clips(tmp_path)
    assert [(clip.annotation_id, clip.split, clip.text) for clip in found] == [
        ("-a_0.1", "train", 'She said: "Wait.'),
        ("bcdefg", "train", "Go."),
        ("x.y", "val", "Γεια"),
    ]
    assert found[1].source.names == ("videos/bcdef/bcdefg.mp4", "bcdef/bcdefg.mp4", "bcdefg.mp4")
    assert found[2].extra == {"duration": "3"}
    assert all(clip.source.trimmed and clip.label is None for clip in found)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("../a\t1\tx\n", "no file name"),
        ("a\t1\t\n", "`caption` is empty"),
        ("a\t1\n", "cells"),
        ("b\t1\tx\nb.mp4\t1\ty\n", "duplicate"),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, row: str, says: str) -> None:
    write(tmp_path, "train", row)
    with pytest.raises(AnnotationError, match=says):
        clips(tmp_path)


def test_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no annotation file"):
        clips(tmp_path)

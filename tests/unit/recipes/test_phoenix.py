"""Both Phoenix data sets: folders of pictures, tokens of the annotators, tables without quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AnnotationError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.base import Recipe
from sign_etl.recipes.phoenix2014 import RECIPE as PHOENIX
from sign_etl.recipes.phoenix2014t import RECIPE as PHOENIX_T
from sign_etl.schema.clip import Clip

HEADER = "id|folder|signer|annotation\n"
HEADER_T = "name|video|start|end|speaker|orth|translation\n"


def clips_of(recipe: Recipe, root: Path, **options: Any) -> list[Clip]:
    return list(recipe.clips(root, recipe.options(options), "phoenix"))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("recipe", [PHOENIX, PHOENIX_T], ids=lambda recipe: recipe.name)
def test_the_folders_of_the_fixture_are_found(recipe: Recipe, tmp_path: Path) -> None:
    options = recipe.options(recipe.fixture(tmp_path))
    clips = list(recipe.clips(tmp_path / "none", options, "phoenix"))
    assert [clip.split for clip in clips] == ["train", "train", "val", "test"]
    assert options.media is not None
    index = FolderIndex(options.media)
    for clip in clips:
        found = index.find_folder(clip.source.names)
        assert found is not None
        assert len(list(found.glob("*.png"))) == 15
        assert clip.source.frames_fps == 25
        assert (clip.start_s, clip.end_s) == (0.0, None)


def test_tokens_stay_and_double_blanks_go(tmp_path: Path) -> None:
    path = write(
        tmp_path / "dev.corpus.csv",
        f"{HEADER}a|a/1/*.png|Signer03|__ON__ loc-SUED  cl-KOMMEN __EMOTION__\n",
    )
    (clip,) = clips_of(PHOENIX, tmp_path, annotations=path)
    assert clip.gloss == "__ON__ loc-SUED cl-KOMMEN __EMOTION__"
    assert (clip.split, clip.signer, clip.source.id) == ("val", "Signer03", "a/1")


def test_the_signer_independent_part_has_its_own_lists_and_pictures(tmp_path: Path) -> None:
    base = tmp_path / "phoenix2014-release"
    for part, infix in (("multisigner", ""), ("signerindependent-SI5", "SI5.")):
        write(
            base / f"phoenix-2014-{part}/annotations/manual/train.{infix}corpus.csv",
            f"{HEADER}x{infix}|x/1/*.png|Signer01|A\n",
        )
    (all_signers,) = clips_of(PHOENIX, tmp_path / "none", media=base)
    (independent,) = clips_of(PHOENIX, tmp_path / "none", media=base, part="si5")
    assert (all_signers.annotation_id, independent.annotation_id) == ("x", "xSI5.")
    wanted = "phoenix-2014-signerindependent-SI5/features/fullFrame-210x260px/train/x/1"
    assert wanted in independent.source.names


def test_a_quote_is_a_character_of_the_sentence(tmp_path: Path) -> None:
    path = write(
        tmp_path / "PHOENIX-2014-T.test.corpus.csv",
        f'{HEADER_T}n|n/1/*.png|-1|-1|Signer01|HOCH BLEIBEN|"das hoch bleibt\n',
    )
    (clip,) = clips_of(PHOENIX_T, tmp_path, annotations=path)
    assert clip.text == '"das hoch bleibt'
    assert (clip.gloss, clip.split, clip.source.id) == ("HOCH BLEIBEN", "test", "n")
    assert "PHOENIX-2014-T/features/fullFrame-210x260px/test/n" in clip.source.names


def test_a_list_that_lacks_a_column(tmp_path: Path) -> None:
    path = write(tmp_path / "train.corpus.csv", "id|folder|signer\na|a/1/*.png|Signer01\n")
    with pytest.raises(AnnotationError, match="no column `annotation`"):
        clips_of(PHOENIX, tmp_path, annotations=path)


def test_a_row_with_a_bar_too_many(tmp_path: Path) -> None:
    path = write(tmp_path / "train.corpus.csv", f"{HEADER}a|a/1/*.png|Signer01|A|B\n")
    with pytest.raises(AnnotationError, match="row 2 has 5 cells"):
        clips_of(PHOENIX, tmp_path, annotations=path)

"""The SLR500 recipe: what the name of a video says, and words from the dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.errors import AccessError, AnnotationError, UsageError
from sign_etl.recipes.slr500 import RECIPE
from sign_etl.schema.clip import Clip


def media(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / "color" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder / "color"


def clips_of(folder: Path, **options: Any) -> list[Clip]:
    mine = RECIPE.options({"media": folder, **options})
    return list(RECIPE.clips(folder / "cache", mine, "slr500"))


def test_the_name_says_sign_signer_and_repetition(tmp_path: Path) -> None:
    [clip] = clips_of(media(tmp_path, "000499/P01_25_19_2._color.mp4"))
    assert (clip.label, clip.signer, clip.split) == ("000499", "P01", "train")
    assert (clip.annotation_id, clip.extra) == ("P01_25_19_2", {"repetition": "2"})
    assert (clip.language, clip.gloss) == ("csl", None)
    assert clip.source.names == ("000499/P01_25_19_2._color.mp4",)


@pytest.mark.parametrize(
    ("group", "sign"), [("01_00", "000000"), ("01_19", "000019"), ("02_00", "000020")]
)
def test_groups_count_from_one_and_their_signs_from_zero(
    tmp_path: Path, group: str, sign: str
) -> None:
    [clip] = clips_of(media(tmp_path, f"P10_{group}_0._color.mp4"))
    assert clip.label == sign


def test_signers_from_36_on_are_the_test(tmp_path: Path) -> None:
    names = [f"P{signer:02d}_01_00_0._color.mp4" for signer in (0, 35, 36, 50)]
    splits = {clip.signer: clip.split for clip in clips_of(media(tmp_path, *names))}
    assert splits == {"P00": "train", "P35": "train", "P36": "test", "P50": "test"}


def test_folders_and_the_odd_point_change_no_key(tmp_path: Path) -> None:
    [odd] = clips_of(media(tmp_path / "a", "000000/P01_01_00_2._color.mp4"))
    [plain] = clips_of(media(tmp_path / "b", "P01_01_00_2_color.avi"))
    assert odd.key == plain.key


def test_depth_and_foreign_files_are_left_out(tmp_path: Path) -> None:
    folder = media(tmp_path, "P01_01_00_0._color.mp4", "P01_01_00_0._depth.mp4", "readme.mp4")
    assert [clip.annotation_id for clip in clips_of(folder)] == ["P01_01_00_0"]


def test_words_of_the_dictionary(tmp_path: Path) -> None:
    words = tmp_path / "dictionary.txt"
    words.write_text("000000\t一\n000499\t中国\n", encoding="utf-8")
    folder = media(tmp_path, "P01_25_19_2._color.mp4", "P01_01_01_2._color.mp4")
    assert {clip.gloss for clip in clips_of(folder, annotations=words)} == {"中国", None}
    words.write_text("zero\t一\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match="row 1: `sign` is `zero`"):
        clips_of(folder, annotations=words)


def test_labels_are_all_signs(tmp_path: Path) -> None:
    labels = RECIPE.labels(tmp_path, RECIPE.options({}))
    assert labels is not None
    assert (len(labels), labels[0], labels[-1]) == (500, "000000", "000499")


def test_without_videos(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="--media") as refused:
        list(RECIPE.clips(tmp_path, RECIPE.options({}), "slr500"))
    assert refused.value.hint == RECIPE.card.how_to
    with pytest.raises(UsageError, match="no video of SLR500"):
        clips_of(media(tmp_path, "other.mp4"))

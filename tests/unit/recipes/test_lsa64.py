"""The LSA64 recipe: the grid of its names, the person who is two, and its splits."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sign_etl.recipes.lsa64 import RECIPE, SIGNS
from sign_etl.schema.clip import Clip


def clips_of(**options: Any) -> list[Clip]:
    return list(RECIPE.clips(Path(), RECIPE.options(options), "lsa64"))


def test_all_clips_are_there_without_any_file() -> None:
    clips = clips_of()
    assert len({clip.key for clip in clips}) == len(clips) == RECIPE.card.clips == 3_200
    first, last = clips[0], clips[-1]
    assert (first.annotation_id, first.label, first.signer) == ("001_001_001", "Opaque", "001")
    assert (last.annotation_id, last.label, last.signer) == ("064_010_005", "Find", "010b")
    assert first.source.names == ("001_001_001.mp4",)
    assert first.extra == {"sign_id": "001", "repetition": "001"}


def test_person_010_is_two_people() -> None:
    clips = clips_of(people=(9, 10))
    signs: dict[str | None, set[int]] = {}
    for clip in clips:
        signs.setdefault(clip.signer, set()).add(int(clip.extra["sign_id"]))
    assert signs == {
        "009": set(range(1, 65)),
        "010a": set(range(1, 24)),
        "010b": set(range(24, 65)),
    }
    assert len({clip.signer for clip in clips_of()}) == RECIPE.card.signers == 11


def test_labels_are_the_signs_in_order() -> None:
    labels = RECIPE.labels(Path(), RECIPE.options({}))
    assert labels == list(SIGNS)
    assert len(set(SIGNS)) == 64
    assert (SIGNS[1], SIGNS[7]) == ("Red", "Pink")


def test_splits() -> None:
    assert {clip.split for clip in clips_of()} == {""}
    clips = clips_of(split="openhands")
    assert Counter(clip.split for clip in clips) == {"train": 2_560, "val": 320, "test": 320}
    signers: dict[str, set[str | None]] = {}
    for clip in clips:
        signers.setdefault(clip.split, set()).add(clip.signer)
    assert signers["val"] == {"009"}
    assert signers["test"] == {"010a", "010b"}
    keys = {clip.key for clip in clips_of()}
    assert {clip.key for clip in clips} == keys, "the split changes no key"


def test_a_part_of_the_videos() -> None:
    clips = clips_of(signs=(64, 2, 2), people=(3,), repetitions=(5, 1))
    ids = [clip.annotation_id for clip in clips]
    assert ids == ["002_003_001", "002_003_005", "064_003_001", "064_003_005"]


@pytest.mark.parametrize("options", [{"signs": (65,)}, {"people": (0,)}, {"repetitions": (6,)}])
def test_numbers_off_the_grid_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RECIPE.options(options)

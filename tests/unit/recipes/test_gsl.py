"""The GSL recipes: real lists, who is in which split, folders of pictures, and broken rows."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sign_etl.core.errors import AnnotationError
from sign_etl.recipes.base import Recipe
from sign_etl.recipes.gsl import CONTINUOUS, DIALOGUES, ISOLATED
from sign_etl.schema.clip import Clip

GLOSS = "health1_signer3_rep1_glosses/glosses0000|ΓΕΙΑ\n"


def clips_of(recipe: Recipe, annotations: Path, **options: Any) -> list[Clip]:
    mine = recipe.options({"annotations": annotations, **options})
    return list(recipe.clips(annotations, mine, recipe.name))


def lists(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def real(shared_data: Path) -> Path:
    folder = shared_data / "annotations" / "gsl"
    if not folder.is_dir():
        pytest.skip("no real lists of GSL")
    return folder


# The real lists


def test_real_glosses(real: Path) -> None:
    clips = clips_of(ISOLATED, real)
    assert Counter(clip.split for clip in clips) == {"train": 34_995, "val": 2_331, "test": 3_500}
    assert len({clip.key for clip in clips}) == len(clips) == ISOLATED.card.clips
    assert len({clip.signer for clip in clips}) == ISOLATED.card.signers


def test_val_and_test_share_signer_3_and_no_clip(real: Path) -> None:
    repetitions: dict[str, set[str]] = {}
    for clip in clips_of(ISOLATED, real):
        if clip.split == "train":
            assert clip.signer != "signer3"
        else:
            assert clip.signer == "signer3"
            repetitions.setdefault(clip.split, set()).add(clip.extra["repetition"])
    assert repetitions == {"val": {"1", "2"}, "test": {"3", "4", "5"}}


def test_classes_without_val_or_test_clips_keep_their_ids(real: Path) -> None:
    labels = ISOLATED.labels(real, ISOLATED.options({"annotations": real}))
    assert labels == (real / "iso_classes.csv").read_text(encoding="utf-8").split()
    present: dict[str, set[str | None]] = {}
    for clip in clips_of(ISOLATED, real):
        present.setdefault(clip.split, set()).add(clip.label)
    assert set(labels) - present["val"] == {"ΑΥΤΗ_ΔΙΝΩ_ΕΜΕΝΑ", "ΚΟΚΚΙΝΟ(1)"}
    assert set(labels) - present["test"] == {"ΑΥΤΗ_ΔΙΝΩ_ΕΜΕΝΑ", "ΕΓΩ(2)", "ΚΟΚΚΙΝΟ(1)"}
    assert len(present["train"]) == len(labels) == 310


def test_real_sentences(real: Path) -> None:
    clips = clips_of(CONTINUOUS, real)
    assert Counter(clip.split for clip in clips) == {"train": 8_821, "val": 588, "test": 881}
    assert len(clips) == CONTINUOUS.card.clips
    sentences: dict[str, set[str | None]] = {}
    for clip in clips:
        sentences.setdefault(clip.split, set()).add(clip.gloss)
    unseen = {split: len(sentences[split] - sentences["train"]) for split in ("val", "test")}
    assert unseen == {"val": 5, "test": 2}
    assert any("all but 5 sentences of val and 2 of test" in note for note in CONTINUOUS.card.notes)


# Rows and folders


def test_a_gloss_is_a_folder_of_pictures(tmp_path: Path) -> None:
    [clip] = clips_of(ISOLATED, lists(tmp_path, val_greek_iso=GLOSS))
    assert (clip.label, clip.gloss, clip.split, clip.language) == ("ΓΕΙΑ", "ΓΕΙΑ", "val", "gss")
    assert (clip.signer, clip.extra) == ("signer3", {"dialogue": "health1", "repetition": "1"})
    assert (clip.start_s, clip.end_s) == (0.0, None)
    assert clip.source.frames_fps == 30.0
    bare = "health1_signer3_rep1_glosses/glosses0000"
    assert clip.source.names == (f"health1/{bare}", bare)
    [slower] = clips_of(ISOLATED, tmp_path, fps=25)
    assert slower.source.frames_fps == 25.0
    assert slower.key == clip.key


def test_the_validation_list_is_also_called_dev(tmp_path: Path) -> None:
    [clip] = clips_of(ISOLATED, lists(tmp_path, dev_greek_iso=GLOSS))
    assert clip.split == "val"


def test_a_sentence_has_glosses_and_no_label(tmp_path: Path) -> None:
    path = "police1_signer1_rep1_sentences/sentences0002"
    folder = lists(tmp_path, gsl_split_SI_train=f"police1/{path}|ΠΡΟΒΛΗΜΑ  ΤΙ\n")
    [clip] = clips_of(CONTINUOUS, folder)
    assert (clip.label, clip.gloss, clip.text) == (None, "ΠΡΟΒΛΗΜΑ ΤΙ", None)
    assert clip.annotation_id == f"police1/{path}"
    assert clip.source.names == (f"police1/{path}", path)
    lists(tmp_path, annotations=f'{path}|ποιο είναι "το πρόβλημα|ΠΡΟΒΛΗΜΑ ΤΙ\n')
    [told] = clips_of(CONTINUOUS, folder)
    assert told.text == 'ποιο είναι "το πρόβλημα'
    assert told.key == clip.key


def test_the_other_setup_has_lists_of_its_own(tmp_path: Path) -> None:
    row = "health4/health4_signer4_rep5_sentences/sentences0005|ΓΙΑΤΡΟΣ(2) ΙΔΙΟΚΤΗΤΗΣ\n"
    [clip] = clips_of(CONTINUOUS, lists(tmp_path, GSL_SD_dev=row), setup="SD")
    assert (clip.split, clip.signer) == ("val", "signer4")
    with pytest.raises(AnnotationError, match="gsl_split_SI_train"):
        clips_of(CONTINUOUS, tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("health1/glosses0000|ΓΕΙΑ\n", "row 1: `health1/glosses0000` is no path of GSL"),
        ("../../etc_signer1_rep1_glosses/glosses0000|ΓΕΙΑ\n", "is no path of GSL"),
        ("health1_signer3_rep1_glosses/glosses0000|\n", "row 1: `gloss` is empty"),
        ("health1_signer3_rep1_glosses/glosses0000\n", "row 1 has 1 cells"),
        (GLOSS * 2, "duplicate clip id `health1_signer3_rep1_glosses/glosses0000`"),
    ],
)
def test_broken_rows_are_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        clips_of(ISOLATED, lists(tmp_path, train_greek_iso=row))


def test_lists_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="train_greek_iso"):
        clips_of(ISOLATED, tmp_path)


def test_a_frame_rate_is_positive() -> None:
    with pytest.raises(ValidationError):
        ISOLATED.options({"fps": 0})


def test_sentences_are_downloaded_by_dialogue() -> None:
    assert CONTINUOUS.archives(CONTINUOUS.options({})) == (), "not before the lists are given"
    archives = CONTINUOUS.archives(CONTINUOUS.options({"annotations": "lists"}))
    names = [archive.urls[0].rpartition("/")[2].partition(".")[0] for archive in archives]
    assert names == list(DIALOGUES)
    assert len(names) == 15
    assert ISOLATED.archives(ISOLATED.options({"annotations": "lists"})) == ()

"""The plan: splits, held-out signers and sources, label ids, and what is refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from plans import SIGNERS, clips, keys, split_of
from tiny_run import make_clip, plan_of

from sign_etl.core.errors import AnnotationError, ConfigError
from sign_etl.schema.clip import Clip
from sign_etl.shard.names import shard_path, split_folder

# ---- split names


def test_odd_split_names_never_meet_in_one_folder() -> None:
    names = ["train", "Train", "TRAIN", "train ", "δοκιμή", "έλεγχος", "тест", "a/b", "..", "a-b"]
    folders = [split_folder(name) for name in names]
    assert folders[0] == "train"
    assert folders[-1] == "a-b"
    # Not even on a disk that knows no case.
    assert len({folder.lower() for folder in folders}) == len(names)
    for folder in folders:
        assert folder.strip("abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
        assert folder[0] not in "-_"


def test_a_split_name_of_any_length_makes_a_folder(tmp_path: Path) -> None:
    names = ["x" * 300, "x" * 301]
    folders = [split_folder(name) for name in names]
    assert len(set(folders)) == 2
    for folder in folders:
        path = tmp_path / shard_path("d" * 32, folder, 0)
        path.parent.mkdir()
        path.touch()


# ---- splits


def test_without_a_split_column_all_is_train() -> None:
    plan = plan_of([make_clip("a"), make_clip("b", split="test")])
    assert split_of(plan, "annotation_id") == {"a": "train", "b": "test"}


def test_held_out_signers_are_disjoint_and_as_many_as_asked() -> None:
    made = clips(200, per_source=2)
    plan = plan_of(made, split={"by": "signer", "val": 0.2, "test": 0.3})
    signers = defaultdict(set)
    for signer, split in zip(
        plan.table["signer"].to_pylist(), plan.table["split"].to_pylist(), strict=True
    ):
        signers[split].add(signer)
    assert {split: len(names) for split, names in signers.items()} == {
        "train": 5,
        "val": 2,
        "test": 3,
    }
    assert len(set.union(*signers.values())) == SIGNERS == sum(map(len, signers.values()))


def test_clips_of_unknown_signers_are_held_out_together_or_not_at_all() -> None:
    made = [*clips(40), *(make_clip(f"unknown {number}") for number in range(20))]
    plan = plan_of(made, split={"by": "signer", "val": 0.3, "test": 0.3})
    found = zip(plan.table["signer"].to_pylist(), plan.table["split"].to_pylist(), strict=True)
    assert len({split for signer, split in found if signer is None}) == 1


def test_held_out_sources_are_disjoint_and_as_many_as_asked() -> None:
    made = clips(300, per_source=3)
    plan = plan_of(made, split={"by": "hash", "val": 0.1, "test": 0.2})
    sources = defaultdict(set)
    for source, split in split_of(plan, "source_id").items():
        sources[split].add(source)
    assert {split: len(names) for split, names in sources.items()} == {
        "train": 70,
        "val": 10,
        "test": 20,
    }
    assert Counter(plan.table["split"].to_pylist()) == {"train": 210, "val": 30, "test": 60}


@pytest.mark.parametrize("by", ["signer", "hash"])
def test_shares_that_leave_nothing_for_training(by: str) -> None:
    plan = plan_of(clips(), split={"by": by, "val": 0.5, "test": 0.5})
    assert set(plan.table["split"].to_pylist()) == {"val", "test"}


@pytest.mark.parametrize("by", ["signer", "hash"])
def test_a_split_stays_under_limit_and_any_order(by: str) -> None:
    made = clips(120)
    choice = {"by": by, "val": 0.2, "test": 0.2}
    whole = plan_of(made, split=choice)
    part = plan_of(made[::-1], split=choice, select={"limit": 50})
    assert split_of(part).items() <= split_of(whole).items()
    only = plan_of(made, split=choice, select={"splits": ["test"]})
    assert set(keys(only)) == {key for key, split in split_of(whole).items() if split == "test"}


def test_signers_that_nobody_names_cannot_be_held_out() -> None:
    with pytest.raises(ConfigError, match="names none") as caught:
        plan_of([make_clip("a"), make_clip("b")], split={"by": "signer", "test": 0.5})
    assert "hash" in (caught.value.hint or "")


# ---- labels


def test_ids_follow_the_official_order() -> None:
    made = [make_clip("a", label="book"), make_clip("b", label="apple"), make_clip("c")]
    plan = plan_of(made, labels=["zebra", "book", "apple"])
    ids = dict(
        zip(
            plan.table["annotation_id"].to_pylist(), plan.table["label_id"].to_pylist(), strict=True
        )
    )
    assert ids == {"a": 1, "b": 2, "c": None}
    assert (plan.labels, plan.official) == (("zebra", "book", "apple"), True)
    with pytest.raises(AnnotationError, match="`boook` is not in the official list") as caught:
        plan_of([make_clip("a", label="boook")], labels=["book"])
    assert caught.value.hint == "did you mean `book`?"


def test_other_labels_are_sorted_and_composed_accents_count_as_one() -> None:
    made = [
        make_clip("a", label="\u00e9t\u00e9"),
        make_clip("b", label="e\u0301te\u0301"),
        make_clip("c", label="Ωμέγα"),
        make_clip("d", label="ahoj"),
    ]
    plan = plan_of(made)
    assert plan.labels == ("ahoj", "\u00e9t\u00e9", "Ωμέγα")
    assert not plan.official
    rows = {row["annotation_id"]: row for row in plan.table.to_pylist()}
    assert rows["a"]["label_id"] == rows["b"]["label_id"] == 1
    assert rows["b"]["label"] == "e\u0301te\u0301"  # as annotated


def test_ids_do_not_depend_on_what_is_selected() -> None:
    made = clips(40, split="train") + clips_of_another_split()
    whole = plan_of(made)
    ids = {(row["label"], row["label_id"]) for row in whole.table.to_pylist()}
    for select in ({"limit": 3}, {"splits": ["val"]}):
        part = plan_of(made, select=select)
        assert part.labels == whole.labels
        assert {(row["label"], row["label_id"]) for row in part.table.to_pylist()} <= ids


def clips_of_another_split() -> list[Clip]:
    return [make_clip(f"v{number}", label=f"a{number}", split="val") for number in range(5)]


# ---- what is refused


def test_a_clip_that_stands_twice_is_named() -> None:
    made = [make_clip("a"), make_clip("b"), make_clip("b"), make_clip("c"), make_clip("c")]
    with pytest.raises(AnnotationError) as caught:
        plan_of(made)
    assert caught.value.message.startswith("duplicate clip id `")
    assert "(2 such ids)" in caught.value.message
    assert ".mp4" in caught.value.message
    assert caught.value.hint
    # The same id in another span is another clip.
    assert len(plan_of([make_clip("a", end_s=1.0), make_clip("a", start_s=1.0)])) == 2


@pytest.mark.parametrize("by", ["column", "signer", "hash"])
def test_a_plan_without_clips_is_refused(by: str) -> None:
    with pytest.raises(ConfigError, match="plan is empty"):
        plan_of([], split={"by": by, "val": 0.5})

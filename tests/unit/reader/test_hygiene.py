"""Hygiene of whole builds: copies, what splits share, classes that are missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forge import change_index, change_ledger
from hygiene_build import motion, write_build
from tiny_build import write_tiny_build

from sign_etl.reader import open_build
from sign_etl.reader.hygiene import Hygiene, examine

# Clips take turns: 0 and 3 are in train, 1 and 4 in val, 2 and 5 in test.
SPLITS = ("train", "val", "test")


def look(build: Path, **options: Any) -> Hygiene:
    with open_build(build) as opened:
        return examine(opened, **options)


def test_a_clean_build(tmp_path: Path) -> None:
    write_build(tmp_path / "b", [motion(seed) for seed in range(6)], lock={})
    found = look(tmp_path / "b")
    assert found.exact is not None
    assert found.near is not None
    assert (found.exact.pairs, found.near.copies.pairs, found.leaks) == (0, 0, 0)
    assert (found.near.compared, found.near.skipped, found.near.complete) == (6, 0, True)
    assert found.near.backends == ("blazepose",)
    assert found.sources.total == 0
    assert {one.name for one in found.signers.examples} == {"s0", "s1"}
    assert {one.split: one.annotated for one in found.missing} == dict.fromkeys(SPLITS, 4)


def test_equal_bytes(tmp_path: Path) -> None:
    same = {"sha256": "a" * 64}
    index = {
        "clip 0": {"source_id": "x.mp4", "start_s": 0.0, "end_s": 2.0},
        "clip 1": {"source_id": "x.mp4", "start_s": 0.5, "end_s": 2.5},  # 1.5 of 2 s shared
        "clip 2": {"source_id": "copy of x.mp4", "start_s": 2.0, "end_s": 4.0},
    }
    keys = write_build(
        tmp_path / "b",
        [motion(seed) for seed in range(6)],
        index=index,
        lock={
            "clip 0": same,
            "clip 1": same,
            "clip 2": same,
            "clip 3": {"video": "v"},
            "clip 5": {"video": "v"},
        },
    )
    found = look(tmp_path / "b")
    assert found.exact is not None
    assert (found.exact.pairs, found.exact.clips, found.exact.across_splits) == (2, 4, 2)
    assert found.exact.other_label == 2
    pairs = {frozenset((pair.first, pair.second)) for pair in found.exact.examples}
    assert pairs == {frozenset((keys[0], keys[1])), frozenset((keys[3], keys[5]))}
    assert all(pair.distance is None for pair in found.exact.examples)
    # The source is in three splits, under two names.
    assert (found.sources.total, found.sources.clips) == (1, 3)
    assert found.sources.examples[0].splits == {"train": 1, "val": 1, "test": 1}
    assert found.leaks == 3


def test_open_ends_reach_as_far_as_the_clip(tmp_path: Path) -> None:
    same = {"sha256": "a" * 64}
    index = {
        "clip 0": {"start_s": 1.0, "end_s": None, "frames": 25, "fps": 25.0},
        "clip 3": {"start_s": 1.9, "end_s": 2.9},
        "clip 1": {"start_s": 1.2, "end_s": 1.8},
    }
    lock = dict.fromkeys(index, same)
    keys = write_build(tmp_path / "b", [motion(s) for s in range(6)], index=index, lock=lock)
    found = look(tmp_path / "b", poses=False)
    assert found.near is None
    assert found.exact is not None
    [pair] = found.exact.examples
    assert {pair.first, pair.second} == {keys[0], keys[1]}


def test_near_copies(tmp_path: Path) -> None:
    clips = [motion(seed) for seed in range(6)]
    noise = np.random.default_rng(0)
    clips[1] = clips[0][5:-4] + noise.normal(0, 0.003, clips[0][5:-4].shape)  # train and val
    clips[5] = clips[2] + noise.normal(0, 0.003, clips[2].shape)  # both in test
    clips[4] = clips[3]  # the same bytes: told as such
    keys = write_build(
        tmp_path / "b", clips, lock={"clip 3": {"video": "v"}, "clip 4": {"video": "v"}}
    )
    found = look(tmp_path / "b")
    assert found.near is not None
    assert found.exact is not None
    near = found.near.copies
    assert (near.pairs, near.clips, near.across_splits) == (2, 4, 1)
    first, second = near.examples  # the one across splits comes first
    assert {first.first, first.second} == {keys[0], keys[1]}
    assert set(first.splits) == {"train", "val"}
    assert {second.first, second.second} == {keys[2], keys[5]}
    assert second.distance is not None
    assert 0 < second.distance <= found.near.threshold
    assert found.exact.pairs == 1
    assert found.leaks == 2


def test_clips_that_cannot_be_compared(tmp_path: Path) -> None:
    clips = [motion(seed) for seed in range(6)]
    clips[2] = np.repeat(clips[2][:1], 30, axis=0)
    write_build(tmp_path / "b", clips)
    near = look(tmp_path / "b").near
    assert near is not None
    assert (near.compared, near.skipped) == (5, 1)


def test_without_keypoints_or_lock(tmp_path: Path) -> None:
    write_tiny_build(tmp_path / "b", backends=())
    found = look(tmp_path / "b")
    assert found.near is None
    assert found.exact is None


@pytest.mark.parametrize("head", ["", "not JSON\n", '{"plan": "of another one"}\n', "[]\n"])
def test_a_lock_of_another_plan_is_not_believed(tmp_path: Path, head: str) -> None:
    write_tiny_build(tmp_path / "b")
    (tmp_path / "b" / "build.lock").write_text(head)
    assert look(tmp_path / "b", poses=False).exact is None


def test_torn_lines_of_a_lock(tmp_path: Path) -> None:
    write_build(tmp_path / "b", [motion(seed) for seed in range(6)], lock={})
    lock = tmp_path / "b" / "build.lock"
    lock.write_text(lock.read_text()[:-20] + '\n[1]\n{"key": 3}\n')
    exact = look(tmp_path / "b", poses=False).exact
    assert exact is not None
    assert exact.pairs == 0


def test_lost_classes_are_told_from_those_that_never_were(tmp_path: Path) -> None:
    folder = write_tiny_build(tmp_path / "b", clips=6, splits=("train", "val"))

    def relabel(rows: list[dict[str, Any]]) -> None:
        for row in rows:  # the dead clip alone is of a class that train has, in val
            number = int(row["annotation_id"].split()[1])
            row["label"] = "ahoj" if number in (0, 6) else "water"
            row["split"] = "train" if number in (0, 2, 4) else "val"

    change_index(folder, relabel)
    change_ledger(folder, relabel)
    [missing] = look(folder, poses=False).missing
    assert (missing.split, missing.annotated, missing.lost) == ("val", 0, 1)
    assert missing.examples == ("ahoj",)


def test_examples_are_bounded_and_counts_are_not(tmp_path: Path) -> None:
    lock = {f"clip {number}": {"video": "v"} for number in range(6)}
    write_build(tmp_path / "b", [motion(seed) for seed in range(6)], lock=lock)
    found = look(tmp_path / "b", poses=False, examples=2)
    assert found.exact is not None
    assert (found.exact.pairs, found.exact.across_splits) == (15, 12)
    assert len(found.exact.examples) == 2
    assert len(found.signers.examples) == 2
    assert all(len(one.examples) == 2 for one in found.missing)
    assert look(tmp_path / "b", poses=False, examples=0).exact is not None

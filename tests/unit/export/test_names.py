"""Splits of other names than train, val and test, and what formats make of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from pose_build import write_pose_build

from sign_etl.app.export import export
from sign_etl.export.base import renamed


@pytest.mark.parametrize(
    ("splits", "names"),
    [
        (("train", "val"), ("train", "dev")),
        (("train", "dev"), ("train", "dev")),
        (("val", "dev"), ("val", "dev")),
        (("val", "valid"), ("dev", "valid")),
    ],
)
def test_every_split_keeps_a_name_of_its_own(
    splits: tuple[str, ...], names: tuple[str, ...]
) -> None:
    found = renamed(splits, {"val": "dev", "valid": "dev"})
    assert tuple(found.values()) == names


def test_odd_splits_of_a_build(tmp_path: Path) -> None:
    build = write_pose_build(
        tmp_path / "build",
        [4] * 4,
        splits=("train", "train-extra", "val", "dev"),
        kind="coco-wholebody-133",
    )
    export(build, "hf", tmp_path / "hf")
    head = (tmp_path / "hf" / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    files = yaml.safe_load(head)["configs"][0]["data_files"]
    names = [entry["split"] for entry in files]
    assert names == ["train", "train_extra", "validation", "dev"]
    for entry in files:
        assert len(list((tmp_path / "hf").glob(entry["path"]))) == 1
    export(build, "unisign", tmp_path / "unisign")
    labels = sorted(path.name for path in (tmp_path / "unisign").glob("labels.*"))
    assert labels == ["labels.dev", "labels.train", "labels.train-extra", "labels.val"]

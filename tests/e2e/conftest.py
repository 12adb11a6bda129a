"""Builds that several tests export: read, never changed."""

from __future__ import annotations

from pathlib import Path

import pytest
from pose_build import write_pose_build
from tiny_build import write_tiny_build


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holistic keypoints with videos; classes in several scripts."""
    return write_tiny_build(tmp_path_factory.mktemp("from") / "tiny", clips=4)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO-WholeBody keypoints with gaps, beyond the picture, and sentences."""
    return write_pose_build(
        tmp_path_factory.mktemp("from") / "whole",
        [7, 9, 8, 6],
        splits=("train", "val"),
        classes=2,
        kind="coco-wholebody-133",
        name="whole",
    )

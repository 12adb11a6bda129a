"""Nets for tests of estimators."""

from __future__ import annotations

from pathlib import Path

import pytest
from marker_nets import marker_detector, marker_pose


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector and a pose net whose right answers are known."""
    made = tmp_path_factory.mktemp("nets")
    marker_detector(made / "detector.onnx")
    marker_pose(made / "pose.onnx")
    return made

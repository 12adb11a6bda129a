"""Soft targets find their way from `similarity` into recognition, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sign_etl.core.errors import ConfigError, UsageError  # noqa: E402
from sign_etl.models.base import MODELS, Keypoints  # noqa: E402
from sign_etl.tasks.base import TASKS, DataFacts  # noqa: E402
from sign_etl.tasks.similarity_files import write_similarity  # noqa: E402
from sign_etl.tasks.soft_targets import read_soft_targets  # noqa: E402

LABELS = ("book", "clothes", "drink")
ROWS = np.array([[0.9, 0.08, 0.02], [0.05, 0.9, 0.05], [0.01, 0.09, 0.9]])


def written(folder: Path, rows: Any = ROWS) -> Path:
    write_similarity(folder, rows, rows, LABELS, [], {"alpha": 0.1})
    return folder


def test_rows_follow_the_names(tmp_path: Path) -> None:
    folder = written(tmp_path)
    other = ("drink", "book", "clothes")
    found = read_soft_targets(folder / "soft_targets.parquet", other)
    wanted = ROWS[np.ix_([2, 0, 1], [2, 0, 1])]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-6)


def test_recognition_takes_them(tmp_path: Path) -> None:
    """When a step needs them, and not before: a run outlives the folder."""
    plugin, model = TASKS.get("islr"), MODELS.get("spoter")
    facts = DataFacts(inputs=Keypoints(54, 2), labels=LABELS)
    options = plugin.options({"soft_targets": str(tmp_path / "similar")})
    task: Any = plugin.open(options, model, model.options({}), facts)
    written(tmp_path / "similar")
    found = task.soft(torch.tensor([2, 0, -1]))
    np.testing.assert_allclose(found.numpy(), ROWS[[2, 0, 0]], rtol=1e-6)


def test_what_is_no_distribution_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="do not sum to 1"):
        read_soft_targets(written(tmp_path / "long", ROWS * 2), LABELS)
    with pytest.raises(ConfigError, match="taken for another one"):
        read_soft_targets(written(tmp_path / "odd", ROWS[[1, 0, 2]]), LABELS)
    with pytest.raises(ConfigError, match="other classes than the data, for one `book`"):
        read_soft_targets(written(tmp_path / "fine"), ("clothes", "drink"))
    with pytest.raises(UsageError, match="no such file"):
        read_soft_targets(tmp_path, LABELS)

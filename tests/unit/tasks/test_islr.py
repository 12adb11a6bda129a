"""Accuracies by hand, confusions, and classes that were left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sign_etl.tasks.base import Rows
from sign_etl.tasks.evaluation import as_rows, judged
from sign_etl.tasks.figures import draw_confusion, draw_curves, write_confusion
from sign_etl.tasks.islr import accuracies, confusion


def scores(*best: int, classes: int = 8) -> torch.Tensor:
    """Scores whose order begins with `best` and goes on with the other classes as they come."""
    rows = []
    for first in best:
        order = [first, *(number for number in range(classes) if number != first)]
        row = torch.zeros(classes)
        row[order] = torch.arange(classes, 0, -1, dtype=torch.float32)
        rows.append(row)
    return torch.stack(rows)


def test_per_instance_and_per_class() -> None:
    # Class 0: three clips, all right. Class 1: one of two right. Class 7: its clip found as 0.
    target = torch.tensor([0, 0, 0, 1, 1, 7])
    logits = scores(0, 0, 0, 1, 5, 0)
    found = accuracies(logits, target)
    assert found["top1"] == pytest.approx(4 / 6)
    assert found["top1_class"] == pytest.approx((1 + 0.5 + 0) / 3)
    # Behind 5 come 0 1 2 3, so class 1 is among the first five; behind 0 class 7 is the last one.
    assert found["top5"] == pytest.approx(5 / 6)
    assert found["top5_class"] == pytest.approx((1 + 1 + 0) / 3)
    wanted = torch.nn.functional.cross_entropy(logits, target)
    assert found["loss"] == pytest.approx(float(wanted))


def test_they_are_those_of_torchmetrics() -> None:
    metrics = pytest.importorskip("torchmetrics.functional.classification")
    torch.manual_seed(0)
    logits, target = torch.randn(200, 12), torch.randint(0, 11, (200,))  # class 11 never occurs
    found = accuracies(logits, target)
    for top in (1, 5):
        micro = metrics.multiclass_accuracy(logits, target, 12, average="micro", top_k=top)
        each = metrics.multiclass_accuracy(logits, target, 12, average="none", top_k=top)
        assert found[f"top{top}"] == pytest.approx(float(micro))
        assert found[f"top{top}_class"] == pytest.approx(float(each[:11].mean()))


def test_few_classes_have_a_top_five_too() -> None:
    found = accuracies(scores(0, 1, classes=3), torch.tensor([1, 1]))
    assert (found["top1"], found["top5"]) == (0.5, 1.0)


def test_confusions_are_counted_told_and_drawn(tmp_path: Path) -> None:
    rows: Rows = {
        "logits": scores(0, 2, 2, 1, classes=3).numpy(),
        "label_id": np.array([0, 0, 2, 1]),
        "id": np.arange(4),
    }
    counts = confusion(rows, 3)
    assert counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 1]]
    write_confusion(counts, ("мир", "a,b", "$x"), tmp_path / "confusion.csv")
    lines = (tmp_path / "confusion.csv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["true,predicted,clips", "мир,$x,1"]
    assert '"a,b","a,b",1' in lines
    draw_confusion(counts, ("мир", "a,b", "$x"), tmp_path / "confusion.png")
    assert (tmp_path / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_curves_are_drawn(tmp_path: Path) -> None:
    records = [
        {"kind": "train", "step": 1, "metrics": {"loss": 2.0}},
        {"kind": "val", "step": 1, "metrics": {"loss": 2.1, "top1": 0.3}},
    ]
    draw_curves(records, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5_000


def test_a_run_of_one_step_has_curves_that_can_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr("sign_etl.tasks.figures._save", lambda figure, _: drawn.append(figure))
    records = [
        {"kind": "train", "step": 7, "metrics": {"loss": 2.0}},
        {"kind": "val", "step": 7, "metrics": {"loss": 2.0, "top1": 0.3}},
    ]
    draw_curves(records, tmp_path / "x.png")
    axes, other = drawn[0].axes
    assert axes.lines[0].get_marker() == "."
    assert axes.lines[1].get_color() == other.lines[0].get_color() != axes.lines[0].get_color()
    assert axes.get_xlim() == (6, 8)
    assert all(tick == round(tick) for tick in axes.get_xticks())


def test_rows_are_sorted_and_each_once() -> None:
    parts = [
        {"id": np.array([4, 1]), "x": np.array([40, 10])},
        {"id": np.array([2, 4]), "x": np.array([20, 40])},
    ]
    joined = as_rows(parts)
    assert joined["id"].tolist() == [1, 2, 4]
    assert joined["x"].tolist() == [10, 20, 40]


def test_classes_that_were_left_out_are_told_apart() -> None:
    class Counting:
        """Says which rows and which gallery it was asked about."""

        def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
            return {"clips": len(rows["id"]), "gallery": len((gallery or rows)["id"])}

    rows: Rows = {"id": np.arange(5), "label_id": np.array([0, 1, 1, 2, 3])}
    gallery: Rows = {"id": np.arange(9), "label_id": np.array([0, 1, 1, 2, 3, 3, 3, 0, 0])}
    task: Any = Counting()
    found = judged(task, rows, gallery, {1, 3})
    assert found == {
        "clips": 2,
        "gallery": 4,
        "unseen/clips": 3,
        "unseen/gallery": 5,
        "unseen_in_all/clips": 3,
        "unseen_in_all/gallery": 9,
    }
    assert judged(task, rows, gallery, set()) == {"clips": 5, "gallery": 9}

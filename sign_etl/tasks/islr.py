"""Isolated sign recognition: one class a clip.

Two kinds of accuracy are told, since sign data sets are skewed: per instance (the share of clips)
and per class (the mean over classes of the share of their clips), top 1 and top 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.models.base import ModelPlugin
from sign_etl.schema.pipeline import Settings
from sign_etl.stream.base import Batch
from sign_etl.tasks.base import DataFacts, Losses, PoseTask, Rows, Task, coordinates, need_labels
from sign_etl.tasks.figures import draw_confusion, write_confusion

TOP = 5


class IslrOptions(Settings):
    """Options of the task `islr`."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that is spread over all classes."""


class Islr(PoseTask):
    """The task, see `Task`."""

    metric, mode = "top1", "max"
    smoothing: float = 0.0

    def step(self, model: nn.Module, batch: Batch) -> Losses:
        """Cross entropy, summed over clips."""
        points, mask = coordinates(batch)
        logits = model(points, mask).float()
        # Filler has label -1: any class will do, its weight is 0.
        target = batch.label_id.clamp(min=0)
        each = nn.functional.cross_entropy(
            logits, target, reduction="none", label_smoothing=self.smoothing
        )
        right = (logits.argmax(1) == target).float()
        return Losses(
            loss_sum=(each * batch.weight).sum(),
            weight=float(batch.weight.sum()),
            sums={"accuracy": float((right * batch.weight).sum())},
        )

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Class scores and the true class."""
        points, mask = coordinates(batch)
        return {"logits": model(points, mask).float(), "label_id": batch.label_id}

    def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
        """Top 1 and top 5, per instance and per class, and the mean cross entropy."""
        return accuracies(torch.from_numpy(rows["logits"]), torch.from_numpy(rows["label_id"]))

    def draw(self, rows: Rows, folder: Path) -> None:
        """The confusion matrix as a picture and a table of all pairs that occur."""
        counts = confusion(rows, len(self.facts.labels))
        draw_confusion(counts, self.facts.labels, folder / "confusion.png")
        write_confusion(counts, self.facts.labels, folder / "confusion.csv")


def accuracies(logits: Tensor, target: Tensor) -> dict[str, float]:
    """Metrics of classification.

    Args:
        logits: (N, C).
        target: (N,) true classes.

    Returns:
        `top1`, `top5`: shares of clips; `top1_class`, `top5_class`: their means over the classes
        that occur in `target`; `loss`: mean cross entropy. These are torchmetrics' micro accuracy
        and its macro accuracy over the classes that occur; a test says so, since importing it here
        would cost every process seconds.
    """
    classes = logits.shape[1]
    clips = torch.bincount(target, minlength=classes)
    order = logits.topk(min(TOP, classes), dim=1).indices
    right = order == target[:, None]
    found = {"loss": float(nn.functional.cross_entropy(logits, target))}
    for top in (1, TOP):
        hits = right[:, :top].any(dim=1)
        of_class = torch.bincount(target[hits], minlength=classes)
        found[f"top{top}"] = float(hits.float().mean())
        found[f"top{top}_class"] = float((of_class / clips)[clips > 0].mean())
    return found


def confusion(rows: Rows, classes: int) -> np.ndarray[Any, Any]:
    """Counts (true class, predicted class) of an evaluation."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (rows["label_id"], rows["logits"].argmax(1)), 1)
    return counts


class IslrPlugin:
    """The plug-in, see `TaskPlugin`."""

    name = "islr"
    title = "Isolated sign recognition: one class a clip"

    def options(self, raw: Mapping[str, Any]) -> IslrOptions:
        """See `TaskPlugin`."""
        return IslrOptions.model_validate(dict(raw))

    def open(
        self, options: BaseModel, model: ModelPlugin, model_options: BaseModel, facts: DataFacts
    ) -> Task:
        """See `TaskPlugin`."""
        need_labels(facts, self.name)
        task = Islr(model, model_options, facts, outputs=len(facts.labels))
        task.smoothing = IslrOptions.model_validate(options).label_smoothing
        return task


TASK = IslrPlugin()

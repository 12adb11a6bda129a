"""Isolated sign recognition: one class a clip.

Two kinds of accuracy are told, since sign data sets are skewed: per instance (the share of clips)
and per class (the mean over classes of the share of their clips), top 1 and top 5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.models.base import Frames, ModelPlugin
from sign_etl.schema.pipeline import Settings
from sign_etl.stream.base import Batch
from sign_etl.tasks.base import DataFacts, Exportable, Losses, ModelTask, Rows, Task, need_labels
from sign_etl.tasks.boundary import (
    WithBoundary,
    boundary_loss,
    boundary_metrics,
    mixed_with_shares,
    need_spans,
    smoothed,
    spans_of,
)
from sign_etl.tasks.figures import draw_confusion, write_confusion
from sign_etl.tasks.intervals import Interval, of_class_mean
from sign_etl.tasks.mixing import Mixing
from sign_etl.tasks.soft_targets import read_soft_targets

TOP = 5


class IslrOptions(Settings):
    """Options of the task `islr`."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that is spread over all classes."""
    soft_targets: str | None = None
    """Folder that `sign-etl similarity` wrote: what a clip of each class is to be taken for."""
    mixup: float = Field(default=0.0, ge=0)
    """Parameter of the Beta distribution by which two clips are mixed; 0 for none."""
    cutmix: float = Field(default=0.0, ge=0)
    """The same for an area of one clip that is put into another; pictures only, 0 for none."""
    mix_probability: float = Field(default=1.0, ge=0, le=1)
    """Share of the micro-batches that are mixed."""
    switch: float = Field(default=0.5, ge=0, le=1)
    """Where both are on, the share of `cutmix`."""
    average: Literal["probabilities", "scores"] = "probabilities"
    """What multi-view testing takes the mean of. Probabilities as VideoMAE, SLT-MAE and SignVLM
    do; scores before the softmax are the other way that mmaction2 has (`average_clips: score`)."""

    boundary: float = Field(default=1.0, ge=0)
    """Weight of the loss of begin and end, where the model has `boundary`."""
    iou_balanced: bool = True
    """Where the view has `spans`: a clip counts as much as its window is full of its sign."""


class Islr(ModelTask):
    """The task, see `Task`."""

    metric, mode = "top1", "max"
    smoothing: float = 0.0
    mixing: Mixing = Mixing()
    targets: Tensor | None = None
    """(C, C): row c is what a clip of class c is to be taken for; None for class c alone."""
    softened: str | None = None
    """Where `targets` are read from when a step first needs them; who evaluates does not."""
    average: str = "probabilities"
    """See `IslrOptions`."""
    boundary: float | None = None
    """Weight of the loss of begin and end; None for a model that does not draw them."""
    balanced: bool = False
    """Whether clips count by their IoU."""

    def build(self) -> nn.Module:
        """See `Task`; a model that reads the names of its classes is told them."""
        model = super().build()
        tell = getattr(model, "name_classes", None)
        if tell is not None:
            tell(self.facts.labels)
        return model

    def soft(self, label_id: Tensor) -> Tensor:
        """Shares of the classes (B, C) that clips of these classes (B,) are to be taken for."""
        # Filler has label -1: any class will do, its weight is 0.
        label_id = label_id.clamp(min=0)
        if self.targets is None and self.softened is not None:
            folder = Path(self.softened).expanduser()
            self.targets = read_soft_targets(folder, self.facts.labels)
        if self.targets is not None:
            return self.targets.to(label_id.device)[label_id]
        return nn.functional.one_hot(label_id, self.outputs).float()

    def step(self, model: nn.Module, batch: Batch) -> Losses:
        """Cross entropy, summed over clips; where there are spans, see `boundary`."""
        if self.balanced or self.boundary is not None:
            return self._with_spans(model, batch)
        values, mask, target = self.mixing(*self.inputs(batch), self.soft(batch.label_id))
        logits = model(values, mask).float()
        each = nn.functional.cross_entropy(
            logits, target, reduction="none", label_smoothing=self.smoothing
        )
        return self._losses(each, logits, target, batch.weight)

    def _losses(self, each: Tensor, logits: Tensor, target: Tensor, weight: Tensor) -> Losses:
        right = (logits.argmax(1) == target.argmax(1)).float()
        return Losses(
            loss_sum=(each * weight).sum(),
            weight=float(weight.sum()),
            sums={"accuracy": float((right * weight).sum())},
        )

    def _with_spans(self, model: nn.Module, batch: Batch) -> Losses:
        spans = spans_of(batch)
        values, mask, target, shares = mixed_with_shares(
            self.mixing, *self.inputs(batch), smoothed(self.soft(batch.label_id), self.smoothing)
        )
        if self.boundary is None:
            logits, drawn = model(values, mask).float(), None
        else:
            logits, drawn = (each.float() for each in model(values, mask, boundary=True))
        counts = shares * spans[:, 2] if self.balanced else shares
        wanted = counts @ smoothed(self.soft(batch.label_id), self.smoothing)
        each = -(wanted * logits.log_softmax(1)).sum(1)
        found = self._losses(each, logits, target, batch.weight)
        if drawn is None:
            return found
        apart = boundary_loss(drawn, spans, shares)
        assert self.boundary is not None
        loss_sum = found.loss_sum + self.boundary * (apart * batch.weight).sum()
        more = {"boundary_loss": float((apart.detach() * batch.weight).sum())}
        return Losses(loss_sum, found.weight, {**found.sums, **more})

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Class scores and the true class, and where signs begin and end."""
        given = self.facts.inputs
        if self.boundary is None or (isinstance(given, Frames) and given.clips > 1):
            return {"logits": self.scores(model, batch), "label_id": batch.label_id}
        logits, drawn = model(*self.inputs(batch), boundary=True)
        return {
            "logits": logits.float(),
            "label_id": batch.label_id,
            "boundary": drawn.float(),
            "span": spans_of(batch),
        }

    def joined(self, views: Tensor) -> Tensor:
        """Logarithms of the mean probabilities of the views: what a softmax turns into these."""
        if self.average == "scores":
            return super().joined(views)
        each = views.log_softmax(-1)
        return each.logsumexp(0) - math.log(len(each))

    def export(self, model: nn.Module) -> Exportable:
        """See `Task`; where signs begin and end is a second output."""
        face = super().export(model)
        if self.boundary is None:
            return face
        return replace(face, module=WithBoundary(model), outputs=("output", "boundary"))

    def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
        """Top 1 and top 5, per instance and per class, and the mean cross entropy."""
        tensors = {name: torch.from_numpy(column) for name, column in rows.items()}
        found = accuracies(tensors["logits"], tensors["label_id"])
        if "boundary" in tensors:
            found |= boundary_metrics(tensors["boundary"], tensors["span"])
        return found

    def intervals(self, rows: Rows) -> dict[str, Interval]:
        """Of `top1_class` and `top5_class`; those of shares of clips need the shares alone."""
        true = np.take_along_axis(rows["logits"], rows["label_id"][:, None], 1)
        before = (rows["logits"] > true).sum(1)
        return {
            f"top{top}_class": of_class_mean(before < top, rows["label_id"]) for top in (1, TOP)
        }

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
        chosen = IslrOptions.model_validate(options)
        task.smoothing = chosen.label_smoothing
        head = bool(getattr(model_options, "boundary", False))
        there = need_spans(facts, head=head)
        task.balanced = there and chosen.iou_balanced
        task.boundary = chosen.boundary if head else None
        task.softened, task.average = chosen.soft_targets, chosen.average
        task.mixing = Mixing(chosen.mixup, chosen.cutmix, chosen.mix_probability, chosen.switch)
        return task


TASK = IslrPlugin()

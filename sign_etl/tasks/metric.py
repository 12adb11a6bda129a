"""Metric learning: an embedding in which clips of one sign lie near each other.

The loss is the batch-all triplet loss of the embedding form of SPOTER (Euclidean, margin 1), or
the one with the hardest triplet of each clip. Batches hold P classes with K clips of each
(`batch.classes` is P, and `batch.samples` P times K).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.models.base import ModelPlugin
from sign_etl.schema.pipeline import Settings
from sign_etl.stream.base import Batch
from sign_etl.tasks.base import DataFacts, Losses, ModelTask, Rows, Task, need_labels
from sign_etl.tasks.grouping import hard_groups, rearranged
from sign_etl.tasks.neighbours import neighbour_metrics, silhouette

EASY = 1e-8
"""Triplets with at most this loss have nothing to teach."""


class MetricOptions(Settings):
    """Options of the task `metric`."""

    size: int = Field(default=32, ge=2)
    """Numbers of an embedding."""
    triplets: Literal["all", "hard"] = "all"
    """All triplets of a micro-batch, or for each clip its farthest friend and nearest stranger."""
    margin: float = Field(default=1.0, gt=0)
    """By how much a stranger must be farther away than a friend."""
    filter_easy: bool = True
    """With `all`: the mean is taken over triplets that still teach."""
    group_from_epoch: int | None = Field(default=None, ge=0)
    """From this epoch on, hard clips of a step meet in one micro-batch; null for never."""
    group_threshold: float = Field(default=0.5, ge=0, le=1)
    """Pairs that score less are not brought together."""
    same_label_factor: float = Field(default=1.0, gt=0)
    """Weight of far pairs of one class against near pairs of two."""


class MetricTask(ModelTask):
    """The task, see `Task`."""

    metric, mode = "silhouette", "max"
    options: MetricOptions = MetricOptions()

    def regroup(self, model: nn.Module, batches: Sequence[Batch]) -> Sequence[Batch]:
        """Bring hard clips together, see `hard_groups`; only among this rank's micro-batches."""
        start = self.options.group_from_epoch
        if start is None or len(batches) < 2 or batches[0].epoch < start:
            return batches
        model.eval()
        with torch.no_grad():
            embedded = torch.cat([model(*self.inputs(batch)).float() for batch in batches])
        model.train()
        labels = torch.cat([batch.label_id for batch in batches])
        groups = hard_groups(
            torch.cdist(embedded, embedded).cpu().numpy(),
            labels.cpu().numpy(),
            [len(batch) for batch in batches],
            threshold=self.options.group_threshold,
            same_label_factor=self.options.same_label_factor,
        )
        return rearranged(batches, groups)

    def step(self, model: nn.Module, batch: Batch) -> Losses:
        """Triplet loss of the micro-batch times its clips."""
        embedded = model(*self.inputs(batch)).float()
        real = batch.weight > 0
        count = int(real.sum())
        embedded, labels = embedded[real], batch.label_id[real]
        if self.options.triplets == "hard":
            losses = hard_triplets(embedded, labels, self.options.margin)
        else:
            losses = all_triplets(embedded, labels, self.options.margin)
        used = int((losses > EASY).sum())
        loss = reduced(losses, count, filter_easy=self.options.filter_easy)
        # The sum keeps the graph whole where no triplet is left.
        loss_sum = loss * count + embedded.sum() * 0.0
        share = used / max(len(losses), 1)
        return Losses(loss_sum, float(count), {"triplets_used": share * count})

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Embedding and true class."""
        return {"embedding": self.scores(model, batch), "label_id": batch.label_id}

    def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
        """Silhouette, and neighbours in the gallery; without one, among the rows themselves."""
        own = gallery is None
        others = rows if gallery is None else gallery
        found = neighbour_metrics(
            rows["embedding"],
            rows["label_id"],
            others["embedding"],
            others["label_id"],
            same=rows["id"][:, None] == others["id"][None] if own else None,
        )
        return {**found, "silhouette": silhouette(rows["embedding"], rows["label_id"])}


def all_triplets(embedded: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Loss of every triplet (anchor, friend, stranger) of a batch: relu(d_ap - d_an + margin)."""
    return _triplet_losses(embedded, labels, margin, None)


def hard_triplets(embedded: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Loss of one triplet an anchor: its farthest friend and its nearest stranger."""
    from pytorch_metric_learning.miners import BatchHardMiner

    miner = BatchHardMiner(distance=_euclidean())
    return _triplet_losses(embedded, labels, margin, miner(embedded, labels))


def reduced(losses: Tensor, clips: int, *, filter_easy: bool) -> Tensor:
    """One number out of the losses of triplets.

    Args:
        losses: (n,), none negative.
        clips: B of the batch.
        filter_easy: the mean over the n_pos triplets above `EASY`, times min(1, 3 n_pos / B), so
            that a few last triplets do not weigh as much as thousands; otherwise the mean.
    """
    if not len(losses):
        return losses.sum()
    if not filter_easy:
        return losses.mean()
    hard = losses[losses > EASY]
    return hard.sum() / max(len(hard), 1) * min(1.0, 3.0 * len(hard) / max(clips, 1))


def _euclidean() -> Any:
    from pytorch_metric_learning.distances import LpDistance

    return LpDistance(p=2, normalize_embeddings=False)


def _triplet_losses(embedded: Tensor, labels: Tensor, margin: float, triplets: Any) -> Tensor:
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.reducers import DoNothingReducer

    loss = TripletMarginLoss(margin=margin, distance=_euclidean(), reducer=DoNothingReducer())
    found = loss(embedded, labels, triplets)["loss"]["losses"]
    if isinstance(found, Tensor):
        return found
    return embedded.new_zeros(0)  # the library says 0 where there is no triplet


class MetricPlugin:
    """The plug-in, see `TaskPlugin`."""

    name = "metric"
    title = "Metric learning: embeddings by triplets, judged by neighbours"

    def options(self, raw: Mapping[str, Any]) -> MetricOptions:
        """See `TaskPlugin`."""
        return MetricOptions.model_validate(dict(raw))

    def open(
        self, options: BaseModel, model: ModelPlugin, model_options: BaseModel, facts: DataFacts
    ) -> Task:
        """See `TaskPlugin`."""
        need_labels(facts, self.name)
        chosen = MetricOptions.model_validate(options)
        task = MetricTask(model, model_options, facts, outputs=chosen.size, gallery=True)
        task.options = chosen
        return task


TASK = MetricPlugin()

"""Masked pose modelling: hide joints, moments and body parts of a clip and draw them from the rest.

No labels are needed. The error is the squared distance on normalised coordinates, weighted by the
confidence of the keypoint, over what was hidden. Masks are keyed by seed, epoch and clip, so they
depend on no rank and no worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import ModelPlugin
from sign_etl.schema.layouts import layout
from sign_etl.schema.pipeline import Settings
from sign_etl.stream.base import Batch, Filled, SampleRng
from sign_etl.tasks.base import VIEW, DataFacts, Losses, ModelTask, Rows, Task, coordinates

FIXED_VISIT = 0
"""Evaluations always hide the same."""


class MaePoseOptions(Settings):
    """Options of the task `mae-pose`. The three kinds of hiding add up."""

    joints: float = Field(default=0.3, ge=0, lt=1)
    """Share of single joints hidden in each frame."""
    times: float = Field(default=0.2, ge=0, lt=1)
    """Share of frames hidden whole, in runs."""
    time_run: int = Field(default=5, ge=1)
    """Frames of a run."""
    parts: float = Field(default=0.2, ge=0, lt=1)
    """Chance of each body part (body, each hand, face) to be hidden in the whole clip."""

    @model_validator(mode="after")
    def _some(self) -> MaePoseOptions:
        if not self.joints + self.times + self.parts:
            raise ValueError("nothing would be hidden: set `joints`, `times` or `parts`")
        return self


class MaePose(ModelTask):
    """The task, see `Task`."""

    metric, mode = "rmse", "min"
    options: MaePoseOptions = MaePoseOptions()
    parts: tuple[tuple[int, ...], ...] = ()

    @property
    def needs(self) -> Filled:
        """See `Task`."""
        return ""

    def step(self, model: nn.Module, batch: Batch) -> Losses:
        """Squared error over hidden points, summed with their confidence."""
        hidden = self._hidden(batch, batch.epoch)
        error, weight = self._errors(model, batch, hidden)
        return Losses((error * weight).sum(), float(weight.sum()))

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Sums of a clip: squared error of the model and of a straight line, and their weight."""
        hidden = self._hidden(batch, FIXED_VISIT)
        error, weight = self._errors(model, batch, hidden)
        points, mask = coordinates(batch)
        known = ~hidden & (batch.views[VIEW][..., -1] > 0) & mask[..., None]
        line = torch.from_numpy(interpolated(points.cpu().numpy(), known.cpu().numpy()))
        straight = (line.to(points) - points).square().sum(-1)
        return {
            "error": (error * weight).sum((1, 2)),
            "straight": (straight * weight).sum((1, 2)),
            "weight": weight.sum((1, 2)),
        }

    def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
        """`rmse` of a hidden point, and `rmse_straight` of lines between what is seen of it."""
        total = max(float(rows["weight"].sum()), 1e-12)
        return {
            "rmse": float(np.sqrt(rows["error"].sum() / total)),
            "rmse_straight": float(np.sqrt(rows["straight"].sum() / total)),
        }

    def _hidden(self, batch: Batch, visit: int) -> Tensor:
        """(B, T, K) bool: what the model may not see."""
        mask = batch.masks[VIEW].cpu().numpy()
        points = self.facts.keypoints.points
        hidden = np.zeros((*mask.shape, points), bool)
        for number, key in enumerate(batch.key):
            rng = SampleRng(self.facts.seed, visit, key, "mae")()
            frames = int(mask[number].sum())
            hidden[number, :frames] = hide(rng, frames, points, self.parts, self.options)
        return torch.from_numpy(hidden).to(batch.masks[VIEW].device)

    def _errors(self, model: nn.Module, batch: Batch, hidden: Tensor) -> tuple[Tensor, Tensor]:
        points, mask = coordinates(batch)
        drawn = model(points, mask, hidden).float()
        confidence = batch.views[VIEW][..., -1].clamp(0, 1)
        weight = confidence * hidden * mask[..., None] * batch.weight[:, None, None]
        return (drawn - points).square().sum(-1), weight


def hide(
    rng: np.random.Generator,
    frames: int,
    points: int,
    parts: tuple[tuple[int, ...], ...],
    options: MaePoseOptions,
) -> NDArray[np.bool_]:
    """Choose what to hide of one clip.

    Args:
        rng: of the clip and visit.
        frames: T.
        points: K.
        parts: point numbers of each body part.
        options: how much of what.

    Returns:
        (T, K), True for hidden; never everything.
    """
    hidden = rng.random((frames, points)) < options.joints
    runs = round(options.times * frames / options.time_run)
    for start in rng.integers(0, max(1, frames - options.time_run + 1), size=runs):
        hidden[start : start + options.time_run] = True
    chosen = [part for part in parts if rng.random() < options.parts]
    if len(chosen) == len(parts):
        chosen = chosen[1:]
    for part in chosen:
        hidden[:, list(part)] = True
    if hidden.all():
        hidden[rng.integers(frames)] = False
    return hidden


def interpolated(points: NDArray[Any], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Each coordinate drawn straight between the frames in which it is known.

    Args:
        points: (B, T, K, C).
        known: (B, T, K).

    Returns:
        (B, T, K, C) float32; a joint that is never known stays at 0.
    """
    out = np.zeros(points.shape, np.float32)
    times = np.arange(points.shape[1])
    for clip, joint in np.argwhere(known.any(axis=1)):
        seen = known[clip, :, joint]
        for channel in range(points.shape[3]):
            track = points[clip, :, joint, channel]
            out[clip, :, joint, channel] = np.interp(times, times[seen], track[seen])
    return out


class MaePosePlugin:
    """The plug-in, see `TaskPlugin`."""

    name = "mae-pose"
    title = "Masked pose modelling, for pre-training without labels"

    def options(self, raw: Mapping[str, Any]) -> MaePoseOptions:
        """See `TaskPlugin`."""
        return MaePoseOptions.model_validate(dict(raw))

    def open(
        self, options: BaseModel, model: ModelPlugin, model_options: BaseModel, facts: DataFacts
    ) -> Task:
        """See `TaskPlugin`."""
        if model.name != "pose-mae":
            raise ConfigError(
                f"the task `{self.name}` cannot train the model `{model.name}`",
                hint="set `model.name: pose-mae`",
            )
        task = MaePose(model, model_options, facts, outputs=0)
        task.options = MaePoseOptions.model_validate(options)
        task.parts = tuple(part for part in layout(facts.layout).parts.values() if part)
        return task


TASK = MaePosePlugin()

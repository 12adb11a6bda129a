"""The contract of a task, and the registry of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.core.registry import Registry
from sign_etl.models.base import ModelPlugin
from sign_etl.stream.base import Batch

VIEW = "pose"
"""The view that the pose tasks read."""
Rows: TypeAlias = dict[str, NDArray[Any]]
"""Columns of an evaluation, one row a clip, in the order of the index."""


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What a task knows about the data.

    Attributes:
        points: K, keypoints of a frame.
        channels: C, coordinates of a keypoint (the score is not among them).
        layout: name of the keypoint layout.
        labels: class names; a `label_id` is a position in here.
        left_out: class names that training does not see.
        seed: of the training.
    """

    points: int
    channels: int
    layout: str
    labels: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Losses:
    """What one micro-batch contributes to a step.

    The step's loss is the sum of `loss_sum` over the sum of `weight`, over all micro-batches on all
    ranks, so it does not depend on how clips are spread.

    Attributes:
        loss_sum: scalar with gradient.
        weight: what it is a sum over: clips, points, tokens.
        sums: further sums for the log, divided by the same weight.
    """

    loss_sum: Tensor
    weight: float
    sums: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exportable:
    """What a model looks like to an exporter.

    Attributes:
        module: takes the tensors of `example` in their order.
        example: by input name.
        outputs: names of the outputs.
        dynamic: by input name, the axes whose length is free, with their names.
    """

    module: nn.Module
    example: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    dynamic: Mapping[str, Mapping[int, str]]


class Task(Protocol):
    """A task with its settings and data, ready to learn."""

    @property
    def metric(self) -> str:
        """Name of the metric that chooses the best checkpoint."""
        ...

    @property
    def mode(self) -> str:
        """`max` or `min`: which way it is better."""
        ...

    @property
    def gallery(self) -> bool:
        """Whether `metrics` wants the rows of the training split too."""
        ...

    @property
    def half(self) -> bool:
        """Whether fp16 will do."""
        ...

    def build(self) -> nn.Module:
        """The model with random weights, from torch's generator."""
        ...

    def depth(self, parameter: str) -> int:
        """See `ModelPlugin.depth`."""
        ...

    def regroup(self, model: nn.Module, batches: Sequence[Batch]) -> Sequence[Batch]:
        """The micro-batches of a step on this rank, rearranged; as many as before."""
        ...

    def step(self, model: nn.Module, batch: Batch) -> Losses:
        """Forward pass and loss of one micro-batch; filler with weight 0 must give 0."""
        ...

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """What an evaluation keeps of every clip: tensors (B, ...) by name. No randomness."""
        ...

    def metrics(self, rows: Rows, gallery: Rows | None = None) -> dict[str, float]:
        """Numbers of a split.

        Args:
            rows: what `predict` gave.
            gallery: the same for the training split, where `gallery` is set.
        """
        ...

    def draw(self, rows: Rows, folder: Path) -> None:
        """Write pictures and tables of an evaluation."""
        ...

    def export(self, model: nn.Module) -> Exportable:
        """How an exporter calls the model."""
        ...


class TaskPlugin(Protocol):
    """A kind of task."""

    name: str
    title: str

    def options(self, raw: Mapping[str, Any]) -> BaseModel:
        """The task's settings, checked.

        Raises:
            ValidationError: of pydantic, for a wrong one.
        """
        ...

    def open(
        self,
        options: BaseModel,
        model: ModelPlugin,
        model_options: BaseModel,
        facts: DataFacts,
    ) -> Task:
        """The task for these data.

        Raises:
            ConfigError: task, model and data do not go together.
        """
        ...


TASKS: Registry[TaskPlugin] = Registry("task", "sign_etl.tasks")
TASKS.builtin(islr="sign_etl.tasks.islr:TASK")
TASKS.builtin(metric="sign_etl.tasks.metric:TASK")
TASKS.builtin(mae_pose="sign_etl.tasks.mae_pose:TASK")
TASKS.builtin(slt="sign_etl.tasks.slt:TASK")


@dataclass
class PoseTask:
    """What the tasks on keypoints share.

    Attributes:
        model: the plug-in.
        model_options: its settings.
        facts: see `DataFacts`.
        outputs: size of the model's output.
    """

    model: ModelPlugin
    model_options: BaseModel
    facts: DataFacts
    outputs: int
    gallery: bool = False
    half: bool = True

    def build(self) -> nn.Module:
        """See `Task`."""
        return self.model.build(
            self.model_options,
            points=self.facts.points,
            channels=self.facts.channels,
            outputs=self.outputs,
        )

    def depth(self, parameter: str) -> int:
        """See `Task`."""
        return self.model.depth(parameter, self.model_options)

    def regroup(self, model: nn.Module, batches: Sequence[Batch]) -> Sequence[Batch]:
        """See `Task`."""
        return batches

    def draw(self, rows: Rows, folder: Path) -> None:
        """See `Task`."""

    def export(self, model: nn.Module) -> Exportable:
        """See `Task`."""
        shape = (1, 32, self.facts.points, self.facts.channels)
        return Exportable(
            module=model,
            example={"points": torch.zeros(shape), "mask": torch.ones(1, 32, dtype=torch.bool)},
            outputs=("output",),
            dynamic={"points": {0: "batch", 1: "frames"}, "mask": {0: "batch", 1: "frames"}},
        )


def coordinates(batch: Batch) -> tuple[Tensor, Tensor]:
    """Coordinates (B, T, K, C) and mask (B, T) of a batch; the score, the last channel, is off."""
    return batch.views[VIEW][..., :-1], batch.masks[VIEW]


def need_labels(facts: DataFacts, task: str) -> None:
    """Refuse data without classes.

    Raises:
        ConfigError: the build has less than two labels.
    """
    if len(facts.labels) < 2:
        raise ConfigError(
            f"the task `{task}` needs labels, the build has {len(facts.labels)}",
            hint="see them with `sign-etl report`",
        )


def as_rows(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Rows:
    """One set of rows out of several, sorted by `id` and each once."""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    _, first = np.unique(joined["id"], return_index=True)
    return {name: column[first] for name, column in joined.items()}

"""The contract of a task, and the registry of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.core.registry import Registry
from sign_etl.models.base import Frames, ModelPlugin
from sign_etl.stream.base import Batch, Filled
from sign_etl.tasks.model_input import (
    VIEW,
    DataFacts,
    coordinates,
    example_of,
    inputs,
    normalised,
)

__all__ = [
    "TASKS",
    "VIEW",
    "DataFacts",
    "Exportable",
    "Losses",
    "ModelTask",
    "Rows",
    "Task",
    "TaskPlugin",
    "coordinates",
    "inputs",
    "need_labels",
    "need_view",
    "normalised",
]

Rows: TypeAlias = dict[str, NDArray[Any]]
"""Columns of an evaluation, one row a clip, in the order of the index."""


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

    @property
    def needs(self) -> Filled:
        """What a clip must have to teach something."""
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
TASKS.builtin(mae_video="sign_etl.tasks.mae_video:TASK")


@dataclass
class ModelTask:
    """What the tasks share: a model on one view.

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

    half = True  # no field, having no type: a subclass can say otherwise

    @property
    def needs(self) -> Filled:
        """See `Task`."""
        return "label"

    def build(self) -> nn.Module:
        """See `Task`."""
        return self.model.build(self.model_options, inputs=self.facts.inputs, outputs=self.outputs)

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
        name, example, steps = example_of(self.facts.inputs)
        free = {0: "batch"} if isinstance(self.facts.inputs, Frames) else {0: "batch", 1: "frames"}
        return Exportable(
            module=model,
            example={name: example, "mask": torch.ones(1, steps, dtype=torch.bool)},
            outputs=("output",),
            dynamic={name: free, "mask": free},
        )

    def inputs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the model takes of a batch, see `inputs`."""
        return inputs(batch, self.facts)

    def scores(self, model: nn.Module, batch: Batch) -> Tensor:
        """Outputs (B, outputs) of an evaluation: `joined` over the clips of multi-view testing."""
        # One clip of each video at a time: all of them together would take `clips` times the room.
        apart, which = self.apart(batch)
        found = [torch.as_tensor(model(*pair).float()) for pair in apart]
        return found[0] if len(which) == 1 else self.joined(torch.stack(found)[which])

    def apart(self, batch: Batch) -> tuple[list[tuple[Tensor, Tensor]], list[int]]:
        """`inputs` clip by clip of multi-view testing, each once, and which of them each clip is.

        Windows of a short clip, and crops of a square picture, are one and the same.
        """
        values, mask = self.inputs(batch)
        given = self.facts.inputs
        clips = values.shape[1] // given.frames if isinstance(given, Frames) and given.frames else 1
        found: list[tuple[Tensor, Tensor]] = []
        which: list[int] = []
        for pair in zip(values.chunk(clips, 1), mask.chunk(clips, 1), strict=True):
            like = (n for n, other in enumerate(found) if all(map(torch.equal, other, pair)))
            which.append(next(like, len(found)))
            if which[-1] == len(found):
                found.append(pair)
        return found, which

    def joined(self, views: Tensor) -> Tensor:
        """Outputs (B, outputs) of a video, from those of its views (V, B, outputs): their mean."""
        return views.mean(0)


def need_view(model: ModelPlugin, facts: DataFacts) -> None:
    """Refuse a view that the model cannot read.

    Raises:
        ConfigError: it is not among `ModelPlugin.takes`.
    """
    if facts.view not in model.takes:
        raise ConfigError(
            f"the model `{model.name}` cannot read the view `{facts.view}`",
            hint=f"set `data.view.name: {model.takes[0]}`",
        )


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

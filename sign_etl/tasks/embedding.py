"""Vectors of clips: the embedding of a metric model, or what a classifier's last layer reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.schema.vectors import VectorFacts, Vectors
from sign_etl.stream.base import Batch, Filters
from sign_etl.tasks.base import ModelTask, Rows, Task
from sign_etl.tasks.evaluation import collect
from sign_etl.tasks.setup import still
from sign_etl.tasks.trained import Trained

Output = Literal["embedding", "features"]


@dataclass(frozen=True, slots=True)
class Embedded:
    """What became of the clips.

    Attributes:
        vectors: of those that could be read, in the order of the index.
        wanted: clips that the filters let through.
    """

    vectors: Vectors
    wanted: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """The one method of a task that `collect` calls, with the vector added to its rows."""

    task: Task
    output: Output

    def predict(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """See `Task`; beside it `vector`."""
        if self.output == "embedding":
            found = self.task.predict(model, batch)
            return {**found, "vector": found["embedding"]}
        with before_head(model) as seen:
            found = self.task.predict(model, batch)
        # Multi-view testing asks the model once for every view that differs, and which do depends
        # on the other clips of the batch: each counts as often as it is there.
        _, which = cast(ModelTask, self.task).apart(batch)
        return {**found, "vector": torch.stack(seen).float()[which].mean(0)}


def embed(trained: Trained, splits: Sequence[str] = (), *, logits: bool = False) -> Embedded:
    """One vector for every clip of the run's data, twice the same; of several views their mean.

    Args:
        trained: opened with data.
        splits: of them; none for all.
        logits: keep a classifier's scores too.

    Raises:
        ConfigError: the task has no vector, or no scores; a split does not occur.
        UsageError: no clip is left, or none could be read.
    """
    from accelerate import Accelerator

    index = trained.index
    if index is None:
        raise UsageError("no build given", hint="name one with --data")
    output = output_of(trained)
    if logits and output == "embedding":
        raise ConfigError(
            f"the task `{trained.config.task.name}` has no class scores", hint="leave --logits out"
        )
    filters = Filters(splits=tuple(splits), min_frames=trained.config.data.min_frames)
    reading = cast(Task, _Reading(trained.task, output))
    accelerator = Accelerator()
    with exact():
        rows: Rows = collect(
            trained.model.to(accelerator.device),
            reading,
            still(index, trained.view, filters, name=trained.config.data.view.name),
            accelerator,
            trained.config.data.workers,
        )
    if not len(rows["id"]):
        raise UsageError("no clip could be read", hint="`sign-etl verify` checks the build")
    facts = VectorFacts(
        model=trained.digest,
        run=trained.config.name,
        checkpoint=trained.checkpoint.name,
        task=trained.config.task.name,
        output=output,
        layout=trained.layout,
        view=trained.config.data.view.model_dump(mode="json"),
        labels=index.labels,
        model_labels=trained.labels,
        data=tuple(source.digest for source in index.sources),
        licences=trained.licences,
    )
    vectors = Vectors(
        facts,
        np.asarray(rows["vector"], np.float32),
        _columns(trained, rows["id"]),
        np.asarray(rows["logits"], np.float32) if logits else None,
    )
    return Embedded(vectors, wanted=len(index.rows(filters)))


def output_of(trained: Trained) -> Output:
    """What the run's model has for a vector.

    Raises:
        ConfigError: it has none.
    """
    kind = trained.config.task.name
    if kind == "metric":
        return "embedding"
    if kind == "islr" and isinstance(getattr(trained.model, "head", None), nn.Linear):
        return "features"
    raise ConfigError(
        f"the task `{kind}` with the model `{trained.config.model.name}` has no vector for a clip",
        hint="use a run of the task `metric` or `islr`",
    )


@contextmanager
def before_head(model: nn.Module) -> Iterator[list[Tensor]]:
    """What the last layer of a model, its `head`, reads while the block runs."""
    seen: list[Tensor] = []

    def keep(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        seen.append(inputs[0].detach())

    handle = cast(nn.Module, model.head).register_forward_pre_hook(keep)
    try:
        yield seen
    finally:
        handle.remove()


@contextmanager
def exact() -> Iterator[None]:
    """Deterministic algorithms only, while the block runs."""
    before = torch.are_deterministic_algorithms_enabled()
    warned = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warned)


def _columns(trained: Trained, ids: Any) -> Mapping[str, list[str | None]]:
    index = trained.index
    assert index is not None
    names = ("key", "split", "label", "signer")
    columns = {name: index.column(name).take(ids).to_pylist() for name in names}
    normal = [dict(zip(each.labels, each.normal_labels, strict=True)) for each in index.sources]
    sources = [int(number) for number in index.source[ids]]
    return {
        **columns,
        "normal_label": [
            normal[source].get(label)
            for source, label in zip(sources, columns["label"], strict=True)
        ],
        "build": [index.sources[source].name for source in sources],
    }

"""From a recipe and builds to what the loop runs on: task, streams, weights, accelerator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import sign_etl
from sign_etl.core.errors import ConfigError
from sign_etl.models.base import MODELS
from sign_etl.reader.manifest import MANIFEST, read_manifest
from sign_etl.schema.config import checked_options
from sign_etl.schema.document import DocumentError, read_document, with_settings
from sign_etl.schema.training import (
    TRAINING_HINT,
    TrainConfig,
    parse_training,
)
from sign_etl.stream.base import VIEWS, Filters, View
from sign_etl.stream.index import Index, open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching
from sign_etl.stream.quarantine import Quarantine
from sign_etl.stream.sources import Source
from sign_etl.stream.transforms_pose import transforms
from sign_etl.tasks.base import TASKS, VIEW, DataFacts, Task

if TYPE_CHECKING:
    pass

SOME = 64
"""Clips in a batch of an evaluation."""


@dataclass(frozen=True)
class Opened:
    """What a training runs on.

    Attributes:
        task: ready to learn.
        train: what is learned from, augmented.
        select: what chooses the best checkpoint.
        gallery: what is learned from, as it is: neighbours are looked for in here.
        facts: of the data, as they stand in `build.json`.
    """

    task: Task
    train: Stream
    select: Stream
    gallery: Stream
    facts: dict[str, Any]


def load_recipe(path: Path, settings: Iterable[str] = ()) -> TrainConfig:
    """Read and check a recipe, the options of its task and model included.

    Raises:
        DocumentError: all that is wrong, with file, line and column.
    """
    document = with_settings(read_document(path), settings)
    config = parse_training(document)
    problems = []
    for key, kind, registry in (("task", config.task, TASKS), ("model", config.model, MODELS)):
        plugin = registry.get(kind.name)
        problems += checked_options(
            plugin.options, kind.options, document, (key,), hint=TRAINING_HINT
        )
    if problems:
        raise DocumentError(problems, document.origin)
    return config


def open_training(config: TrainConfig, data: Sequence[str], run: Path) -> Opened:
    """Open the builds and everything that learns from them.

    Raises:
        ConfigError: recipe and data do not go together.
        UsageError: a path holds no build, or no clip is left.
    """
    index = open_index(data)
    view = make_view(config, train=False)
    learned = learned_labels(config, index)
    task = open_task(config, index, view)
    labelled, shortest, longest = bool(index.labels), config.data.min_frames, config.data.max_frames

    def of(splits: Sequence[str], max_frames: int = 0) -> Filters:
        return Filters(
            splits=splits,
            labels=learned,
            labelled=labelled,
            min_frames=shortest,
            max_frames=max_frames,
        )

    train = Stream(
        index,
        {VIEW: make_view(config, train=True)},
        Batching(**config.batch.model_dump()),
        filters=of(config.data.train, longest),
        seed=config.seed,
        quarantine=Quarantine(run / "quarantine.jsonl"),
    )
    return Opened(
        task=task,
        train=train,
        select=still(index, view, of((config.data.select,))),
        gallery=still(index, view, of(config.data.train)),
        facts=data_facts(index, task),
    )


def open_task(config: TrainConfig, index: Index, view: View) -> Task:
    """The task of a recipe for these data.

    Raises:
        ConfigError: they do not go together.
    """
    sample = view.placeholder(index)
    plugin, model = TASKS.get(config.task.name), MODELS.get(config.model.name)
    facts = DataFacts(
        points=sample.shape[1],
        channels=sample.shape[2] - 1,
        layout=layout_of(config, index),
        labels=index.labels,
        left_out=config.data.left_out,
        seed=config.seed,
    )
    task = plugin.open(
        plugin.options(config.task.options), model, model.options(config.model.options), facts
    )
    if config.precision == "fp16" and not task.half:
        raise ConfigError(
            f"the task `{config.task.name}` overflows in fp16",
            hint="set `precision: bf16`, or fp32",
        )
    return task


def make_view(config: TrainConfig, *, train: bool) -> View:
    """The view of a recipe: with augmentation and noise for training, without for evaluation."""
    data, options = config.data, config.data.view.options
    steps: list[Mapping[str, Any]] = [dict(step) for step in options.pop("transforms", ())]
    if train:
        steps = [{"name": each.name, **each.options} for each in data.augment] + steps
        if data.noise:
            steps.append({"name": "noise", "sigma": data.noise})
    else:
        # Windows of time are drawn in training and fixed in evaluation.
        steps = [
            {**step, "evaluation": True} if step.get("name") == "temporal" else step
            for step in steps
        ]
    maker = VIEWS.get(data.view.name)
    try:
        return maker(**options, transforms=transforms(steps))
    except TypeError as error:
        raise ConfigError(f"the view `{data.view.name}`: {error}", hint=TRAINING_HINT) from None


def layout_of(config: TrainConfig, index: Index) -> str:
    """Name of the keypoint layout that the model sees; empty where it is not known."""
    options, source = config.data.view.options, index.sources[0]
    converted = [step.get("to", "") for step in options.get("transforms", ()) if "to" in step]
    backend = options.get("backend") or next(iter(source.layouts), "")
    known = source.layouts.get(backend, options.get("source_layout"))
    return str([known or "", *filter(None, [options.get("layout")]), *converted][-1])


def still(index: Index, view: View, filters: Filters) -> Stream:
    """A stream for evaluations: every clip once, nothing random."""
    batching = Batching(samples=SOME, micro_batches=1, shuffle=False)
    return Stream(index, {VIEW: view}, batching, filters=filters)


def learned_labels(config: TrainConfig, index: Index) -> tuple[str, ...]:
    """Class names that training sees; empty for all.

    Raises:
        ConfigError: a label to be left out does not occur.
    """
    left_out = config.data.left_out
    for label in left_out:
        if label not in index.labels:
            known = ", ".join(index.labels[:8])
            raise ConfigError(f"`data.left_out`: no label `{label}`", hint=f"there are {known} ...")
    return tuple(label for label in index.labels if label not in left_out) if left_out else ()


def data_facts(index: Index, task: Task) -> dict[str, Any]:
    """What a run keeps about its data: `build.json`."""
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in task.build().parameters())
    return {
        "dataset_hash": index.dataset_hash,
        "labels": list(index.labels),
        "sources": [_source_facts(source) for source in index.sources],
        "parameters": parameters,
        "sign_etl": sign_etl.__version__,
        "torch": torch.__version__,
    }


def _source_facts(source: Source) -> dict[str, Any]:
    known: dict[str, Any] = {"name": source.name, "digest": source.digest}
    if (source.root / MANIFEST).is_file():
        manifest = read_manifest(source.root)
        names = ("dataset", "licence", "language", "citation", "homepage")
        return known | {name: getattr(manifest, name) for name in names}
    return known | dict.fromkeys(("dataset", "licence", "language"), "unknown")

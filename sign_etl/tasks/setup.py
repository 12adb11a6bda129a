"""From a recipe and builds to what the loop runs on: task, streams, weights, accelerator."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import torch

import sign_etl
from sign_etl.core.errors import ConfigError, near_or_all
from sign_etl.models.base import MODELS
from sign_etl.reader.manifest import MANIFEST, read_manifest
from sign_etl.schema.config import checked_options
from sign_etl.schema.document import DocumentError, Problem, read_document, with_settings
from sign_etl.schema.training import (
    TRAINING_HINT,
    TrainConfig,
    for_training,
    parse_training,
)
from sign_etl.shard.compare import tree_digest
from sign_etl.stream.base import VIEWS, Filters, Use, View
from sign_etl.stream.index import Index, open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.made import unfit
from sign_etl.stream.plan import Batching
from sign_etl.stream.quarantine import Quarantine
from sign_etl.stream.sources import Source
from sign_etl.tasks.base import TASKS, VIEW, DataFacts, Task, need_view
from sign_etl.tasks.provenance import split_facts
from sign_etl.tasks.seen import check_features, inputs_of, policy_of

SOME = 64
"""Clips in a batch of an evaluation."""
MOST_PICTURES = 256
"""Pictures in such a batch."""
SMALL = (VIEW, "feat")
"""Views that give no pictures."""


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
    problems: list[Problem] = []
    for key, kind, registry in (("task", config.task, TASKS), ("model", config.model, MODELS)):
        plugin = registry.get(kind.name)
        found = checked_options(plugin.options, kind.options, document, (key,), hint=TRAINING_HINT)
        problems += map(for_training, found)
    if problems:
        raise DocumentError(problems, document.origin)
    return config


def open_training(config: TrainConfig, data: Sequence[str], run: Path) -> Opened:
    """Open the builds and everything that learns from them.

    Raises:
        ConfigError: recipe and data do not go together.
        UsageError: a path holds no build, or no clip is left.
    """
    index = open_data(config, data)
    view = make_view(config, train=False, single=True)
    learned, signers = learned_labels(config, index), learned_signers(config, index)
    task = open_task(config, index, view)
    first = index.sources[0]
    check_features(view, index, [{"features": first.networks}], first.name)
    shortest, longest = config.data.min_frames, config.data.max_frames

    def of(splits: Sequence[str], max_frames: int = 0, shots: int = 0) -> Filters:
        return Filters(
            splits=splits,
            labels=learned,
            signers=signers,
            filled=task.needs,
            min_frames=shortest,
            max_frames=max_frames,
            shots=shots,
            seed=config.seed,
        )

    train = Stream(
        index,
        {config.data.view.name: make_view(config, train=True)},
        Batching(**config.batch.model_dump()),
        filters=of(config.data.train, longest, config.data.shots),
        seed=config.seed,
        quarantine=Quarantine(run / "quarantine.jsonl"),
    )
    return Opened(
        task=task,
        train=train,
        select=still(index, view, of((config.data.select,)), name=config.data.view.name),
        gallery=still(
            index, view, of(config.data.train, 0, config.data.shots), name=config.data.view.name
        ),
        facts={**data_facts(index, task, config), "learned_clips": len(train.rows)},
    )


def open_data(config: TrainConfig, data: Sequence[str]) -> Index:
    """The builds of a training, or of a run that it left.

    Args:
        config: the recipe, which says how much of the cache shards from elsewhere may fill.
        data: folders or addresses, see `open_index`.

    Raises:
        UsageError: a path holds no build.
        VerifyError: a build is unfinished or damaged.
    """
    limit = round(config.data.cache_gb * 1e9)
    return open_index(data, cache_bytes=limit or None)


def open_task(config: TrainConfig, index: Index, view: View) -> Task:
    """The task of a recipe for these data.

    Raises:
        ConfigError: they do not go together.
    """
    plugin, model = TASKS.get(config.task.name), MODELS.get(config.model.name)
    facts = DataFacts(
        inputs=inputs_of(view, index),
        view=config.data.view.name,
        layout=layout_of(config, index),
        labels=index.labels,
        left_out=config.data.left_out,
        seed=config.seed,
    )
    need_view(model, facts)
    task = plugin.open(
        plugin.options(config.task.options), model, model.options(config.model.options), facts
    )
    if config.precision == "fp16" and not task.half:
        raise ConfigError(
            f"the task `{config.task.name}` overflows in fp16",
            hint="set `precision: bf16`, or fp32",
        )
    return task


def make_view(config: TrainConfig, *, train: bool, single: bool = False) -> View:
    """The view of a recipe: with augmentation and noise for training, without for evaluation.

    Args:
        config: the recipe.
        train: for training.
        single: one clip a video, where an evaluation would look at several.
    """
    data = config.data
    maker = VIEWS.get(data.view.name)
    options, augment = data.view.options, [{"name": a.name, **a.options} for a in data.augment]
    use: Use = "train" if train else "select" if single else "evaluate"
    prepared = getattr(maker, "for_recipe", None)
    try:
        if prepared is None:  # of another package, which knows no recipes
            return maker(**options)
        made: View = prepared(options, augment=augment, noise=data.noise, use=use)
    except TypeError as error:
        hidden = ("augment", "use")
        raise unfit(f"the view `{data.view.name}`", maker, error, hidden) from None
    return made


def layout_of(config: TrainConfig, index: Index) -> str:
    """Name of the keypoint layout that the model sees; empty where it is not known or none."""
    if config.data.view.name != VIEW:
        return ""
    options, source = config.data.view.options, index.sources[0]
    converted = [step.get("to", "") for step in options.get("transforms", ()) if "to" in step]
    backend = options.get("backend") or next(iter(source.layouts), "")
    known = source.layouts.get(backend, options.get("source_layout"))
    return str([known or "", *filter(None, [options.get("layout")]), *converted][-1])


def still(index: Index, view: View, filters: Filters, *, name: str = VIEW) -> Stream:
    """A stream for evaluations: every clip once, nothing random."""
    samples = SOME
    if name not in SMALL:
        samples = max(1, min(SOME, MOST_PICTURES // int(view.lengths(index).max())))
    batching = Batching(samples=samples, micro_batches=1, shuffle=False)
    return Stream(index, {name: view}, batching, filters=filters)


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


def learned_signers(
    config: TrainConfig, index: Index, *, all_there: bool = True
) -> tuple[str, ...]:
    """Signers whom training sees; empty for all. Clips of nobody may be of those held out.

    Args:
        config: the recipe.
        index: the data.
        all_there: those held out must occur; False where other data are looked at.

    Raises:
        ConfigError: a signer to be held out does not occur, or nobody else does.
    """
    held_out = config.data.held_out
    if not held_out:
        return ()
    found = pc.unique(index.column("signer")).to_pylist()
    known = sorted(signer for signer in found if signer)
    for signer in held_out:
        if all_there and signer not in known:
            hint = near_or_all(signer, known) if known else "the annotations name no signers"
            raise ConfigError(f"`data.held_out`: no signer `{signer}`", hint=hint)
    others = tuple(signer for signer in known if signer not in held_out)
    if not others:
        raise ConfigError(
            "`data.held_out` leaves nobody to learn from", hint="hold out fewer of them"
        )
    return others


def data_facts(index: Index, task: Task, config: TrainConfig) -> dict[str, Any]:
    """What a run keeps about its data and their preprocessing: `build.json`."""
    with torch.device("meta"):
        sizes = [(each.numel(), each.requires_grad) for each in task.build().parameters()]
    return {
        "dataset_hash": index.dataset_hash,
        "labels": list(index.labels),
        "sources": [_source_facts(source) for source in index.sources],
        "splits": split_facts(index, config.data.train, config.data.held_out),
        "held_out": list(config.data.held_out),
        "preprocessing": policy_of(make_view(config, train=False)),
        "fps": _usual_fps(index),
        "parameters": sum(size for size, _ in sizes),
        "frozen": sum(size for size, learns in sizes if not learns),
        "sign_etl": sign_etl.__version__,
        "torch": torch.__version__,
    }


def _usual_fps(index: Index) -> float:
    """Frame rate of most clips, 0 where nothing tells it."""
    told = index.fps[index.fps > 0]
    return float(round(float(np.median(told)), 3)) if len(told) else 0.0


def _source_facts(source: Source) -> dict[str, Any]:
    known: dict[str, Any] = {"name": source.name, "digest": source.digest}
    if source.networks:
        known["features"] = dict(source.networks)
    if (source.root / MANIFEST).is_file():
        manifest = read_manifest(source.root)
        names = ("dataset", "licence", "language", "citation", "homepage")
        sets: dict[str, Any] = {**manifest.poses, **manifest.features}
        networks = {
            name: {"version": made.version, "weights": made.weights} for name, made in sets.items()
        }
        facts = {name: getattr(manifest, name) for name in names}
        seen = {"counts": dict(manifest.counts), "networks": networks}
        return known | facts | seen | {"tree": tree_digest(manifest)}
    return known | dict.fromkeys(("dataset", "licence", "language"), "unknown")

"""A training in memory: how it is opened, goes on where it was, and is saved."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from sign_etl.schema.training import TrainConfig
from sign_etl.stream.cursor import Cursor
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks import devices, initial_weights, provenance, run_folder, setup
from sign_etl.tasks.card import write_card
from sign_etl.tasks.figures import draw_curves
from sign_etl.tasks.optimise import Rate, make_optimizer, moving_average, parameter_groups
from sign_etl.tasks.seen import other_rates

if TYPE_CHECKING:
    from accelerate import Accelerator

CURVES_S = 60.0
"""Seconds between two drawings of the curves; they are drawn at the end in any case."""


@dataclass
class Progress:
    """Where a run stands, besides weights and optimizer; every checkpoint holds it."""

    epoch: int = 0
    step: int = 0  # done in this epoch
    total: int = 0  # done in all
    best: dict[str, Any] = field(default_factory=dict)  # step, epoch and value
    waited: int = 0  # evaluations since then
    sums: dict[str, float] = field(default_factory=dict)  # since the last line of metrics.jsonl
    weight: float = 0.0


@dataclass
class Run:
    """Everything that a training is made of."""

    config: TrainConfig
    folder: Path
    opened: setup.Opened
    accelerator: Accelerator
    model: nn.Module
    optimizer: Any
    average: Any  # torch's AveragedModel, or None
    rate: Rate
    progress: Progress
    metrics: files.MetricsFile | None  # of the first process alone
    metric: str
    mode: str
    say: Callable[[str], None]
    drawn: float = field(default_factory=time.monotonic)  # when the curves were, last


def begin(
    config: TrainConfig,
    data: Sequence[str],
    folder: Path,
    *,
    resume: bool,
    say: Callable[[str], None],
) -> Run:
    """Open everything; with `resume`, put it back where the last checkpoint was taken."""
    accelerator = devices.make_accelerator(config, folder)
    first = accelerator.is_main_process
    say = say if first else lambda _: None
    if config.precision == "fp16" and accelerator.device.type == "cpu":
        say("fp16 wants a GPU: this processor computes in fp32")
    opened = setup.open_training(config, data, folder)
    last = (
        files.find_checkpoint(folder, last=True) if resume and files.checkpoints(folder) else None
    )
    if first:
        facts = dict(opened.facts)
        if last is None:  # a run that goes on needs the weights that it began with no more
            facts["weights"] = provenance.weights_facts(config)
            facts["options"] = provenance.options_facts(config)
        run_folder.claim_run(config, facts, folder, resume=last is not None)
        run_folder.note_environment(folder, provenance.environment_facts(accelerator, config))
    accelerator.wait_for_everyone()

    if odd := other_rates(opened.train.index, opened.facts["fps"]):
        say(odd)
    torch.manual_seed(config.seed)
    plain = opened.task.build()
    if last is None:
        initial_weights.initialise(plain, config.init, say, opened.facts["preprocessing"])
    else:
        plain.load_state_dict(files.read_weights(last, ema=False))
    if config.compile:
        plain.compile()
    sharded = config.parallel == "fsdp"
    moving = config.optimizer.for_steps(config.batch.clips)
    if config.optimizer.base_batch:
        say(f"peak learning rate {moving.lr:.3g} for steps of {config.batch.clips} clips")

    def optimizer_of(model: nn.Module) -> torch.optim.Optimizer:
        groups = parameter_groups(model.named_parameters(), opened.task.depth, moving)
        return make_optimizer(groups, moving)

    model, optimizer = devices.prepared(accelerator, plain, optimizer_of, sharded=sharded)
    average = moving_average(accelerator.unwrap_model(model), config.ema) if config.ema else None
    metric = config.select.metric or opened.task.metric
    mode = config.select.mode or opened.task.mode
    rate, progress = Rate(config.optimizer, mode), Progress()
    if last is not None:
        state = files.read_state(last)
        devices.restore_optimizer(model, optimizer, state["optimizer"], sharded=sharded)
        devices.restore_scaler(accelerator, state.get("scaler", {}))  # older ones have none
        rate.load(state["rate"])
        progress = Progress(**state["progress"])
        opened.train.resume(Cursor.from_json(files.read_json(last / files.CURSOR)))
        if average is not None:
            average.module.load_state_dict(files.read_weights(last))
            average.n_averaged.fill_(state["averaged"])
        if first and progress.best.get("step") == progress.total:
            # Killed between a checkpoint and its mark, the mark is still to be made.
            files.mark_best(folder, last, metric, progress.best["value"])
        say(f"going on after {progress.total} steps, in epoch {progress.epoch + 1}")
    written = files.MetricsFile(folder / "metrics.jsonl", progress.total) if first else None
    return Run(
        config, folder, opened, accelerator, model, optimizer, average, rate, progress, written,
        metric, mode, say,
    )  # fmt: skip


def record(run: Run, kind: str, values: Mapping[str, float]) -> None:
    """Write numbers to `metrics.jsonl` and to the trackers."""
    if run.metrics is not None:
        # Readers of JSON disagree about NaN: what is no number is left out.
        plain = {name: float(value) for name, value in values.items() if isfinite(value)}
        run.metrics.add({"kind": kind, "step": run.progress.total, "metrics": plain})
        named = {f"{kind}/{name}": value for name, value in plain.items()}
        run.accelerator.log(named, step=run.progress.total)


def save(run: Run) -> None:
    """Write a checkpoint; all ranks take part, the first one writes."""
    weights = devices.model_state(run.accelerator, run.model)
    state = {
        "optimizer": devices.optimizer_state(
            run.model, run.optimizer, sharded=run.config.parallel == "fsdp"
        ),
        "scaler": devices.scaler_state(run.accelerator),
        "rate": run.rate.state(),
        "progress": asdict(run.progress),
        "averaged": int(run.average.n_averaged) if run.average else 0,
        "torch_rng": torch.get_rng_state(),
    }
    progress = run.progress
    if run.metrics is not None:
        written = files.write_checkpoint(
            run.folder,
            progress.total,
            weights=weights,
            ema=run.average.module.state_dict() if run.average else None,
            state=state,
            cursor=run.opened.train.cursor(progress.epoch, progress.step).to_json(),
        )
        if progress.best.get("step") == progress.total:
            files.mark_best(run.folder, written, run.metric, progress.best["value"])
        files.clean(run.folder, run.config.checkpoint.keep)
        write_card(run.folder)
        if time.monotonic() - run.drawn > CURVES_S:
            run.drawn = time.monotonic()
            draw_curves(run.metrics.records, run.folder / "curves.png")
    run.accelerator.wait_for_everyone()

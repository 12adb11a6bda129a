"""The one training loop.

    python train.py FILE.yaml --data BUILD --out RUN [--resume] [--set k=v]

    recipe -> index -> plan: a list of steps -> micro-batches -> task: sums -> one optimizer step
    after an epoch: metrics on the selection split -> checkpoint -> is it the best one?

Three rules make a run exact, whatever is killed and on however many processes it goes on:

* All that the loader has to remember is (epoch, step); the plan is a pure function of the seed.
* A step's gradient is that of `sum of losses / sum of weights` over the micro-batches of all ranks.
* What is random in a micro-batch is seeded by (seed, epoch, step, slot) and never carried along.

Several processes: `python -m torch.distributed.run --nproc-per-node N train.py ...`, on several
nodes with `--nnodes` and `--rdzv-endpoint`. Every other launcher that sets torchrun's environment
variables, or the process group itself, may call `train` in each of its processes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from sign_etl.app.stopping import StopRequest, stop_on_signals
from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_problems
from sign_etl.core.errors import SignEtlError, UsageError, VerifyError
from sign_etl.schema.training import TrainConfig
from sign_etl.stream.loader import Loader, Step
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks.card import write_card
from sign_etl.tasks.devices import equal_buffers, without_exchange
from sign_etl.tasks.evaluation import collect, write_results
from sign_etl.tasks.figures import draw_curves
from sign_etl.tasks.optimise import better
from sign_etl.tasks.run_folder import hold_run, mark_finished
from sign_etl.tasks.running import Run, begin, record, save
from sign_etl.tasks.setup import load_recipe

PROGRESS_S = 10.0
"""Seconds between two lines about the loss on stderr."""


def train(
    config: TrainConfig,
    data: Sequence[str],
    folder: Path,
    *,
    resume: bool = False,
    stop: StopRequest | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Train, and leave everything in `folder`.

    Args:
        config: the recipe.
        data: builds to learn from.
        folder: for checkpoints, metrics and the model card.
        resume: go on from the last checkpoint; where there is none, begin.
        stop: set by SIGTERM and Ctrl-C: a checkpoint is saved and the run ends.
        say: told how it goes, on the first process only.

    Raises:
        Stopped: `stop` was set; with `resume` it goes on.
        SignEtlError: recipe and data do not fit, or the loss is no number any more.
    """
    run = begin(config, data, folder, resume=resume, say=say)
    progress, accelerator = run.progress, run.accelerator
    if run.metrics is not None:
        write_card(folder)
    with run.opened.train.loader(
        rank=accelerator.process_index,
        world_size=accelerator.num_processes,
        workers=config.data.workers,
        pin_memory=accelerator.device.type == "cuda",
    ) as loader:
        while progress.epoch < config.epochs and not exhausted(run):
            train_epoch(run, loader, stop)
            progress.epoch, progress.step = progress.epoch + 1, 0
            last = progress.epoch == config.epochs
            if last or progress.epoch % config.select.every_epochs == 0:
                judge(run)
            best = progress.best.get("step") == progress.total
            regular = progress.epoch % config.checkpoint.every_epochs == 0
            if last or best or regular or exhausted(run):
                save(run)
    if not config.epochs and not files.checkpoints(folder):
        judge(run)
        save(run)
    finish(run)


def train_epoch(run: Run, loader: Loader, stop: StopRequest | None) -> None:
    """The steps that are left of an epoch."""
    config, progress = run.config, run.progress
    count = len(run.opened.train.plan(progress.epoch))
    told = time.monotonic()
    for step in loader.epoch(progress.epoch, start=progress.step):
        run.rate.apply(run.optimizer, (progress.epoch + step.number / count) / config.epochs)
        sums, stopping = one_step(run, step, wanted=stop is not None and stop.is_set())
        progress.step, progress.total = step.number + 1, progress.total + 1
        progress.weight += sums.pop("weight")
        progress.sums = {name: progress.sums.get(name, 0.0) + sums[name] for name in sums}
        if progress.total % config.log_steps == 0 and progress.weight:
            means = {name: total / progress.weight for name, total in progress.sums.items()}
            record(run, "train", {**means, "lr": run.optimizer.param_groups[-1]["lr"]})
            progress.sums, progress.weight = {}, 0.0
            if time.monotonic() - told > PROGRESS_S:
                told = time.monotonic()
                run.say(f"epoch {progress.epoch + 1}  {step.number + 1}/{count}  {words(means)}")
        every = config.checkpoint.every_steps
        if stopping or (every and progress.total % every == 0 and progress.step < count):
            save(run)
        if stopping:
            error = (stop or StopRequest()).error("run the same command with --resume")
            raise error


def one_step(run: Run, step: Step, *, wanted: bool) -> tuple[dict[str, float], bool]:
    """One optimizer step: this rank's micro-batches, then what all ranks have to agree on.

    Returns:
        Sums over all ranks, `weight` among them, and whether any rank was asked to stop.
    """
    config, accelerator, model, task = run.config, run.accelerator, run.model, run.opened.task
    model.train()
    batches = task.regroup(model, [batch.to(accelerator.device) for batch in step])
    sums = {"weight": 0.0, "loss": 0.0}
    for number, batch in enumerate(batches):
        torch.manual_seed(seed_of(config.seed, batch.epoch, batch.step, batch.slot))
        # Ranks exchange gradients once, with their last micro-batch.
        last = number == len(batches) - 1
        with contextlib.nullcontext() if last else without_exchange(accelerator, model):
            losses = task.step(model, batch)
            accelerator.backward(losses.loss_sum)
        for name, value in {
            "weight": losses.weight,
            "loss": float(losses.loss_sum.detach()),
            **losses.sums,
        }.items():
            sums[name] = sums.get(name, 0.0) + value
    local = torch.tensor([*sums.values(), float(wanted)], dtype=torch.float64)
    *values, stopping = accelerator.reduce(local.to(accelerator.device), "sum").tolist()
    sums = dict(zip(sums, values, strict=True))
    if not np.isfinite(sums["loss"]):
        raise VerifyError(
            f"the loss is {sums['loss']} at step {step.number} of epoch {run.progress.epoch}",
            hint="lower `optimizer.lr`, or set `precision: fp32`",
        )
    if sums["weight"]:
        # Exchanged gradients are means over ranks of sums; what is wanted is one mean over all.
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad.mul_(accelerator.num_processes / sums["weight"])
        if config.optimizer.clip_norm:
            accelerator.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
        run.optimizer.step()
        if run.average is not None:
            run.average.update_parameters(accelerator.unwrap_model(model))
    run.optimizer.zero_grad(set_to_none=True)
    return sums, stopping > 0


def seed_of(*place: int) -> int:
    """A seed below 2**63 for (seed, epoch, step, slot)."""
    return int(np.random.SeedSequence(place).generate_state(1, np.uint64)[0] >> np.uint64(1))


def judge(run: Run) -> None:
    """Metrics on the selection split: are these weights the best so far?"""
    progress, name = run.progress, run.metric
    equal_buffers(run.model)
    model = run.average.module if run.average else run.accelerator.unwrap_model(run.model)
    found, _ = metrics_of(run, model)
    if name not in found:
        raise UsageError(f"the task gives no metric `{name}`", hint=f"it gives {', '.join(found)}")
    value = found[name]
    record(run, run.config.data.select, found)
    run.rate.judge(value)
    best = progress.best.get("value")
    progress.waited = 0 if best is None or better(value, best, run.mode) else progress.waited + 1
    if progress.waited == 0 or value == best:  # of equal ones the later: its loss is lower
        progress.best = {"step": progress.total, "epoch": progress.epoch, "value": value}
    where = f"epoch {progress.epoch}/{run.config.epochs}"
    run.say(f"{where}  {run.config.data.select}  {name} {value:.4f}")


def metrics_of(run: Run, model: nn.Module) -> tuple[dict[str, float], Any]:
    """The task's metrics on the selection split, and the rows behind them; collective."""
    opened, workers = run.opened, run.config.data.workers
    rows = collect(model, opened.task, opened.select, run.accelerator, workers)
    if not opened.task.gallery:
        return opened.task.metrics(rows), rows
    gallery = collect(model, opened.task, opened.gallery, run.accelerator, workers)
    return opened.task.metrics(rows, gallery), rows


def exhausted(run: Run) -> bool:
    """Whether patience is at its end."""
    return 0 < run.config.select.patience <= run.progress.waited


def words(values: Mapping[str, float]) -> str:
    """Numbers for a line of talk."""
    return "  ".join(f"{name} {value:.4f}" for name, value in values.items())


def finish(run: Run) -> None:
    """Results of the best weights on the selection split, and the model card."""
    best = files.find_checkpoint(run.folder)
    model = run.opened.task.build()
    model.load_state_dict(files.read_weights(best))
    found, rows = metrics_of(run, model.to(run.accelerator.device))
    if run.metrics is not None:
        select = run.config.data.select
        draw_curves(run.metrics.records, run.folder / "curves.png")
        write_results(
            run.folder,
            select,
            run.opened.task,
            found,
            rows,
            checkpoint=best.name,
            dataset_hash=run.opened.facts["dataset_hash"],
            damaged=len(run.opened.select.rows) - len(rows["id"]),
            in_training=True,
        )
        mark_finished(run.folder, epochs=run.progress.epoch, steps=run.progress.total)
        write_card(run.folder)
    run.say(f"best: {best.name}  {words(found)}")
    run.accelerator.end_training()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code (75: stopped early, `--resume` goes on)."""
    parser = argparse.ArgumentParser(prog="train.py", description="Train by a recipe.")
    parser.add_argument("recipe", type=Path, help="a file of training/")
    parser.add_argument("--data", action="append", required=True, help="a build; may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    out, first = Output(), int(os.environ.get("RANK", "0")) == 0
    try:
        config = load_recipe(options.recipe, options.settings)
        with hold_run(options.out, alone=first), stop_on_signals() as stop:
            train(config, options.data, options.out, resume=options.resume, stop=stop, say=out.note)
    except SignEtlError as error:
        if first:
            problems = getattr(error, "problems", None) or (error,)
            tell_problems(out, [(problem.message, problem.hint) for problem in problems])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the best weights of a run say about a split, told once training is over.

    python evaluate.py RUN --data BUILD [--split test|held-out]

Metrics, pictures and tables go to RUN/results/SPLIT/ and into the model card. Classes that
training has not seen are told apart. `held-out` is no split of the build: it is all clips of the
signers in `data.held_out`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import torch

from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_problems
from sign_etl.core.errors import SignEtlError, UsageError, VerifyError
from sign_etl.schema.training import TrainConfig
from sign_etl.stream.base import Filters
from sign_etl.stream.index import Index
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks import setup
from sign_etl.tasks.base import Task
from sign_etl.tasks.card import write_card
from sign_etl.tasks.embedding import exact
from sign_etl.tasks.evaluation import collect, is_evaluated, judged, write_results
from sign_etl.tasks.seen import check_features, check_policy, other_rates
from sign_etl.tasks.spread import write_spread

HELD_OUT = "held-out"
"""Stands for a split: whoever was held out."""


@exact()
def evaluate(
    run: Path,
    data: Sequence[str],
    split: str,
    beside: Sequence[Path] = (),
    *,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, float]:
    """Evaluate the best checkpoint of a run, or the checkpoint `run`, on one split.

    Args:
        run: a run folder, or a checkpoint in it.
        data: builds.
        split: of them.
        beside: runs of the same recipe with other seeds; those without results are evaluated too.
        say: told what is odd about the data.

    Returns:
        The metrics, see `judged`.

    Raises:
        UsageError: no checkpoint, no build, no such split.
        VerifyError: a checkpoint is damaged, or the classes of run and data differ.
    """
    from accelerate import Accelerator

    for other in beside:  # a wrong name is told before anything is computed
        if not is_evaluated(other, split):
            files.find_checkpoint(other)
    best = files.find_checkpoint(run)
    folder = best.parent.parent
    config = setup.load_recipe(best / files.CONFIG)
    facts = files.read_json(best / files.BUILD)
    index = setup.open_data(config, data)
    view, name = setup.make_view(config, train=False), config.data.view.name
    check_policy(view, facts.get("preprocessing", {}), config.name)
    learned, whose = facts.get("sources", ()), f"the run `{config.name}`"
    check_features(view, index, learned, whose)
    if odd := other_rates(index, facts.get("fps", 0.0)):
        say(odd)
    task = setup.open_task(config, index, view)
    model = task.build()
    weights = files.read_weights(best)
    fixed = task.needs == "label" and not task.gallery
    left_out = unseen(config, facts["labels"], index, fixed=fixed)
    model.load_state_dict(weights)
    accelerator = Accelerator(cpu=not torch.accelerator.is_available())
    model.to(accelerator.device)
    asked = setup.still(index, view, asked_for(config, index, split, task), name=name)
    rows = collect(model, task, asked, accelerator, config.data.workers)
    gallery = None
    if task.gallery:
        signers = setup.learned_signers(config, index, all_there=False)
        learned = Filters(
            splits=config.data.train,
            signers=signers,
            filled="label",
            min_frames=config.data.min_frames,
            shots=config.data.shots,
            seed=config.seed,
        )
        known = setup.still(index, view, learned, name=name)
        gallery = collect(model, task, known, accelerator, config.data.workers)
    metrics = judged(task, rows, gallery, left_out)
    write_results(
        folder,
        split,
        task,
        metrics,
        rows,
        left_out,
        checkpoint=best.name,
        dataset_hash=index.dataset_hash,
        damaged=len(asked.rows) - len(rows["id"]),
    )
    write_card(folder)
    for other in beside:
        if not is_evaluated(other, split):
            evaluate(other, data, split)
    if beside:
        write_spread(folder, beside, split)
        write_card(folder)
    return metrics


def asked_for(config: TrainConfig, index: Index, split: str, task: Task) -> Filters:
    """Which clips an evaluation asks for.

    Raises:
        UsageError: nobody was held out.
    """
    kept = Filters(filled=task.needs, min_frames=config.data.min_frames)
    if split != HELD_OUT:
        there = split in pc.unique(index.column("split")).to_pylist()
        if config.data.held_out and not there:
            raise UsageError(
                f"the data has no split `{split}`",
                hint=f"--split {HELD_OUT} asks for {', '.join(config.data.held_out)}",
            )
        return replace(kept, splits=(split,))
    if not config.data.held_out:
        raise UsageError(
            f"the run `{config.name}` held no signer out",
            hint="train with `--set data.held_out=SIGNER`, or take a split of the build",
        )
    return replace(kept, signers=config.data.held_out)


def unseen(config: TrainConfig, labels: Sequence[str], index: Index, *, fixed: bool) -> set[int]:
    """Class numbers of the data that training has not seen.

    Args:
        config: of the run.
        labels: classes of its data.
        index: the data now.
        fixed: the model has one output for each class, so these must be the same.

    Raises:
        VerifyError: they are not.
    """
    if fixed and list(index.labels) != list(labels):
        raise VerifyError(
            f"the run knows {len(labels)} classes, and the build has others",
            hint="evaluate on a build with the same labels, in the same order",
        )
    known = set(labels) - set(config.data.left_out)
    if not known & set(index.labels):
        return set()  # all of it is new, so there is nothing to tell apart
    return {number for number, label in enumerate(index.labels) if label not in known}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(prog="evaluate.py", description="Evaluate a run.")
    parser.add_argument("run", type=Path, help="a run folder, or a checkpoint in it")
    parser.add_argument("--data", action="append", required=True, help="a build; may be repeated")
    parser.add_argument("--split", default="test")
    parser.add_argument("--beside", type=Path, action="append", default=[], metavar="RUN")
    options = parser.parse_args(arguments)
    out = Output()
    try:
        evaluate(options.run, options.data, options.split, options.beside, say=out.note)
    except SignEtlError as error:
        problems = getattr(error, "problems", None) or (error,)
        tell_problems(out, [(problem.message, problem.hint) for problem in problems])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

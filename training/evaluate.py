"""What the best weights of a run say about a split, told once training is over.

    python evaluate.py RUN --data BUILD [--split test]

Metrics, pictures and tables go to RUN/results/SPLIT/ and into the model card. Classes that
training has not seen are told apart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_problems
from sign_etl.core.errors import SignEtlError, VerifyError
from sign_etl.schema.training import TrainConfig
from sign_etl.stream.base import Filters
from sign_etl.stream.index import Index
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks import setup
from sign_etl.tasks.card import write_card
from sign_etl.tasks.evaluation import collect, judged, write_results
from sign_etl.tasks.seen import check_policy
from sign_etl.tasks.spread import write_spread


def evaluate(
    run: Path, data: Sequence[str], split: str, beside: Sequence[Path] = ()
) -> dict[str, float]:
    """Evaluate the best checkpoint of a run, or the checkpoint `run`, on one split.

    Args:
        run: a run folder, or a checkpoint in it.
        data: builds.
        split: of them.
        beside: runs of the same recipe with other seeds, evaluated on the split before.

    Returns:
        The metrics, see `judged`.

    Raises:
        UsageError: no checkpoint, no build, no such split.
        VerifyError: a checkpoint is damaged, or the classes of run and data differ.
    """
    from accelerate import Accelerator

    best = files.find_checkpoint(run)
    folder = best.parent.parent
    config = setup.load_recipe(best / files.CONFIG)
    facts = files.read_json(best / files.BUILD)
    index = setup.open_data(config, data)
    view, name = setup.make_view(config, train=False), config.data.view.name
    check_policy(view, facts.get("preprocessing", {}), config.name)
    task = setup.open_task(config, index, view)
    model = task.build()
    weights = files.read_weights(best)
    left_out = unseen(config, facts["labels"], index, fixed=not task.gallery)
    model.load_state_dict(weights)
    accelerator = Accelerator(cpu=not torch.accelerator.is_available())
    model.to(accelerator.device)
    kept = Filters(splits=(split,), labelled=bool(index.labels), min_frames=config.data.min_frames)
    asked = setup.still(index, view, kept, name=name)
    rows = collect(model, task, asked, accelerator)
    gallery = None
    if task.gallery:
        learned = Filters(splits=config.data.train, labelled=True)
        gallery = collect(model, task, setup.still(index, view, learned, name=name), accelerator)
    metrics = judged(task, rows, gallery, left_out)
    write_results(
        folder,
        split,
        task,
        metrics,
        rows,
        checkpoint=best.name,
        dataset_hash=index.dataset_hash,
        damaged=len(asked.rows) - len(rows["id"]),
    )
    if beside:
        write_spread(folder, beside, split)
    write_card(folder)
    return metrics


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
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        evaluate(options.run, options.data, options.split, options.beside)
    except SignEtlError as error:
        problems = getattr(error, "problems", None) or (error,)
        tell_problems(out, [(problem.message, problem.hint) for problem in problems])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

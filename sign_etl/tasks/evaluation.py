"""What a model says about every clip of a split, gathered from all ranks, and its results."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sign_etl.core.files import write_json
from sign_etl.stream.loader import Stream
from sign_etl.tasks.base import Rows, Task
from sign_etl.tasks.checkpoint import read_json
from sign_etl.tasks.intervals import Interval, of_shares

if TYPE_CHECKING:
    from accelerate import Accelerator

RESULTS = "results"
SPREAD = "spread.json"
"""Beside the metrics of a split: what other seeds of the recipe have."""
IN_TRAINING = "in_training"
"""True in results that a training has written of its selection split: it looks at one clip of each
video, and at no class that was left out, where an evaluation looks at all."""


@torch.no_grad()
def collect(
    model: nn.Module, task: Task, stream: Stream, accelerator: Accelerator, workers: int = 0
) -> Rows:
    """The rows of every clip of `stream`, each once, in the order of the index; on all ranks.

    Args:
        model: is set to evaluation while this runs.
        task: knows what to keep.
        stream: without augmentation.
        accelerator: of the run.
        workers: processes that read and decode; 0 does it in this one.
    """
    from accelerate.utils import gather_object

    was_training = model.training
    model.eval()
    parts: list[Rows] = []
    with stream.loader(
        rank=accelerator.process_index, world_size=accelerator.num_processes, workers=workers
    ) as loader:
        for step in loader.epoch(0):
            for batch in step:
                real = (batch.ids >= 0).numpy()
                found = task.predict(model, batch.to(accelerator.device))
                rows: Rows = {name: value.cpu().numpy()[real] for name, value in found.items()}
                rows["id"] = batch.ids.numpy()[real]
                parts.append(rows)
    model.train(was_training)
    if accelerator.num_processes > 1:
        parts = gather_object(parts)
    return as_rows(parts)


def as_rows(parts: Sequence[Mapping[str, NDArray[Any]]]) -> Rows:
    """One set of rows out of several, sorted by `id` and each once."""
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    _, first = np.unique(joined["id"], return_index=True)
    return {name: column[first] for name, column in joined.items()}


def with_labels(rows: Rows, ids: set[int]) -> Rows:
    """The rows whose class is one of `ids`."""
    keep = np.isin(rows["label_id"], sorted(ids))
    return {name: column[keep] for name, column in rows.items()}


def judged(task: Task, rows: Rows, gallery: Rows | None, left_out: set[int]) -> dict[str, float]:
    """Metrics of a split, with classes that training has not seen told apart.

    Args:
        task: computes them.
        rows: of the split.
        gallery: of the training split with all its classes, where the task wants one.
        left_out: classes that training has not seen.

    Returns:
        The task's metrics over the classes that were learned; with `unseen/` those of the classes
        that were left out, among themselves; with `unseen_in_all/` the same with a gallery of all
        classes, which is harder.
    """
    if not left_out or "label_id" not in rows:  # who learns without classes has none to tell apart
        return task.metrics(rows, gallery)
    seen = {int(label) for label in np.unique(rows["label_id"])} - left_out
    found: dict[str, float] = {}
    for prefix, mine in (("", seen), ("unseen/", left_out)):
        part = with_labels(rows, mine)
        if len(part["id"]):
            others = None if gallery is None else with_labels(gallery, mine)
            found |= {prefix + name: value for name, value in task.metrics(part, others).items()}
    unseen = with_labels(rows, left_out)
    if gallery is not None and len(unseen["id"]):
        everything = task.metrics(unseen, gallery)
        found |= {f"unseen_in_all/{name}": value for name, value in everything.items()}
    return found


def intervals(
    task: Task, rows: Rows, metrics: Mapping[str, float], left_out: Collection[int] = ()
) -> dict[str, Interval]:
    """Where 95 % of such splits would have the metrics, for those of which that is known.

    Args:
        task: may have a method `intervals`, from rows to intervals by metric.
        rows: of the split.
        metrics: what `judged` gave.
        left_out: classes that training has not seen.
    """
    mine, unseen = rows, 0
    if left_out and "label_id" in rows:
        among = np.isin(rows["label_id"], sorted(left_out))
        mine, unseen = {name: column[~among] for name, column in rows.items()}, int(among.sum())
    found = of_shares(metrics, len(mine["id"]), unseen)
    more = getattr(task, "intervals", None)
    if more is not None and len(mine["id"]):
        found |= {name: limits for name, limits in more(mine).items() if name in metrics}
    return dict(sorted(found.items()))


def is_evaluated(run: Path, split: str) -> bool:
    """Whether an evaluation has written results on a split; those of the training do not count."""
    path = run / RESULTS / split / "metrics.json"
    return path.is_file() and not read_json(path).get(IN_TRAINING, False)


def write_results(
    run: Path,
    split: str,
    task: Task,
    metrics: Mapping[str, float],
    rows: Rows,
    left_out: Collection[int] = (),
    **facts: Any,
) -> Path:
    """Write an evaluation to `RUN/results/SPLIT/`; returns the folder.

    Args:
        run: the run folder.
        split: what was evaluated.
        task: draws its pictures.
        metrics: its numbers.
        rows: of the split.
        left_out: classes that training has not seen.
        **facts: what else belongs to it, such as the digest of the data; `in_training`, see above.
    """
    folder = run / RESULTS / split
    folder.mkdir(parents=True, exist_ok=True)
    # What was compared with other seeds were other results.
    (folder / SPREAD).unlink(missing_ok=True)
    task.draw(rows, folder)
    values = {name: float(value) for name, value in metrics.items() if isfinite(value)}
    write_json(
        folder / "metrics.json",
        {
            "split": split,
            "clips": len(rows["id"]),
            "metrics": values,
            "intervals": intervals(task, rows, values, left_out),
            **facts,
        },
    )
    return folder

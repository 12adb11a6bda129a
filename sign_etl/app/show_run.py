"""`show RUN`: the curves of a training, whether it is over or at work."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sign_etl.core.errors import MissingExtraError, UsageError

METRICS = "metrics.jsonl"


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a training run."""
    return (folder / METRICS).is_file()


def show_run(run: Path, out: Path) -> Path:
    """Draw the numbers of a run over its steps, one field a metric.

    Args:
        run: its folder.
        out: the PNG; in a folder, it is named after the run.

    Returns:
        Path of the written picture.

    Raises:
        UsageError: nothing was measured yet, or something else than a picture is asked for.
        MissingExtraError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing curves", "train")
    from sign_etl.tasks.figures import draw_curves

    target = out / f"{run.absolute().name}.png" if out.is_dir() else out
    if target.suffix.lower() != ".png":
        raise UsageError(
            f"a run is shown as PNG, not as {target.suffix or 'that'}", hint="--out curves.png"
        )
    records = list(_records(run / METRICS))
    if not records:
        raise UsageError(f"{run} has measured nothing yet", hint="wait for its first lines")
    draw_curves(records, target)
    return target


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().split(b"\n"):
        try:
            record = json.loads(line)
            if isinstance(record["metrics"], dict) and isinstance(record["step"], int):
                yield {"kind": str(record.get("kind")), **record}
        except (ValueError, TypeError, KeyError):
            continue  # being written just now

"""Pictures of a run: curves and confusion matrices, drawn without a display."""

from __future__ import annotations

import csv
import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from sign_etl.core.files import atomic_open, write_bytes

MOST_NAMES = 60
"""Classes up to which a confusion matrix is labelled."""


def _figure(width: float, height: float) -> Any:
    # The object interface: pyplot would keep global state and look for a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    with atomic_open(path, durable=False) as file, warnings.catch_warnings():
        # Labels are written in every script, matplotlib's own font is not.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(file, format="png", dpi=110)


def draw_curves(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw what `metrics.jsonl` tells over the steps.

    Args:
        records: its lines; `kind` is `train` or the name of a split.
        path: the picture.
    """
    if not records:
        return
    names = sorted({name for record in records for name in record["metrics"]})
    names.sort(key=lambda name: (name != "loss", name))
    columns = min(3, max(1, len(names)))
    rows = -(-len(names) // columns) or 1
    figure = _figure(4.2 * columns, 2.9 * rows)
    kinds = sorted({str(record["kind"]) for record in records}, key=lambda k: (k != "train", k))
    for number, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, number + 1)
        for kind in kinds:
            drawn = [r for r in records if r["kind"] == kind and name in r["metrics"]]
            if drawn:
                axes.plot(
                    [r["step"] for r in drawn],
                    [r["metrics"][name] for r in drawn],
                    label=kind,
                    linewidth=1.2,
                    marker="." if kind != "train" else None,
                )
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    _save(figure, path)


def draw_confusion(counts: NDArray[Any], labels: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix, each row as shares of the true class.

    Args:
        counts: (C, C), true class by predicted class.
        labels: C names.
        path: the picture.
    """
    shares = counts / counts.sum(axis=1, keepdims=True).clip(min=1)
    side = min(14.0, max(4.0, 0.28 * len(labels) + 2.0))
    figure = _figure(side, side)
    axes = figure.add_subplot()
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(labels) <= MOST_NAMES:
        # A label may hold the marks of mathematical text.
        names = [label.replace("$", r"\$") for label in labels]
        axes.set_xticks(range(len(labels)), names, rotation=90, fontsize=7)
        axes.set_yticks(range(len(labels)), names, fontsize=7)
    _save(figure, path)


def write_confusion(counts: NDArray[Any], labels: Sequence[str], path: Path) -> None:
    """Write all pairs that occur as CSV: true, predicted, clips; mistakes first, then by number."""
    pairs = [
        (str(labels[true]), str(labels[found]), int(counts[true, found]))
        for true, found in zip(*counts.nonzero(), strict=True)
    ]
    pairs.sort(key=lambda pair: (pair[0] == pair[1], -pair[2], pair))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("true", "predicted", "clips"))
    writer.writerows(pairs)
    write_bytes(path, text.getvalue().encode("utf-8"))

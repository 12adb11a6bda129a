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
    from matplotlib.ticker import MaxNLocator

    names = sorted({name for record in records for name in record["metrics"]})
    names.sort(key=lambda name: (name != "loss", name))
    columns = min(3, max(1, len(names)))
    rows = -(-len(names) // columns) or 1
    figure = _figure(4.2 * columns, 2.9 * rows)
    kinds = sorted({str(record["kind"]) for record in records}, key=lambda k: (k != "train", k))
    for number, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, number + 1)
        for colour, kind in enumerate(kinds):
            drawn = [r for r in records if r["kind"] == kind and name in r["metrics"]]
            if drawn:
                axes.plot(
                    [r["step"] for r in drawn],
                    [r["metrics"][name] for r in drawn],
                    label=kind,
                    linewidth=1.2,
                    color=f"C{colour}",
                    # A line through one point cannot be seen.
                    marker="." if kind != "train" or len(drawn) == 1 else None,
                )
        # Steps are whole, also where there is one alone and the axis would be a tenth of it.
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        there = {r["step"] for r in records if name in r["metrics"]}
        if len(there) == 1:
            axes.set_xlim(min(there) - 1, min(there) + 1)
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    _save(figure, path)


def draw_means(rows: Sequence[Mapping[str, Any]], over: str, said: str, path: Path) -> None:
    """Draw means of several runs, with their standard deviation, in per cent.

    Args:
        rows: with `metric`, `mean`, `standard deviation` (None of one run) and a number; in the
            order in which they are to stand, where 0 is all there is.
        over: name of that number.
        said: what it is, for the axis.
        path: the picture.
    """
    figure = _figure(5.2, 3.6)
    axes = figure.add_subplot()
    places = list(dict.fromkeys(row[over] for row in rows))
    for name in dict.fromkeys(row["metric"] for row in rows):
        mine = [row for row in rows if row["metric"] == name]
        axes.errorbar(
            [places.index(row[over]) for row in mine],
            [100 * row["mean"] for row in mine],
            [100 * (row["standard deviation"] or 0.0) for row in mine],
            marker="o",
            capsize=3,
            label=name,
        )
    axes.set_xticks(range(len(places)), [str(place or "all") for place in places])
    axes.set_xlabel(said)
    axes.set_ylabel("%")
    axes.legend()
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

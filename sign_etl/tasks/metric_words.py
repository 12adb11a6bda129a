"""What the metrics of the tasks count, in which unit, and what hubs call them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class MetricWords:
    """What people and hubs call a metric.

    Attributes:
        unit: of its values: `share` of 0 to 1, `points` of 0 to 100, `%` or another.
        meaning: what it counts.
        hub: name of the metric on a hub, empty where it knows none.
        up: whether more is better; None where neither is.
    """

    unit: str
    meaning: str
    hub: str = ""
    up: bool | None = True


_PLAIN: Final = MetricWords("", "")
_WORDS: Final = {
    "top1": MetricWords("share", "clips whose first class is right", "accuracy"),
    "top5": MetricWords("share", "clips with the right class among the first five", "accuracy"),
    "top1_class": MetricWords("share", "mean over the classes of their top 1", "accuracy"),
    "top5_class": MetricWords("share", "mean over the classes of their top 5", "accuracy"),
    "exact": MetricWords("share", "texts that are right to the letter", "exact_match"),
    "loss": MetricWords("nats", "mean cross entropy of a clip", up=False),
    "bleu1": MetricWords("points", "BLEU of single units", "bleu"),
    "bleu2": MetricWords("points", "BLEU of up to 2 units", "bleu"),
    "bleu3": MetricWords("points", "BLEU of up to 3 units", "bleu"),
    "bleu4": MetricWords("points", "BLEU of up to 4 units", "bleu"),
    "chrf": MetricWords("points", "F score of character n-grams", "chrf"),
    "rouge_l": MetricWords("points", "F1 of the longest common subsequence", "rouge"),
    "rouge_l_published": MetricWords("points", "ROUGE-L as Uni-Sign counts it", "rouge"),
    "wer": MetricWords("%", "errors per 100 units of the references", "wer", up=False),
    "wer_published": MetricWords("%", "the same as Uni-Sign counts it", "wer", up=False),
    "boundary_error": MetricWords("windows", "error of begin and end of a sign", up=False),
    "boundary_iou": MetricWords("share", "overlap of the drawn and the true span"),
    "silhouette": MetricWords("-1 to 1", "how far classes lie apart in the embedding"),
    "error": MetricWords("variances", "squared error of a hidden patch", up=False),
    "rmse": MetricWords("boxes", "error of a hidden point, in sizes of the box", up=False),
    "rmse_straight": MetricWords("boxes", "the same of straight lines", up=False),
}
_NEAR: Final = re.compile(r"(knn|centroid|top)(\d+)(?:_classes)?")
_OF: Final = {
    "knn": "clips named right by their {} nearest neighbours",
    "centroid": "clips with the right class among the {} nearest centres of classes",
    "top": "clips with the right class among the first {}",
}
_PREFIXES: Final = {
    "unseen": "among classes that training has not seen",
    "unseen_in_all": "of classes that training has not seen, among all classes",
}


def words_of(name: str) -> MetricWords:
    """What is known about a metric; an empty unit and meaning for one of another package.

    Args:
        name: such as `top1` or `unseen/knn5`.
    """
    prefix, _, bare = name.rpartition("/")
    known = _WORDS.get(bare, _PLAIN)
    found = _NEAR.fullmatch(bare)
    if found and bare not in _WORDS:
        known = MetricWords("share", _OF[found[1]].format(found[2]))
    if prefix not in _PREFIXES:
        return known
    meaning = f"{known.meaning}, {_PREFIXES[prefix]}" if known.meaning else _PREFIXES[prefix]
    return MetricWords(known.unit, meaning, known.hub, known.up)


def between(limits: Sequence[float], unit: str) -> str:
    """Two values with their unit: `67.6 to 100.0 %`."""
    return f"{shown(limits[0], unit).partition(' ')[0]} to {shown(limits[1], unit)}"


def shown(value: float, unit: str) -> str:
    """A value with its unit, shares as per cent: `87.5 %`, `25.27 points`, `0.3200 nats`."""
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit in ("points", "%"):
        return f"{value:.2f} {unit}"
    return f"{value:.4f} {unit}" if unit not in ("", "-1 to 1") else f"{value:.4f}"

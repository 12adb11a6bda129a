"""How far a figure of an evaluation may be off because the split has only so many clips.

All intervals cover 95 %. They take clips as drawn one by one: where a few signers made all of them,
the figure on other signers is less sure than they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.tasks.text_metrics import Unit, normal

Interval = tuple[float, float]

Z: Final = 1.959963984540054
"""Of the normal distribution, for 95 %."""
RESAMPLES: Final = 1000
_SHARES: Final = ("top1", "top5", "exact")
"""Metrics that are shares of the clips, as are those that begin with `knn`."""
_UNSEEN: Final = ("unseen/", "unseen_in_all/")


def wilson(share: float, count: float) -> Interval:
    """The interval of a share of `count` trials: Wilson, JASA 22:209-212, 1927.

    Unlike the textbook's it stays between 0 and 1, and does not vanish at either end.
    """
    square = Z * Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = sqrt(share * (1 - share) / count + square / (4 * count * count)) / (1 + square / count)
    half *= Z
    return max(0.0, middle - half), min(1.0, middle + half)


def of_shares(metrics: Mapping[str, float], clips: int, unseen: int = 0) -> dict[str, Interval]:
    """Wilson's intervals of those metrics that are shares of clips.

    Args:
        metrics: of a split.
        clips: that they are of.
        unseen: clips of the metrics that begin with `unseen`.
    """
    found = {}
    for name, value in metrics.items():
        is_unseen = name.startswith(_UNSEEN)
        bare = name.rpartition("/")[2]
        count = unseen if is_unseen else clips
        if count and (bare in _SHARES or bare.startswith("knn")) and 0 <= value <= 1:
            found[name] = wilson(value, count)
    return found


def of_class_mean(hits: NDArray[np.bool_], labels: NDArray[np.int64]) -> Interval:
    """The interval of a mean over classes of their shares of hits.

    A clip of a class with many clips weighs less than one of a class with few. Wilson's interval is
    taken for as many clips of equal weight as vary as much (Kish, Survey Sampling, 1965): C ** 2
    over the sum of 1 / n over C classes of n clips. Where classes differ in how hard they are it is
    a little too wide. A bootstrap would be too narrow: with a clip or two of a class it hardly
    finds others.

    Args:
        hits: (N,) whether a clip is right.
        labels: (N,) its class.
    """
    _, classes, clips = np.unique(labels, return_inverse=True, return_counts=True)
    share = float((np.bincount(classes, weights=hits) / clips).mean())
    return wilson(share, len(clips) ** 2 / float((1 / clips).sum()))


def of_texts(
    predictions: Sequence[str], references: Sequence[str], *, unit: Unit
) -> dict[str, Interval]:
    """The intervals of BLEU-4, by sacrebleu's bootstrap (Koehn, EMNLP 2004), and of shares.

    Args:
        predictions: of a system.
        references: as many.
        unit: what counts as one.
    """
    from sacrebleu.metrics.bleu import BLEU

    said, meant = ([normal(text, unit) for text in texts] for texts in (predictions, references))
    bleu = BLEU(tokenize="13a" if unit == "word" else "char")
    found: Any = bleu.corpus_score(said, [meant], n_bootstrap=RESAMPLES)
    low, high = found._mean - found._ci, found._mean + found._ci
    classes = np.unique(np.array(meant), return_inverse=True)[1]
    hits = np.array([one == other for one, other in zip(said, meant, strict=True)])
    # Where no text shares four units with its reference, the bootstrap finds nothing but 0 either.
    score = {"bleu4": (max(0.0, low), min(100.0, high))} if high > low else {}
    share = wilson(float(hits.mean()), len(hits))
    return score | {"exact": share, "top1": share, "top1_class": of_class_mean(hits, classes)}

"""Intervals: against their definition, and against coin tosses."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest

from sign_etl.tasks.intervals import Z, of_class_mean, of_shares, of_texts, wilson
from sign_etl.tasks.text_metrics import score_texts


@pytest.mark.parametrize(("share", "count"), [(0.5, 56), (0.1, 40), (0.93, 2878), (1.0, 8)])
def test_an_end_is_the_share_that_would_just_be_refused(share: float, count: int) -> None:
    """Wilson's interval is all p from which `share` lies at most Z deviations of p away."""
    for end in wilson(share, count):
        if end not in (0.0, 1.0):
            assert abs(share - end) == pytest.approx(Z * sqrt(end * (1 - end) / count))


def test_known_ends() -> None:
    assert wilson(0.5, 56) == pytest.approx((0.3733, 0.6267), abs=1e-4)
    assert wilson(1.0, 8) == pytest.approx((0.6756, 1.0), abs=1e-4)
    assert wilson(0.0, 8) == pytest.approx((0.0, 0.3244), abs=1e-4)


def test_only_shares_of_clips_have_one_and_unseen_ones_count_their_own_clips() -> None:
    metrics = {"top1": 0.5, "loss": 0.5, "bleu4": 0.5, "unseen/knn1": 0.5, "top1_class": 0.5}
    found = of_shares(metrics, 56, unseen=8)
    assert found == {"top1": wilson(0.5, 56), "unseen/knn1": wilson(0.5, 8)}


def test_a_mean_over_classes_is_less_sure_where_some_have_few_clips() -> None:
    hits = np.tile(np.arange(10) < 7, 40)
    assert of_class_mean(hits, np.repeat(np.arange(40), 10)) == pytest.approx(wilson(0.7, 400))
    assert of_class_mean(np.arange(50) < 35, np.arange(50)) == pytest.approx(wilson(0.7, 50))
    # 90 clips of one class and 10 of the other: as good as 4 / (1 / 90 + 1 / 10) = 36.
    few = np.arange(100) < 90
    assert of_class_mean(few, (~few).astype(int)) == pytest.approx(wilson(0.5, 36))


def test_nineteen_of_twenty_splits_lie_within_it() -> None:
    """Classes of 1 to 6 clips that are right at a chance of their own, drawn over and over."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(60), random.integers(1, 7, 60))
    chance = random.uniform(0.4, 0.9, 60)
    within = 0
    for _ in range(400):
        low, high = of_class_mean(random.random(len(labels)) < chance[labels], labels)
        within += low <= chance.mean() <= high
    assert 0.94 <= within / 400 <= 1.0


def test_texts_have_one_around_their_score() -> None:
    meant = [f"the number {n} comes after the number {n - 1} here" for n in range(40)]
    said = [text if n % 2 else text.replace("comes", "is") for n, text in enumerate(meant)]
    found = of_texts(said, meant, unit="word")
    low, high = found["bleu4"]
    assert low < score_texts(said, meant).values["bleu4"] < high
    assert found["top1_class"] == pytest.approx(wilson(0.5, 40), abs=0.03)
    assert found["exact"] == found["top1"] == wilson(0.5, 40)
    assert of_texts(said, meant, unit="word") == found

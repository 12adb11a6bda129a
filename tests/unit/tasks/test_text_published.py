"""Scores as Uni-Sign publishes them: against all alignments, and against the package `rouge`."""

from __future__ import annotations

import random
from functools import cache

import pytest

pytest.importorskip("sacrebleu")
pytest.importorskip("rouge_score")
pytest.importorskip("jiwer")

from sign_etl.tasks.text_metrics import score_texts
from sign_etl.tasks.text_published import aligned_errors, rouge_by_package


def edits(reference: str, prediction: str) -> set[tuple[int, int]]:
    """Cost and number of edits of all alignments of two texts of letters."""

    @cache
    def of(row: int, column: int) -> frozenset[tuple[int, int]]:
        if not row and not column:
            return frozenset({(0, 0)})
        found = set()
        if row and column:
            same = reference[row - 1] == prediction[column - 1]
            found |= {(c + 4 * (not same), n + (not same)) for c, n in of(row - 1, column - 1)}
        if row:
            found |= {(c + 3, n + 1) for c, n in of(row - 1, column)}
        if column:
            found |= {(c + 3, n + 1) for c, n in of(row, column - 1)}
        return frozenset(found)

    return set(of(len(reference), len(prediction)))


def test_errors_are_those_of_a_cheapest_alignment() -> None:
    draw = random.Random(0)
    for _ in range(300):
        texts = ["".join(draw.choices("abc", k=draw.randrange(8))) for _ in range(2)]
        every = edits(*texts)
        cheapest = {count for cost, count in every if cost == min(every)[0]}
        assert aligned_errors(*texts) in cheapest, texts


def test_more_errors_than_the_fewest() -> None:
    """Seven replacements cost 28; to delete and insert three words each side of `b c d e` costs 18.

    So six edits are counted where they cost less, and as many where a dearer seven would do.
    """
    assert aligned_errors("abcde", "fghij") == 5
    assert aligned_errors("xyzbcde", "bcdexyz") == 6
    # Five replacements (20) and b, c kept by three deletions and three insertions (18).
    assert aligned_errors("axcyb", "cybzw") == 4
    said, meant = "b c v w x", "x y z b c"
    assert min(count for _, count in edits("xyzbc", "bcvwx")) == 5
    assert aligned_errors(meant.split(), said.split()) == 6
    found = score_texts([said], [meant]).values
    assert found["wer"] == pytest.approx(100)
    assert found["wer_published"] == pytest.approx(120)


def test_a_corpus_counts_all_its_words() -> None:
    found = score_texts(["a b", "", "x"], ["a c", "d e f", "x"]).values
    assert found["wer_published"] == pytest.approx(100 * (1 + 3) / 6)


CASES = (
    ("the cat sat on the mat", "the cat lay on a mat"),
    ("a a a b", "a b b"),
    ("one two. three four", "one three. two four"),
    ("il treno parte alle otto", "il treno parte alle nove di sera"),
    ("x", "y"),
    ("now . then", "then . now"),
    ("1 . 5 per cent", "1 . 6 per cent"),
    ("b a c d", "a b d c"),
)
"""Reference, prediction."""
VALUES = (
    0.7272727223140496,
    0.999999995,
    0.999999995,
    0.6666666618055556,
    0.0,
    0.999999995,
    0.749999995,
    0.4999999950000001,
)
"""What the package `rouge`, version 1.0.1, gives for them."""


@pytest.mark.parametrize(("pair", "value"), list(zip(CASES, VALUES, strict=True)))
def test_rouge_is_that_of_the_package(pair: tuple[str, str], value: float) -> None:
    assert rouge_by_package(*pair) == pytest.approx(value, abs=1e-9)


def test_an_empty_prediction_has_nothing_in_common() -> None:
    assert rouge_by_package("a b", "") == 0
    assert rouge_by_package("a b", ".") == 0
    found = score_texts(["", "a b"], ["c d", "a b"]).values
    assert found["rouge_l_published"] == pytest.approx(50)


def test_characters_are_words_where_they_count() -> None:
    """今天天气 has three different ones; two of them are in 今天好, which has three."""
    found = score_texts(["今天好"], ["今天天气"], unit="character").values
    assert found["rouge_l_published"] == pytest.approx(100 * 2 / 3)
    assert found["rouge_l"] == pytest.approx(100 * 2 * (2 / 4) * (2 / 3) / (2 / 4 + 2 / 3))

"""Scores of texts against cases computed by hand."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("sacrebleu")
pytest.importorskip("rouge_score")
pytest.importorskip("jiwer")

from sign_etl.tasks.text_metrics import class_accuracy, score_texts


def test_words_by_hand() -> None:
    """`il treno parte alle otto` against `il treno parte alle nove di sera`.

    n-grams of the prediction that the reference has: 4 of 5, 3 of 4, 2 of 3, 1 of 2. It is shorter:
    brevity penalty exp(1 - 7/5). Longest common subsequence 4. Edits: one substitution, two
    deletions.
    """
    found = score_texts(["il treno parte alle otto"], ["il treno parte alle nove di sera"])
    penalty = math.exp(1 - 7 / 5)
    precisions = (4 / 5, 3 / 4, 2 / 3, 1 / 2)
    for order in (1, 2, 3, 4):
        mean = math.prod(precisions[:order]) ** (1 / order)
        assert found.values[f"bleu{order}"] == pytest.approx(100 * penalty * mean)
    recall, precision = 4 / 7, 4 / 5
    assert found.values["rouge_l"] == pytest.approx(
        100 * 2 * recall * precision / (recall + precision)
    )
    assert found.values["wer"] == pytest.approx(100 * 3 / 7)
    assert found.values["exact"] == 0
    assert "tok:13a" in found.signature
    assert "nrefs:1" in found.signature


def test_italian_keeps_its_accents() -> None:
    """The tokenizer that ROUGE usually comes with would drop `è` and find nothing in common."""
    found = score_texts(["è così"], ["è così"])
    assert found.values["rouge_l"] == pytest.approx(100)
    assert found.values["wer"] == 0
    assert score_texts(["così"], ["cosi"]).values["rouge_l"] == 0


def test_chinese_counts_characters() -> None:
    """`今天天气很好` against `今天 天气 不好`: five of six characters, in words none at all.

    Characters of the prediction that the reference has: 5 of 6 alone, 3 of 5 in pairs (今天, 天天,
    天气); both are six long. One substitution.
    """
    found = score_texts(["今天天气很好"], ["今天 天气 不好"], unit="character")
    assert found.values["bleu1"] == pytest.approx(100 * 5 / 6)
    assert found.values["bleu2"] == pytest.approx(100 * math.sqrt(5 / 6 * 3 / 5))
    assert found.values["rouge_l"] == pytest.approx(100 * 5 / 6)
    assert found.values["wer"] == pytest.approx(100 / 6)
    assert "tok:char" in found.signature
    full_width = score_texts(["你好，世界？"], ["你好,世界?"], unit="character")
    assert full_width.values["exact"] == 1


def test_a_corpus_is_more_than_the_mean_of_its_sentences() -> None:
    said = ["a b c d", "x"]
    meant = ["a b c d", "y z"]
    found = score_texts(said, meant)
    # Unigrams: 4 of 5; five words for six.
    assert found.values["bleu1"] == pytest.approx(100 * math.exp(1 - 6 / 5) * 4 / 5)
    assert found.values["wer"] == pytest.approx(100 * 2 / 6)
    assert found.values["exact"] == 0.5


def test_an_empty_prediction_counts_as_wrong() -> None:
    found = score_texts(["", "a b"], ["c d", "a b"])
    assert found.values["wer"] == pytest.approx(50)
    assert found.values["exact"] == 0.5


@pytest.mark.parametrize(
    ("said", "meant"),
    [([], []), (["a"], ["a", "b"]), (["a"], [" "])],
    ids=["none", "more", "blank"],
)
def test_what_cannot_be_scored(said: list[str], meant: list[str]) -> None:
    with pytest.raises(ValueError, match=r"prediction|empty"):
        score_texts(said, meant)


def test_classes_count_alike() -> None:
    """Three of four clips are right; of the classes one is right in full, one by half."""
    said = ["hello", "hello", "bye", "hello "]
    meant = ["hello", "hello", "bye", "bye"]
    assert class_accuracy(said, meant) == {"top1": 0.75, "top1_class": 0.75}
    assert class_accuracy(["a", "a", "a", "b"], ["a", "a", "a", "c"]) == {
        "top1": 0.75,
        "top1_class": 0.5,
    }

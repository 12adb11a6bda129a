"""Scores of generated texts, by kept libraries: sacrebleu, rouge-score, jiwer; and as published.

Texts count in words, or in characters where words are not written apart (Chinese, Japanese): then
blanks are taken out and full-width commas and question marks become plain ones, as the published
CSL-Daily figures do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, Literal

from sign_etl.tasks.text_published import aligned_errors, rouge_by_package

Unit = Literal["word", "character"]
ORDERS: Final = (1, 2, 3, 4)
_PLAIN: Final = str.maketrans({"，": ",", "？": "?"})


@dataclass(frozen=True, slots=True)
class TextScores:
    """Scores of a set of texts.

    Attributes:
        values: `bleu1` to `bleu4`, `chrf`, `rouge_l` (0 to 100, higher is better), `wer` (errors
            per unit of the references, in per cent; lower is better) and `exact` (share of texts
            that are right to the letter). `rouge_l_published` and `wer_published` count as
            `sign_etl.tasks.text_published` says: they compare with Uni-Sign's figures.
        signature: sacrebleu's, which says how BLEU-4 was computed.
    """

    values: dict[str, float]
    signature: str


def score_texts(
    predictions: Sequence[str], references: Sequence[str], *, unit: Unit = "word"
) -> TextScores:
    """Score texts against one reference each.

    BLEU: Papineni et al., ACL 2002, by sacrebleu (tokenizer `13a` for words, `char` for
    characters). ROUGE-L: Lin, 2004, F1 by sentence and its mean; split at blanks or into
    characters, since the usual tokenizer drops whatever is not ASCII. chrF: Popovic, WMT 2015.

    Args:
        predictions: of a system.
        references: as many.
        unit: what counts as one.

    Raises:
        ValueError: different numbers of texts, none at all, or an empty reference.
    """
    import jiwer
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    if not references or len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    said = [normal(text, unit) for text in predictions]
    meant = [normal(text, unit) for text in references]
    if not all(meant):
        raise ValueError("a reference is empty")
    tokenizer = "13a" if unit == "word" else "char"
    values: dict[str, float] = {}
    signature = ""
    for order in ORDERS:
        bleu = BLEU(max_ngram_order=order, tokenize=tokenizer)
        values[f"bleu{order}"] = float(bleu.corpus_score(said, [meant]).score)
        signature = str(bleu.get_signature())
    values["chrf"] = float(CHRF().corpus_score(said, [meant]).score)
    rouge = RougeScorer(["rougeL"], tokenizer=Units(unit))
    values["rouge_l"] = 100 * fmean(
        rouge.score(right, text)["rougeL"].fmeasure for right, text in zip(meant, said, strict=True)
    )
    split = (
        [" ".join(units(text, unit)) for text in meant],
        [" ".join(units(text, unit)) for text in said],
    )
    values["wer"] = 100 * float(jiwer.wer(*split))
    pairs = list(zip(*split, strict=True))
    values["rouge_l_published"] = 100 * fmean(rouge_by_package(*pair) for pair in pairs)
    words = [(right.split(), text.split()) for right, text in pairs]
    values["wer_published"] = (
        100 * sum(aligned_errors(*pair) for pair in words) / sum(len(right) for right, _ in words)
    )
    values["exact"] = fmean(a == b for a, b in zip(said, meant, strict=True))
    return TextScores(values, signature)


def class_accuracy(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """Recognition as text: `top1` over clips and `top1_class`, its mean over the classes there are.

    A prediction is right where it is the reference to the letter, blanks at the ends aside.
    """
    right: dict[str, list[bool]] = {}
    for said, meant in zip(predictions, references, strict=True):
        right.setdefault(meant.strip(), []).append(said.strip() == meant.strip())
    return {
        "top1": fmean(hit for hits in right.values() for hit in hits),
        "top1_class": fmean(fmean(hits) for hits in right.values()),
    }


def normal(text: str, unit: Unit) -> str:
    """A text as it is compared: single blanks, or none where characters count."""
    if unit == "word":
        return " ".join(text.split())
    return "".join(text.split()).translate(_PLAIN)


def units(text: str, unit: Unit) -> list[str]:
    """The words or characters of a normal text."""
    return text.split() if unit == "word" else list(text)


class Units:
    """A tokenizer for rouge-score that keeps every script."""

    def __init__(self, unit: Unit) -> None:
        self.unit: Unit = unit

    def tokenize(self, text: str) -> list[str]:
        """Called by rouge-score."""
        return units(text, self.unit)

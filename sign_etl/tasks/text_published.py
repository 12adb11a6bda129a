"""Scores as Uni-Sign and its like publish them, where those differ from what others count.

Word error rates of glosses are read off an alignment whose edits have unequal costs, as sclite does
it; more of them may then be counted than the fewest that would do. ROUGE-L is that of the package
`rouge`, which counts each word once. Rebuilt from their definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

COST_DELETED: Final = 3
COST_INSERTED: Final = 3
COST_REPLACED: Final = 4
_TINY: Final = 1e-8


def aligned_errors(reference: Sequence[str], prediction: Sequence[str]) -> int:
    """Edits in the cheapest alignment of two texts.

    A deletion and an insertion cost 3 each, a replacement 4: five replacements give way to three
    deletions and three insertions. Read off from the end; where several moves cost the same, a
    word in common comes first, then a replacement, then an insertion.
    """
    rows, columns = len(reference), len(prediction)
    costs: NDArray[np.int64] = np.zeros((rows + 1, columns + 1), np.int64)
    costs[:, 0] = COST_DELETED * np.arange(rows + 1)
    costs[0] = COST_INSERTED * np.arange(columns + 1)
    for row in range(rows):
        for column in range(columns):
            if reference[row] == prediction[column]:
                costs[row + 1, column + 1] = costs[row, column]
            else:
                costs[row + 1, column + 1] = min(
                    costs[row, column] + COST_REPLACED,
                    costs[row + 1, column] + COST_INSERTED,
                    costs[row, column + 1] + COST_DELETED,
                )
    errors, row, column = 0, rows, columns
    while row or column:
        cost, both = costs[row, column], row > 0 and column > 0
        if both and reference[row - 1] == prediction[column - 1]:
            row, column = row - 1, column - 1
            continue
        errors += 1
        if both and cost == costs[row - 1, column - 1] + COST_REPLACED:
            row, column = row - 1, column - 1
        elif column and cost == costs[row, column - 1] + COST_INSERTED:
            column -= 1
        else:
            row -= 1
    return errors


def rouge_by_package(reference: str, prediction: str) -> float:
    """ROUGE-L F1 of two texts, 0 to 1, as the package `rouge` computes it (version 1.0.1).

    Texts end sentences with full stops. What the sentences have in common, in order, is taken
    together as a set of words, and set against the sets of all words of either text.
    """
    meant, said = _sentences(reference), _sentences(prediction)
    if not (meant and said):
        return 0.0
    common: set[str] = set()
    for right in meant:
        for words in said:
            common |= set(_in_order(right, words))
    recall = len(common) / len({word for words in meant for word in words})
    precision = len(common) / len({word for words in said for word in words})
    return 2 * precision * recall / (precision + recall + _TINY)


def _sentences(text: str) -> list[list[str]]:
    return [" ".join(part.split()).split(" ") for part in text.split(".") if part]


def _in_order(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """A longest common subsequence, the one that the package finds among equals."""
    lengths = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for row, one in enumerate(first, 1):
        for column, other in enumerate(second, 1):
            lengths[row][column] = (
                lengths[row - 1][column - 1] + 1
                if one == other
                else max(lengths[row - 1][column], lengths[row][column - 1])
            )
    found, row, column = [], len(first), len(second)
    while row and column:
        if first[row - 1] == second[column - 1]:
            row, column = row - 1, column - 1
            found.append(first[row])
        elif lengths[row - 1][column] > lengths[row][column - 1]:
            row -= 1
        else:
            column -= 1
    return found

"""The degree of sign similarity, and soft targets made of it.

Published with the pre-training of ds-hub-sochi ("one pre-train to fit them all", ICDM 2024), in two
variants. From the vectors of a trained model:

    rnd_smpl       d_ij = mean distance of up to 10 clips of sign i to up to 10 clips of sign j
                   S_ij = exp(-beta d_ij) / sum over k != i of exp(-beta d_ik),  S_ii = 0
    mean_embeds    S_ij = cosine of the mean vectors of i and j,                 S_ii = 0

    soft targets   Y = (1 - alpha) I + alpha S

Rows of the first S, and of its Y, sum to 1; the matrix is not symmetric. Those of the second are
symmetric and their rows sum to anything. The first is the label smoothing by class similarity of
arXiv 2006.14028. What that code leaves to chance is fixed here: draws come from a seed, every clip
counts, and a class without clips keeps its hard target, similar to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, UsageError, VerifyError, near_miss
from sign_etl.schema.vectors import Vectors

Variant = Literal["rnd_smpl", "mean_embeds"]
Matrix = NDArray[np.float64]

ALPHA, BETA = 0.1, 0.5
"""As published."""
DRAWN = 10
"""Clips of a class that are compared with those of another one, at most."""
CLOSEST = 50
"""Rows of the table of closest pairs."""
ROUNDING = 1e-6
"""By how much a sum of a row may miss 1."""


@dataclass(frozen=True, slots=True)
class Classes:
    """Vectors by class.

    Attributes:
        labels: C class names, in the order of their ids.
        members: (n, D) vectors of each class; n may be 0.
    """

    labels: tuple[str, ...]
    members: tuple[Matrix, ...]

    @property
    def empty(self) -> tuple[str, ...]:
        """Classes without a clip."""
        return tuple(
            label for label, each in zip(self.labels, self.members, strict=True) if not len(each)
        )


def by_class(vectors: Vectors) -> Classes:
    """The vectors of each class that the data name, also of those without a clip.

    Raises:
        UsageError: fewer than two classes have a clip.
    """
    named = np.array([label or "" for label in vectors.columns["label"]], dtype=object)
    wide = vectors.vector.astype(np.float64)
    found = Classes(
        vectors.facts.labels, tuple(wide[named == label] for label in vectors.facts.labels)
    )
    if len(found.labels) - len(found.empty) < 2:
        raise UsageError("similarity needs clips of two classes", hint="see `sign-etl report`")
    return found


def similarity(classes: Classes, variant: Variant, *, beta: float = BETA, seed: int = 0) -> Matrix:
    """S, see above.

    Args:
        classes: vectors by class.
        variant: which of them.
        beta: how quickly similarity falls with distance, for `rnd_smpl`.
        seed: of the draws, for `rnd_smpl`.

    Returns:
        (C, C) float64; rows and columns of a class without clips are 0.

    Raises:
        ConfigError: there is no such variant.
    """
    if variant not in get_args(Variant):
        hint = near_miss(variant, get_args(Variant)) or f"choose {' or '.join(get_args(Variant))}"
        raise ConfigError(f"similarity has no variant `{variant}`", hint=hint)
    if variant == "mean_embeds":
        return _cosines(classes)
    return softmax_of_distances(mean_distances(classes, seed=seed), beta)


def mean_distances(classes: Classes, *, seed: int = 0, drawn: int = DRAWN) -> Matrix:
    """Mean Euclidean distance between clips of two classes.

    Args:
        classes: vectors by class.
        seed: for each pair of classes, other clips are drawn from it.
        drawn: clips of a class that count, at most.

    Returns:
        (C, C), symmetric; NaN on the diagonal and where a class has no clip.
    """
    count = len(classes.labels)
    sizes = np.array([len(each) for each in classes.members])
    most = int(sizes.max())
    padded = np.zeros((count, most, max(each.shape[1] for each in classes.members)))
    for number, each in enumerate(classes.members):
        padded[number, : len(each)] = each
    squares = (padded**2).sum(axis=2)
    real = np.arange(most) < sizes[:, None]
    distances = np.full((count, count), np.nan)
    for one in range(count):
        others = np.arange(one + 1, count)
        others = others[sizes[others] > 0]
        if not sizes[one] or not len(others):
            continue
        draw = np.random.Generator(np.random.Philox(np.random.SeedSequence((seed, one))))
        mine = _draws(draw, np.broadcast_to(real[one], (len(others), most)), drawn)
        theirs = _draws(draw, real[others], drawn)
        pairs = np.maximum(
            squares[one][:, None]
            + squares[others][:, None, :]
            - 2 * np.einsum("ad,obd->oab", padded[one], padded[others]),
            0,
        )  # (others, of mine, of theirs)
        weight = mine[:, :, None] * theirs[:, None, :]
        means = (np.sqrt(pairs) * weight).sum(axis=(1, 2)) / weight.sum(axis=(1, 2))
        distances[one, others] = distances[others, one] = means
    return distances


def softmax_of_distances(distances: Matrix, beta: float) -> Matrix:
    """exp(-beta d_ij) over the sum of its row; 0 where d is NaN.

    Args:
        distances: (C, C).
        beta: positive.
    """
    known = np.isfinite(distances)
    raised = np.where(known, -beta * distances, -np.inf)
    # The nearest one of a row becomes exp(0): far classes do not all vanish.
    nearest = raised.max(axis=1, keepdims=True)
    shares = np.exp(raised - np.where(np.isfinite(nearest), nearest, 0.0))
    sums = shares.sum(axis=1, keepdims=True)
    divided: Matrix = np.divide(shares, sums, out=np.zeros_like(shares), where=sums > 0)
    return divided


def soft_targets(similar: Matrix, *, alpha: float = ALPHA) -> Matrix:
    """Y = (1 - alpha) I + alpha S; 1 on the diagonal for a class that is similar to nothing."""
    targets: Matrix = (1 - alpha) * np.eye(len(similar)) + alpha * similar
    alone = ~similar.any(axis=1)
    targets[alone, alone] = 1.0
    return targets


def check_targets(targets: Matrix, variant: Variant) -> None:
    """Refuse targets that would teach something else.

    Raises:
        VerifyError: a row of `rnd_smpl` does not sum to 1, or a class is not its own greatest.
    """
    sums = targets.sum(axis=1)
    if variant == "rnd_smpl" and np.abs(sums - 1).max() > ROUNDING:
        row = int(np.abs(sums - 1).argmax())
        raise VerifyError(
            f"row {row} of the soft targets sums to {sums[row]:.6f}, not to 1",
            hint="take `--variant mean_embeds`, and please report it",
        )
    rest = np.where(np.eye(len(targets), dtype=bool), -np.inf, targets).max(axis=1)
    wrong = np.flatnonzero(~(targets.diagonal() > rest))
    if len(wrong):
        raise VerifyError(
            f"in {len(wrong)} rows of the soft targets another class is as great as the true one",
            hint="lower --alpha",
        )


def closest_pairs(
    similar: Matrix, labels: Sequence[str], most: int = CLOSEST
) -> list[tuple[str, str, float]]:
    """The highest entries off the diagonal: class, the one it is similar to, S; highest first.

    Of a symmetric matrix each pair stands there once.
    """
    off = ~np.eye(len(similar), dtype=bool)
    if np.array_equal(similar, similar.T):
        off = np.triu(off)
    rows, columns = np.nonzero(off)
    order = np.argsort(-similar[rows, columns], kind="stable")[:most]
    return [
        (labels[rows[n]], labels[columns[n]], float(similar[rows[n], columns[n]])) for n in order
    ]


def _draws(draw: np.random.Generator, real: NDArray[Any], drawn: int) -> NDArray[np.bool_]:
    """Marks at most `drawn` of the real ones in each row, without replacement."""
    if real.shape[1] <= drawn:
        return np.array(real)
    keys = np.where(real, draw.random(real.shape), np.inf)
    limit = np.sort(keys, axis=1)[:, drawn - 1 : drawn]
    marked: NDArray[np.bool_] = real & (keys <= limit)
    return marked


def _cosines(classes: Classes) -> Matrix:
    size = max(each.shape[1] for each in classes.members)
    means = np.stack(
        [each.mean(axis=0) if len(each) else np.zeros(size) for each in classes.members]
    )
    lengths = np.linalg.norm(means, axis=1, keepdims=True)
    unit = np.divide(means, lengths, out=np.zeros_like(means), where=lengths > 0)
    found: Matrix = unit @ unit.T
    found = (found + found.T) / 2  # as symmetric as it is meant
    np.fill_diagonal(found, 0.0)
    return found

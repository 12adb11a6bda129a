"""Permutations from integers alone, and how shuffled an order is.

numpy promises no stable stream of random numbers between its versions, and a resumed run must find
the order that it left. So permutations sort by a 64-bit mix (the finaliser of SplitMix64: Steele,
Lea and Flood 2014), which maps different numbers to different keys: no ties, the same everywhere.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
QUALITY_BINS = 1024


def random_keys(values: NDArray[np.integer], *name: int | str) -> NDArray[np.uint64]:
    """A random-looking 64-bit key for each value; different values have different keys.

    Args:
        values: numbers from 0 on.
        name: which permutation; each one is independent of the others.
    """
    salt = hashlib.blake2b("/".join(map(str, name)).encode(), digest_size=8).digest()
    keys = values.astype(np.uint64)
    keys *= _GOLDEN
    keys += np.frombuffer(salt, "<u8")[0]
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        keys ^= keys >> np.uint64(shift)
        keys *= factor
    keys ^= keys >> np.uint64(31)
    return keys


def permuted(count: int, *name: int | str) -> NDArray[np.int64]:
    """The numbers below `count` in the order that `name` stands for."""
    return np.argsort(random_keys(np.arange(count), *name))


def order_by(groups: NDArray[np.integer], keys: NDArray[np.uint64], bits: int) -> NDArray[np.int64]:
    """Places in the order of groups, and in the order of `keys` inside each.

    Args:
        groups: (N,) numbers from 0 on, below 2 ** `bits`.
        keys: (N,) of `random_keys`; what of them fits beside the group decides.
        bits: of the groups.
    """
    joined = (groups.astype(np.uint64) << np.uint64(64 - bits)) | (keys >> np.uint64(bits))
    return np.argsort(joined, kind="stable")


def bits_for(count: int) -> int:
    """Bits that numbers below `count` need, at least 1."""
    return max(1, int(count - 1).bit_length())


def shuffle_quality(places: NDArray[np.integer]) -> float:
    """How shuffled an order is: 0 for storage order, about 1 for a full random permutation.

    The entropy of the distances between neighbours in the order, over that of even distances, as
    MosaicML's simulator judges orders (their entropy of differences, here in fixed bins).

    Args:
        places: (N,) storage places 0 to N - 1 in the order in which they are read.
    """
    count = len(places)
    if count < 3:
        return 1.0
    # Few distances cannot fill all bins evenly: a random order of this size is the measure.
    return _entropy(places) / _entropy(permuted(count, "shuffle-quality"))


def _entropy(places: NDArray[np.integer]) -> float:
    count = len(places)
    bins = min(QUALITY_BINS, count - 1)
    distances: NDArray[np.int64] = np.mod(np.diff(places.astype(np.int64)), count)
    counts = np.bincount(distances * bins // count)
    chances = counts[counts > 0] / len(distances)
    return float(-(chances * np.log2(chances)).sum())

"""Cutting samples that are sorted by length into micro-batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sign_etl.stream.plan import Batching


@dataclass(frozen=True, slots=True)
class Cut:
    """Micro-batches in storage order.

    Attributes:
        bounds: (B + 1,) where they begin in the samples.
        windows: (B,) the window of each.
    """

    bounds: NDArray[np.int64]
    windows: NDArray[np.int64]


def cut_windows(
    windows: NDArray[np.int64],
    bands: NDArray[np.int64],
    lengths: NDArray[np.integer],
    batching: Batching,
) -> Cut:
    """Cut sorted samples into micro-batches that keep to the frame budget.

    Args:
        windows: (M,) ascending.
        bands: (M,) ascending inside of a window.
        lengths: (M,) time steps.
        batching: budget, size and padding.
    """
    count = len(windows)
    if not count:
        return Cut(np.zeros(1, np.int64), np.zeros(0, np.int64))
    change = (np.diff(windows) != 0) | (np.diff(bands) != 0)
    begins = np.concatenate([[0], np.flatnonzero(change) + 1])
    longest = np.maximum.reduceat(np.maximum(lengths, 1), begins).astype(np.int64)
    multiple = batching.pad_multiple
    padded = -(-longest // multiple) * multiple
    sizes = _largest(padded, batching)
    group_windows = windows[begins]
    bounds = _cut_groups(
        np.append(begins, count).tolist(), sizes.tolist(), group_windows.tolist(), count
    )
    return Cut(bounds, windows[bounds[:-1]])


def _largest(padded: NDArray[np.int64], batching: Batching) -> NDArray[np.int64]:
    """Samples that fit into a micro-batch of samples of these padded lengths."""
    if not batching.frames:
        return np.full(len(padded), batching.samples, np.int64)
    cost = padded.astype(np.float64)
    if batching.quadratic:
        cost += cost * cost / batching.quadratic
    return np.clip((batching.frames / cost).astype(np.int64), 1, batching.samples)


def _cut_groups(
    begins: list[int], sizes: list[int], windows: list[int], count: int
) -> NDArray[np.int64]:
    # A group is one band of one window. A micro-batch may reach into longer bands of its window as
    # long as it keeps to the size that the longest of them allows.
    bounds = [0]
    at = group = 0
    while at < count:
        while begins[group + 1] <= at:
            group += 1
        end, last = at + sizes[group], group
        while (
            end > begins[last + 1] and last + 1 < len(sizes) and windows[last + 1] == windows[group]
        ):
            last += 1
            end = min(end, at + sizes[last])
            if end <= begins[last]:
                end = begins[last]
                break
        else:
            end = min(end, begins[last + 1])
        at = end
        bounds.append(at)
    return np.array(bounds, np.int64)

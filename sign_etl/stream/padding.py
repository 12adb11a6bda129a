"""Arrays of different lengths to one tensor, made where the training process can see it.

What a worker makes travels through shared memory, so a batch is made there directly, in a slot of a
`Ring` or as torch's own collate function does it, and arrays that are float16 on the disk travel
as float16; `widen` does the rest on the other side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Empty = Callable[[tuple[int, ...], torch.dtype], Tensor | None]
"""Gives a tensor of a shape and type that is not cleared, or None where there is no room for it."""


def pad(
    arrays: Sequence[NDArray[Any]], multiple: int = 1, empty: Empty | None = None
) -> tuple[Tensor, Tensor]:
    """Arrays (T, ...) of equal inner shape to one tensor, padded with 0.

    Args:
        arrays: B of them, float or all uint8, writable (torch asks for that), at least one.
        multiple: T of the result is a multiple of this.
        empty: where a worker makes it, if there is room; else in shared memory of its own.

    Returns:
        (B, T, ...) uint8 of such, else float32, or float16 in a worker where all arrays are, to be
        widened; and (B, T) bool, True on frames.
    """
    lengths = [len(array) for array in arrays]
    longest = max(1, -(-max(lengths) // multiple) * multiple)
    worker = torch.utils.data.get_worker_info() is not None
    half = worker and all(array.dtype == np.float16 for array in arrays)
    dtype = torch.float16 if half else torch.float32
    if all(array.dtype == np.uint8 for array in arrays):
        dtype = torch.uint8
    shape = (len(arrays), longest, *arrays[0].shape[1:])
    values = empty(shape, dtype) if empty is not None else None
    if values is None:
        values = _empty(shape, dtype, shared=worker)
    for row, (array, length) in enumerate(zip(arrays, lengths, strict=True)):
        part = values[row, :length]
        part.copy_(torch.from_numpy(array))
        values[row, length:].zero_()
        if dtype == torch.float32:
            _fill(part)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    return values, mask


def widen(values: Tensor) -> Tensor:
    """A float tensor of `pad` as float32, with 0 for what was not estimated; pinned if it was."""
    if values.dtype != torch.float16:
        return values
    wide = torch.empty(values.shape, dtype=torch.float32, pin_memory=values.is_pinned())
    return _fill(wide.copy_(values))


def _fill(values: Tensor) -> Tensor:
    return torch.nan_to_num_(values, nan=0.0, posinf=0.0, neginf=0.0)


def _empty(shape: tuple[int, ...], dtype: torch.dtype, *, shared: bool) -> Tensor:
    if not shared:
        return torch.empty(shape, dtype=dtype)
    size = dtype.itemsize * math.prod(shape)
    storage: Any = torch.UntypedStorage
    return torch.empty(0, dtype=dtype).set_(storage._new_shared(size)).view(shape)

"""Measures of the output pictures, taken while they pass by: no second decode."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK_PX: Final = 16
STILL: Final = 1.0
"""Frames equal each other where no 16 x 16 block changes its mean brightness by more than this. A
mean over the whole picture would call a signer still who only moves the fingers."""


class Measures:
    """Brightness and standstill of the output, seen while it passes by."""

    def __init__(self) -> None:
        self._frames = 0
        self._frozen = 0
        self._sum = 0.0
        self._before: NDArray[np.float64] | None = None

    def add(self, bright: NDArray[np.uint8], repeats: int) -> None:
        """Count a picture that is shown `repeats` times; `bright` is (H, W), limited range."""
        # Black is 16 and white 235 in the file; the measure runs from 0 to 255.
        mean = float(bright.sum(dtype=np.uint64)) / bright.size
        self._sum += repeats * min(max((mean - 16) * 255 / 219, 0.0), 255.0)
        blocks = _block_means(bright)
        if self._before is not None and bool((abs(blocks - self._before) <= STILL).all()):
            self._frozen += 1
        self._frozen += repeats - 1
        self._frames += repeats
        self._before = blocks

    def facts(self) -> dict[str, float]:
        """Mean brightness (0 to 255) and the share of frames that equal the one before."""
        steps = max(1, self._frames - 1)
        return {
            "luma": round(self._sum / max(1, self._frames), 3),
            "frozen_share": round(self._frozen / steps, 6),
        }


def _block_means(bright: NDArray[np.uint8]) -> NDArray[np.float64]:
    height, width = bright.shape
    if min(height, width) < BLOCK_PX:
        return bright.astype(np.float64)
    rows, columns = height // BLOCK_PX, width // BLOCK_PX
    whole = bright[: rows * BLOCK_PX, : columns * BLOCK_PX]
    strips = whole.reshape(rows, BLOCK_PX, columns * BLOCK_PX).sum(1, dtype=np.uint32)
    sums = strips.reshape(rows, columns, BLOCK_PX).sum(2, dtype=np.uint32)
    means: NDArray[np.float64] = sums.astype(np.float64) / (BLOCK_PX * BLOCK_PX)
    return means

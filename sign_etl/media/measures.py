"""Measures of the output pictures, taken while they pass by: no second decode."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

BLOCK_PX: Final = 16
STILL: Final = 1.0
"""Frames equal each other where no block of 16 x 16 pixels changes by more than this on average. A
mean over the whole picture would call a signer still who only moves the fingers. Resting signers on
real H.264 clips change by 1.08 or more, a frozen picture after an encoder by less between its key
frames."""


class Measures:
    """Brightness and standstill of the output, seen while it passes by."""

    def __init__(self) -> None:
        self._frames = 0
        self._frozen = 0
        self._sum = 0.0
        self._before: NDArray[np.uint8] | None = None

    def add(self, bright: NDArray[np.uint8], repeats: int) -> None:
        """Count a picture that is shown `repeats` times; `bright` is (H, W), limited range.

        The array must not change until the next call.
        """
        # Black is 16 and white 235 in the file; the measure runs from 0 to 255.
        mean = float(bright.sum(dtype=np.uint64)) / bright.size
        self._sum += repeats * min(max((mean - 16) * 255 / 219, 0.0), 255.0)
        if self._before is not None and largest_change(self._before, bright) <= STILL:
            self._frozen += 1
        self._frozen += repeats - 1
        self._frames += repeats
        self._before = bright

    def facts(self) -> dict[str, float]:
        """Mean brightness (0 to 255) and the share of frames that equal the one before."""
        steps = max(1, self._frames - 1)
        return {
            "luma": round(self._sum / max(1, self._frames), 3),
            "frozen_share": round(self._frozen / steps, 6),
        }


def largest_change(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    """Mean absolute difference of the block of 16 x 16 pixels that changes most, 0 to 255.

    Args:
        before: brightness, (H, W).
        after: brightness, (H, W).
    """
    change = np.maximum(before, after) - np.minimum(before, after)
    height, width = change.shape
    # A last row or column that is no whole block counts with a smaller weight.
    rows = np.add.reduceat(change, range(0, height, BLOCK_PX), axis=0, dtype=np.uint32)
    blocks = np.add.reduceat(rows, range(0, width, BLOCK_PX), axis=1)
    block_px: int = min(height, BLOCK_PX) * min(width, BLOCK_PX)
    return float(blocks.max()) / block_px

"""A top-down pose net: batches of crops in, points in pixels of their pictures out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.pose.clock import SILENT, Clock
from sign_etl.pose.onnx import Net
from sign_etl.pose.simcc import (
    SPLIT,
    Crop,
    Normaliser,
    crop_of,
    decoded,
    reversed_channels,
    warped,
)
from sign_etl.pose.zoo import ChannelOrder

PROBE_SEED: Final = 20_260_101


class PoseNet:
    """An RTMPose-like net with all that surrounds it.

    Args:
        net: the loaded net.
        size: (height, width) of its input.
        points: number K of points that it must have.
        order: of the channels that it was trained on.
        batch: crops per call at most.
        pad: fill up each batch, so that all have one shape (GPUs).
        clock: measures the stages.

    Raises:
        ConfigError: the outputs are not those of a SimCC head with K points for this input size.
    """

    def __init__(
        self,
        net: Net,
        size: tuple[int, int],
        points: int,
        order: ChannelOrder = "rgb",
        *,
        batch: int = 1,
        pad: bool = False,
        clock: Clock = SILENT,
    ) -> None:
        self._net = net
        self._size = size
        self._normalise = Normaliser()
        self._reverse = order == "bgr"
        self._clock = clock
        fixed = net.shape[0]
        self._pad = pad or fixed is not None
        self.batch = fixed or batch
        self._blob = np.zeros((self.batch, 3, *size), np.float32)
        self._check(points)
        if self.batch > 1 and not self._pad and not self._steady():
            self.batch = 1

    def __call__(
        self, pictures: Sequence[NDArray[np.uint8]], boxes: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Points of at most `batch` persons.

        Args:
            pictures: (H, W, 3) uint8 RGB each, of any sizes.
            boxes: (4,) x0, y0, x1, y1 in pixels of each picture.

        Returns:
            (N, K, 3) float32: x and y in pixels, score; NaN with score 0 where there is no point.
        """
        crops: list[Crop] = []
        for place, (picture, box) in enumerate(zip(pictures, boxes, strict=True)):
            crops.append(crop_of(box, self._size))
            with self._clock("warp"):
                pixels = reversed_channels(picture) if self._reverse else picture
                self._normalise(warped(pixels, crops[-1], self._size), self._blob[place])
        number = len(crops)
        with self._clock("infer"):
            along_x, along_y = self._net.run(self._blob if self._pad else self._blob[:number])
        with self._clock("heads"):
            return decoded(along_x[:number], along_y[:number], crops, self._size)

    def _check(self, points: int) -> None:
        # One call, which warms up the session as well.
        outputs = self._net.run(self._blob[: 1 if not self._pad else self.batch])
        height, width = self._size
        wanted = [(points, int(width * SPLIT)), (points, int(height * SPLIT))]
        found = [output.shape[1:] for output in outputs]
        if found != wanted:
            raise ConfigError(
                f"the pose net's outputs have the shapes {found} for each person, not {wanted}",
                hint=f"give an export of RTMPose, RTMW or DWPose with {points} points",
            )

    def _steady(self) -> bool:
        """Whether a result is the same, bit by bit, alone and among others, on this machine."""
        noise = np.random.default_rng(PROBE_SEED).integers(
            0, 256, (self.batch, *self._size, 3), np.uint8
        )
        for place, picture in enumerate(noise):
            self._normalise(picture, self._blob[place])
        together = [output.copy() for output in self._net.run(self._blob)]
        for place in (0, self.batch - 1):
            alone = self._net.run(self._blob[place : place + 1])
            for many, one in zip(together, alone, strict=True):
                if many[place].tobytes() != one[0].tobytes():
                    return False
        return True

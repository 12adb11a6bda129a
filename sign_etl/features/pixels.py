"""Backend `pixels`: the picture itself, small and grey. A yardstick for networks, no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from sign_etl.features.base import Extractor, FeatureBackend, FeatureOptions, check_steps
from sign_etl.pose.base import WeightsFile

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Shares of red, green and blue in brightness (ITU-R BT.601)."""


class PixelOptions(FeatureOptions):
    """Options of the backend `pixels`."""

    side: int = Field(default=16, ge=1, le=224)
    """Height and width of the picture; D is its square."""


class _Pixels:
    """See `Extractor`."""

    provider = "cpu"

    def __init__(self, side: int) -> None:
        self.side, self.size = side, side * side

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """See `Extractor`: brightness from 0 to 1."""
        grey = (pictures.astype(np.float32) * LUMA).sum(axis=-1, dtype=np.float32) / 255
        return np.asarray(grey.reshape(len(pictures), -1), np.float32)


class PixelBackend:
    """The backend, see `sign_etl.features.base.FeatureBackend`."""

    name = "pixels"
    version = "1"
    title = "The picture itself, small and grey (a yardstick, no network)"
    extra: str | None = None
    modules: tuple[str, ...] = ()

    def options(self, raw: Mapping[str, Any]) -> PixelOptions:
        """See `FeatureBackend`."""
        chosen = PixelOptions.model_validate(raw)
        check_steps(chosen)
        return chosen

    def weights(self, options: BaseModel) -> tuple[WeightsFile, ...]:
        """None."""
        return ()

    def size(self, options: BaseModel) -> int:
        """See `FeatureBackend`."""
        return PixelOptions.model_validate(options).side ** 2

    def open(self, options: BaseModel) -> Extractor:
        """See `FeatureBackend`."""
        return _Pixels(PixelOptions.model_validate(options).side)


BACKEND: FeatureBackend = PixelBackend()

"""Backend `truth`: the joints that a renderer drew, for data sets that are rendered.

It needs no weights and looks at no pixels, so it shows the flow of a build without a network and
serves as the yardstick of the estimators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from sign_etl.core.registry import Registry
from sign_etl.pose.base import Estimate, Estimator, PoseBackend, PoseInput, WeightsFile
from sign_etl.schema.layouts import layout
from sign_etl.schema.pipeline import Settings

LAYOUT = "holistic-75"

Provider = Callable[[PoseInput], NDArray[np.float32]]
"""Gives the true keypoints (T, 75, 4) of a clip, by its annotation id."""

PROVIDERS: Registry[Provider] = Registry("data set with true joints", "sign_etl.truth")
"""Providers by the name of their recipe; named by string, since no backend imports a recipe."""

PROVIDERS.builtin(demo="sign_etl.recipes.demo:true_keypoints")


class TruthOptions(Settings):
    """The backend `truth` has no options."""


class Truth:
    """The backend, see `sign_etl.pose.base.PoseBackend`."""

    name = "truth"
    version = "1"
    title = "The renderer's own joints (demo only; no pixels are looked at)"
    extra: str | None = None
    modules: tuple[str, ...] = ()
    annotation_bound = True
    uses_bbox = False

    def options(self, raw: Mapping[str, Any]) -> TruthOptions:
        """See `PoseBackend`."""
        return TruthOptions.model_validate(raw)

    def layout(self, options: BaseModel) -> str:
        """See `PoseBackend`."""
        return LAYOUT

    def weights(self, options: BaseModel, folder: Path) -> tuple[WeightsFile, ...]:
        """None."""
        return ()

    def check(self) -> None:
        """Nothing is needed."""

    def fetch(self, options: BaseModel, folder: Path) -> None:
        """Nothing is needed."""

    def open(self, options: BaseModel, folder: Path) -> Estimator:
        """See `PoseBackend`."""
        return _TruthEstimator()


class _TruthEstimator:
    def estimate(self, clips: Sequence[PoseInput]) -> Iterator[Estimate]:
        """See `Estimator`.

        Raises:
            ConfigError: a clip's data set is not rendered.
            ValueError: its provider gives another shape.
        """
        points = layout(LAYOUT)
        for clip in clips:
            keypoints = PROVIDERS.get(clip.dataset)(clip)
            wanted = (clip.frames, points.size, points.channels)
            if keypoints.shape != wanted:
                raise ValueError(f"true joints have shape {keypoints.shape}, not {wanted}")
            yield Estimate(keypoints)


BACKEND: PoseBackend = Truth()

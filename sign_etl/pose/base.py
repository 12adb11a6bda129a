"""What a pose backend is: weights, options and an estimator, one file a backend.

The estimator lives in a guarded child process and reads files that we wrote; only paths travel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from sign_etl.core.registry import Registry


@dataclass(frozen=True, slots=True)
class PoseInput:
    """One normalised clip.

    Attributes:
        video: the file, written by `normalise` (H.264, constant frame rate).
        frames: number of frames T.
        width: W in pixels.
        height: H in pixels.
        fps: frames per second.
        annotation_id: what the data set calls the clip (only the `truth` backend looks at it).
        dataset: name of the recipe (likewise).
    """

    video: Path
    frames: int
    width: int
    height: int
    fps: float
    annotation_id: str = ""
    dataset: str = ""


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A model file as the estimator loads it.

    Attributes:
        name: file name in the weights folder.
        sha256: what its bytes must be.
        size_bytes: their number.
        licence: SPDX id.
        origin: official address, for people and for the lock.
    """

    name: str
    sha256: str
    size_bytes: int
    licence: str
    origin: str


class Estimator(Protocol):
    """A loaded model. State is reset for each clip: the result depends on the clip alone."""

    def estimate(self, clip: PoseInput) -> NDArray[np.float32]:
        """Keypoints of one clip.

        Returns:
            (T, K, C) float32: x/W, y/H (then z where the layout has it), score last. A point that
            was not estimated is NaN with score 0.
        """


class PoseBackend(Protocol):
    """A pose backend; instances are registered under their name in `BACKENDS`."""

    name: str
    version: str
    """Part of the fingerprint: a change of output without a new version fails a golden test."""
    title: str
    extra: str | None
    """The optional dependency set that it needs, None for none."""
    modules: tuple[str, ...]
    """What that set lets one import."""
    annotation_bound: bool
    """True where the result depends on the annotation id and not on the pixels (`truth`)."""

    def options(self, raw: Mapping[str, Any]) -> BaseModel:
        """Validated options (frozen pydantic model, unknown keys refused)."""

    def layout(self, options: BaseModel) -> str:
        """Name of the keypoint layout, see `sign_etl.schema.layouts`."""

    def weights(self, options: BaseModel) -> tuple[WeightsFile, ...]:
        """The model files it needs."""

    def check(self) -> None:
        """Whether the machine can run it, weights aside; quick, imports nothing heavy.

        Raises:
            AccessError: a system library is missing; the hint says how to get it.
        """

    def fetch(self, options: BaseModel, folder: Path) -> None:
        """Bring the missing model files into `folder`, verified.

        Raises:
            AccessError: none of the ways to get them works; the hint says what to do.
        """

    def open(self, options: BaseModel, folder: Path) -> Estimator:
        """Load the model; called in the guarded child."""


BACKENDS: Registry[PoseBackend] = Registry("pose backend", "sign_etl.pose")
"""All backends, ours and those that other packages register as entry points."""

BACKENDS.builtin(
    blazepose="sign_etl.pose.blazepose:BACKEND",
    truth="sign_etl.pose.truth:BACKEND",
)

"""What a pose backend is: weights, options and an estimator, one file a backend.

The estimator lives in a guarded child process and reads files that we wrote; only paths travel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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
        bbox: x0, y0, x1, y1 of the signer as shares of this picture, where the data set says so: a
            prior for whose keypoints are meant, no promise that every frame keeps to it.
    """

    video: Path
    frames: int
    width: int
    height: int
    fps: float
    annotation_id: str = ""
    dataset: str = ""
    bbox: tuple[float, float, float, float] | None = None


Fact = float | int | str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What an estimator makes of one clip.

    Attributes:
        keypoints: (T, K, C) float32: x/W, y/H (then z where the layout has it), score last. A point
            that was not estimated is NaN with score 0.
        facts: what only the estimator knows (persons seen, calls of the detector, the provider that
            it ran on); kept in the store beside the keypoints. No times: they differ between runs.
    """

    keypoints: NDArray[np.float32]
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """A model file as the estimator loads it.

    Attributes:
        name: file name in the weights folder.
        sha256: what its bytes must be; None where that is settled by the first fetch to come.
        size_bytes: their number, None where it is not known.
        licence: SPDX id.
        origin: official address, for people and for the lock.
        path: where it lies, if not in the weights folder: a file of the user's.
    """

    name: str
    sha256: str | None
    size_bytes: int | None
    licence: str
    origin: str
    path: Path | None = None


class Estimator(Protocol):
    """A loaded model. State is reset for each clip."""

    def estimate(self, clips: Sequence[PoseInput]) -> Iterator[Estimate]:
        """Keypoints of some clips, one estimate for each, in their order and as soon as it is done.

        A result depends on its clip alone, bit by bit on a CPU: frames of several clips may share a
        batch of the model, but neither neighbours nor their number may be seen in what comes out.

        Raises:
            ValueError: a video cannot be decoded or is not what was announced. Which of the clips
                it was need not be told: the caller goes on with one clip at a time.
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
    uses_bbox: bool
    """True where the result depends on `PoseInput.bbox`, so that it is part of the fingerprint."""

    def options(self, raw: Mapping[str, Any]) -> BaseModel:
        """Validated options (frozen pydantic model, unknown keys refused)."""

    def layout(self, options: BaseModel) -> str:
        """Name of the keypoint layout, see `sign_etl.schema.layouts`."""

    def weights(self, options: BaseModel, folder: Path) -> tuple[WeightsFile, ...]:
        """The model files it needs.

        Args:
            options: validated.
            folder: the weights folder, for what was pinned there at a first fetch.

        Raises:
            AccessError: a file that the options name cannot be read.
        """

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
    rtmpose="sign_etl.pose.rtmpose:BACKEND",
    truth="sign_etl.pose.truth:BACKEND",
)

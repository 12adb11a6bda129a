"""What a feature backend is: a frozen network over the frames of a clip, one file a backend.

The network lives in a guarded child process and gets pictures of files that we wrote; see `child`.
Nothing heavy is imported before `open`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from sign_etl.core.registry import Registry
from sign_etl.pose.base import WeightsFile
from sign_etl.schema.settings import Settings
from sign_etl.stream.pictures import Frame, Resize

Device = Literal["auto", "cpu", "cuda"]


class FeatureOptions(Settings):
    """Options that all backends share: which frames, how they become pictures, what is written."""

    stride: int = Field(default=1, ge=1)
    """Every so many frames of the normalised clip, beginning with the first."""
    fps: float | None = Field(default=None, gt=0)
    """Instead: the frames nearest to this rate; at most those that there are."""
    resize: Resize = "short-side"
    """How a frame becomes the network's picture: `short-side` cuts the middle out, `stretch` does
    not keep the proportion, `letterbox` adds grey bars."""
    short: int | None = Field(default=None, ge=1)
    """For `short-side`: the short side before the cut, in pixels; default the picture's side."""
    dtype: Literal["float16", "float32"] = "float16"
    """Type of the features in store and shard."""
    device: Device = "auto"
    """Where it runs; `auto`: a GPU where there is one. Bytes are promised for CPUs alone."""


class Extractor(Protocol):
    """A loaded network."""

    side: int
    """Height and width of its pictures in pixels."""
    size: int
    """D: numbers that it gives for a picture."""
    provider: str
    """What it runs on: `cpu` or `cuda`."""

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, D) of pictures (N, side, side, 3) RGB. No clip sees another one's pictures."""
        ...


class FeatureBackend(Protocol):
    """A feature backend; instances are registered under their name in `BACKENDS`."""

    name: str
    version: str
    """Part of the fingerprint: a change of output needs a new version."""
    title: str
    extra: str | None
    """The optional dependency set that it needs, None for none."""
    modules: tuple[str, ...]
    """What that set lets one import."""

    def options(self, raw: Mapping[str, Any]) -> FeatureOptions:
        """Validated options (frozen pydantic model, unknown keys refused)."""
        ...

    def weights(self, options: BaseModel) -> tuple[WeightsFile, ...]:
        """The model files that it reads, with the digests that they have here.

        Raises:
            AccessError: they are not there, or of a kind that is not read.
        """
        ...

    def size(self, options: BaseModel) -> int:
        """D, from the configuration alone; 0 where only the network itself tells.

        Raises:
            AccessError: it cannot be read.
        """
        ...

    def open(self, options: BaseModel) -> Extractor:
        """Load the network; called in the guarded child."""
        ...


BACKENDS: Registry[FeatureBackend] = Registry("feature backend", "sign_etl.features")
"""All backends, ours and those that other packages register as entry points."""

BACKENDS.builtin(
    clip="sign_etl.features.clip:BACKEND",
    pixels="sign_etl.features.pixels:BACKEND",
    timm="sign_etl.features.timm:BACKEND",
)


def frame_numbers(frames: int, fps: float, options: FeatureOptions) -> list[int]:
    """The frames that are looked at, ascending, each once.

    Args:
        frames: of the normalised clip.
        fps: of the normalised clip.
        options: `stride`, or `fps`.
    """
    if options.fps is None or options.fps >= fps:
        return list(range(0, frames, options.stride if options.fps is None else 1))
    steps = int((frames - 1) * options.fps / fps + 1e-9) + 1
    return [min(frames - 1, int(step * fps / options.fps + 0.5)) for step in range(steps)]


def picture_frame(side: int, options: FeatureOptions) -> Frame:
    """How a frame becomes a picture of `side` x `side` pixels.

    Raises:
        ConfigError: `short` is below `side`.
    """
    return Frame((side, side), options.resize, options.short or side)


def check_steps(options: FeatureOptions) -> FeatureOptions:
    """`options`, where they say once which frames are looked at.

    Raises:
        ConfigError: `stride` and `fps` are both given.
    """
    from sign_etl.core.errors import ConfigError

    if options.fps is not None and options.stride != 1:
        raise ConfigError("`stride` and `fps` both say which frames", hint="leave one of them out")
    return options

"""Samplers: which frames of a clip are looked at, by name.

| name | frames | shorter clips |
|---|---|---|
| `stride` | a window of every `stride`-th frame | stay shorter |
| `circle` | the same | begin again until they are long enough |
| `last` | the same | repeat their last frame |
| `uniform` | the same | evenly spaced over the clip (SignVLM) |
| `linspace` | evenly spaced, the first and the last one among them | repeat frames |
| `tsn` | one of each of `frames` equal segments | repeat frames |
| `random-subset` | a random subset in order | stay shorter |

Training draws where a window begins and where in its segment a frame lies; an evaluation takes the
middle, or several windows, evenly spaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.core.registry import Registry
from sign_etl.stream.base import RngMaker, by_name
from sign_etl.stream.transforms_time import Method, Temporal

Numbers = NDArray[np.int64]


class Sampler(Protocol):
    """A rule; must pickle."""

    @property
    def frames(self) -> int:
        """T; 0 where it depends on the clip."""
        ...

    def choose(self, frames: int, rng: RngMaker) -> Numbers:
        """Numbers of the chosen frames of a clip of `frames`, for training."""
        ...

    def views(self, frames: int, count: int) -> list[Numbers]:
        """The same without chance, for `count` temporal views of an evaluation."""
        ...

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """(N,) numbers that are chosen, for (N,) frames that there are."""
        ...

    def policy(self) -> dict[str, Any]:
        """Its settings."""
        ...


@dataclass(frozen=True, slots=True)
class Windows:
    """Base of the rules with a window of every `stride`-th frame.

    Attributes:
        frames: T; 0 for as many as there are (`stride` only).
        stride: distance in frames.
    """

    method: Method
    frames: int = 0
    stride: int = 1

    def __post_init__(self) -> None:
        Temporal(self.method, self.frames, self.stride)

    def choose(self, frames: int, rng: RngMaker) -> Numbers:
        """See `Sampler`."""
        return Temporal(self.method, self.frames, self.stride).choose(frames, rng)

    def views(self, frames: int, count: int) -> list[Numbers]:
        """See `Sampler`."""
        rule = Temporal(self.method, self.frames, self.stride, evaluation=True)
        chosen = rule.choose(frames, _no_draw)
        spare = frames - ((self.frames - 1) * self.stride + 1)
        if count == 1 or spare <= 0 or not self.frames:
            return [chosen] * count
        begins = np.rint(np.linspace(0, spare, count)).astype(np.int64)
        return [chosen - chosen[0] + begin for begin in begins]

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Sampler`."""
        return Temporal(self.method, self.frames, self.stride).lengths(frames)

    def policy(self) -> dict[str, Any]:
        """See `Sampler`."""
        return {"name": self.method, "frames": self.frames, "stride": self.stride}


@dataclass(frozen=True, slots=True)
class Uniform:
    """A window of every `stride`-th frame, or frame int(i F / T) of a clip with F too few frames.

    Attributes:
        frames: T.
        stride: distance in frames.
    """

    frames: int
    stride: int = 1

    def __post_init__(self) -> None:
        Temporal("last", self.frames, self.stride)

    def choose(self, frames: int, rng: RngMaker) -> Numbers:
        """See `Sampler`."""
        even = self._even(frames)
        return (
            Windows("last", self.frames, self.stride).choose(frames, rng) if even is None else even
        )

    def views(self, frames: int, count: int) -> list[Numbers]:
        """See `Sampler`."""
        even = self._even(frames)
        if even is not None:
            return [even] * count
        return Windows("last", self.frames, self.stride).views(frames, count)

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Sampler`."""
        return np.full(len(frames), self.frames, np.int32)

    def policy(self) -> dict[str, Any]:
        """See `Sampler`."""
        return {"name": "uniform", **asdict(self)}

    def _even(self, frames: int) -> Numbers | None:
        if (self.frames - 1) * self.stride + 1 < frames:
            return None
        return np.arange(self.frames, dtype=np.int64) * frames // self.frames


@dataclass(frozen=True, slots=True)
class Whole:
    """Rules that look at the whole clip: `linspace`, `tsn`, `random-subset`.

    Attributes:
        method: as `Temporal` calls it.
        frames: T.
    """

    method: Method
    frames: int

    def __post_init__(self) -> None:
        Temporal(self.method, self.frames)

    def choose(self, frames: int, rng: RngMaker) -> Numbers:
        """See `Sampler`."""
        return Temporal(self.method, self.frames).choose(frames, rng)

    def views(self, frames: int, count: int) -> list[Numbers]:
        """See `Sampler`; `tsn` takes other places in its segments for each."""
        if self.method == "segments":
            edges = np.arange(self.frames) * frames / self.frames
            inside = (np.arange(count) + 0.5) / count * frames / self.frames
            return [np.minimum((edges + at).astype(np.int64), frames - 1) for at in inside]
        if count > 1:
            raise ConfigError(
                f"the sampler `{self._name}` sees the whole clip at once", hint="set `views: 1`"
            )
        return [Temporal(self.method, self.frames, evaluation=True).choose(frames, _no_draw)]

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """See `Sampler`."""
        return Temporal(self.method, self.frames).lengths(frames)

    def policy(self) -> dict[str, Any]:
        """See `Sampler`."""
        return {"name": self._name, "frames": self.frames}

    @property
    def _name(self) -> str:
        return {"segments": "tsn"}.get(self.method, self.method.replace("_", "-"))


def _no_draw() -> Any:
    raise AssertionError("an evaluation draws lots")


def stride(frames: int = 0, stride: int = 1) -> Sampler:
    """See the table."""
    return Windows("stride", frames, stride)


def circle(frames: int, stride: int = 1) -> Sampler:
    """See the table."""
    return Windows("circle", frames, stride)


def last(frames: int, stride: int = 1) -> Sampler:
    """See the table."""
    return Windows("last", frames, stride)


def linspace(frames: int) -> Sampler:
    """See the table."""
    return Whole("linspace", frames)


def tsn(frames: int) -> Sampler:
    """See the table."""
    return Whole("segments", frames)


def random_subset(frames: int) -> Sampler:
    """See the table."""
    return Whole("random_subset", frames)


SAMPLERS: Registry[Callable[..., Sampler]] = Registry("sampler", "sign_etl.samplers")
"""Makers of samplers by name; keyword arguments are their options in a recipe."""
_HERE = "sign_etl.stream.samplers"
SAMPLERS.builtin(
    stride=f"{_HERE}:stride",
    circle=f"{_HERE}:circle",
    last=f"{_HERE}:last",
    uniform=f"{_HERE}:Uniform",
    linspace=f"{_HERE}:linspace",
    tsn=f"{_HERE}:tsn",
    random_subset=f"{_HERE}:random_subset",
)


def sampler(settings: Mapping[str, Any]) -> Sampler:
    """The sampler that a recipe describes: `{name: circle, frames: 16, stride: 4}`.

    Raises:
        ConfigError: there is none of this name, or it has no such option.
    """
    return by_name(SAMPLERS, settings)

"""Transforms of time: which frames a model gets, and how fast they pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, near_or_all
from sign_etl.stream.base import RngMaker
from sign_etl.stream.transforms_pose import Pose

Method = Literal["circle", "last", "linspace", "random_subset", "segments", "stride"]


@dataclass(frozen=True, slots=True)
class Temporal:
    """Takes frames by a named rule.

    | method | frames | shorter clips |
    |---|---|---|
    | `stride` | a window of every `stride`-th frame | stay shorter |
    | `circle` | the same | begin again until they are long enough |
    | `last` | the same | repeat their last frame |
    | `linspace` | evenly spaced, the first and the last one among them | repeat frames |
    | `segments` | one of each of `frames` equal segments (TSN) | repeat frames |
    | `random_subset` | a random subset in order | stay shorter |

    Attributes:
        method: see above.
        frames: how many; 0 for no limit (`stride` only).
        stride: distance in frames.
        evaluation: no randomness: windows and segments give their middle, a subset is evenly
            spaced. Without it the same sample gives the same frames at the same visit only.
    """

    method: Method
    frames: int = 0
    stride: int = 1
    evaluation: bool = False

    def __post_init__(self) -> None:
        known = get_args(Method)
        if self.method not in known:
            hint = near_or_all(self.method, known)
            raise ConfigError(f"unknown temporal method `{self.method}`", hint=hint)
        if self.stride < 1 or self.frames < (0 if self.method == "stride" else 1):
            raise ConfigError(
                f"temporal method `{self.method}`: frames and stride begin at 1, "
                f"not at {self.frames} and {self.stride}",
                hint="such as `frames: 64, stride: 1`",
            )

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose at the chosen frames."""
        return pose.with_keypoints(pose.keypoints[self.choose(len(pose.keypoints), rng)])

    def choose(self, frames: int, rng: RngMaker) -> NDArray[np.int64]:
        """Numbers of the chosen frames of a clip of `frames`, for other views of it too."""
        if self.method in ("stride", "circle", "last"):
            return self._padded(self._window(frames, rng))
        if self.method == "random_subset":
            if frames <= self.frames:
                return np.arange(frames)
            if not self.evaluation:
                return np.sort(rng().choice(frames, self.frames, replace=False))
        if self.method == "segments":
            edges = np.arange(self.frames + 1) * frames / self.frames
            width = np.diff(edges)
            where = 0.5 if self.evaluation else rng().random(self.frames)
            return np.minimum((edges[:-1] + width * where).astype(np.int64), frames - 1)
        return np.rint(np.linspace(0, frames - 1, self.frames)).astype(np.int64)

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """Frames that come out."""
        if self.method == "random_subset":
            return np.minimum(frames, self.frames).astype(np.int32)
        if self.method == "stride":
            taken = -(-frames // self.stride)
            return (np.minimum(taken, self.frames) if self.frames else taken).astype(np.int32)
        return np.full(len(frames), self.frames, np.int32)

    def _window(self, frames: int, rng: RngMaker) -> NDArray[np.int64]:
        span = (self.frames - 1) * self.stride + 1 if self.frames else frames
        spare = max(0, frames - span)
        first = 0
        if spare:
            first = spare // 2 if self.evaluation else int(rng().integers(spare + 1))
        return np.arange(first, min(frames, first + span), self.stride)

    def _padded(self, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        missing = self.frames - len(chosen)
        if self.method == "stride" or missing <= 0:
            return chosen
        return np.pad(chosen, (0, missing), mode="wrap" if self.method == "circle" else "edge")


@dataclass(frozen=True)
class SpeedRange:
    """How much faster or slower something is played.

    Attributes:
        slowest: smallest factor.
        fastest: largest factor; the logarithm of the factor is evenly distributed.
        probability: of doing it.
    """

    slowest: float = 0.8
    fastest: float = 1.25
    probability: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.slowest <= self.fastest:
            raise ConfigError(
                f"`slowest` is above 0 and not above `fastest`, "
                f"not {self.slowest:g} and {self.fastest:g}",
                hint="such as `slowest: 0.8, fastest: 1.25`",
            )

    def factor(self, rng: RngMaker) -> float | None:
        """A drawn factor; None where nothing is to change."""
        if rng().random() >= self.probability:
            return None
        low, high = np.log(self.slowest), np.log(self.fastest)
        return float(np.exp(rng().uniform(low, high)))


@dataclass(frozen=True)
class Speed(SpeedRange):
    """Plays the clip faster or slower: T / factor frames come out. Settings: see `SpeedRange`."""

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose at another speed, linear between frames."""
        factor = self.factor(rng)
        if factor is None:
            return pose
        frames = len(pose.keypoints)
        wanted = max(1, min(round(frames / factor), int(np.ceil(frames / self.slowest))))
        return pose.with_keypoints(at_times(pose.keypoints, np.linspace(0, frames - 1, wanted)))

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """Frames that come out at the lowest speed."""
        return np.maximum(frames, np.ceil(frames / self.slowest)).astype(np.int32)


@dataclass(frozen=True, slots=True)
class TimeWarp:
    """Lets time pass unevenly; the frames stay as many, the first and the last where they are.

    Attributes:
        strength: largest shift, as a share of the distance between two knots; below 1, so that
            time never runs back.
        knots: places between first and last frame that are shifted.
    """

    strength: float = 0.4
    knots: int = 3

    def __post_init__(self) -> None:
        if not 0 <= self.strength < 0.5 or self.knots < 1:
            raise ConfigError(
                f"`strength` is below 0.5 and `knots` begin at 1, "
                f"not {self.strength:g} and {self.knots}",
                hint="such as `strength: 0.4, knots: 3`",
            )

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose at uneven times, linear between frames."""
        frames = len(pose.keypoints)
        even = np.linspace(0, frames - 1, self.knots + 2)
        shift = rng().uniform(-self.strength, self.strength, self.knots)
        uneven = even.copy()
        uneven[1:-1] += shift * (even[1] - even[0])
        return pose.with_keypoints(
            at_times(pose.keypoints, np.interp(np.arange(frames), even, uneven))
        )

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames


def at_times(keypoints: NDArray[np.float32], times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Keypoints between frames: linear where both frames have the point, else the nearer one's.

    Args:
        keypoints: (T, K, C), NaN where not estimated.
        times: (T',) in frames, from 0 to T - 1.

    Returns:
        (T', K, C).
    """
    below = np.floor(times).astype(np.int64)
    above = np.minimum(below + 1, len(keypoints) - 1)
    share = (times - below).astype(np.float32)[:, None, None]
    between = keypoints[below] * (1 - share) + keypoints[above] * share
    missing = np.isnan(between).any(axis=-1)
    if missing.any():
        nearer = keypoints[np.rint(times).astype(np.int64)]
        between[missing] = nearer[missing]
    return between

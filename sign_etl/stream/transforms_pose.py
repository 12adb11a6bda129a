"""Transforms of keypoints, on numpy: what a recipe names, in its order.

Each takes a `Pose` and gives a new one. Randomness comes from the generator of the sample, so a
transform gives the same in any worker and on any rank.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError, near_or_all
from sign_etl.core.registry import Registry
from sign_etl.schema.conversions import convert, mirrored
from sign_etl.schema.layouts import Layout, layout
from sign_etl.stream.base import RngMaker, by_name


@dataclass(frozen=True, slots=True)
class Pose:
    """Keypoints on their way.

    Attributes:
        keypoints: (T, K, C) float32: x/W, y/H (z where the layout has it), score; a point that was
            not estimated is NaN with score 0.
        layout: which point stands where.
        width: W of the picture in pixels, 0 where unknown.
        height: H of the picture in pixels, 0 where unknown.
        fps: frames per second, 0 where unknown.
    """

    keypoints: NDArray[np.float32]
    layout: Layout
    width: int = 0
    height: int = 0
    fps: float = 0.0

    def with_keypoints(self, keypoints: NDArray[np.float32]) -> Pose:
        """The same with other keypoints."""
        return replace(self, keypoints=keypoints)


class PoseTransform(Protocol):
    """One step of the way; must pickle."""

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The transformed pose; `pose` and its array are left as they are."""

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """(N,) frames that come out at most, for (N,) frames that go in."""


TRANSFORMS: Registry[Callable[..., PoseTransform]] = Registry(
    "pose transform", "sign_etl.pose_transforms"
)
"""Makers of transforms by name; keyword arguments are their options in a recipe."""
_HERE = "sign_etl.stream.transforms_pose"
TRANSFORMS.builtin(
    layout=f"{_HERE}:Relayout",
    mirror=f"{_HERE}:Mirror",
    noise=f"{_HERE}:Noise",
    drop_points=f"{_HERE}:DropPoints",
    drop_frames=f"{_HERE}:DropFrames",
    rotate_yaw="sign_etl.stream.transforms_pose_yaw:RotateYaw",
    temporal="sign_etl.stream.transforms_time:Temporal",
    speed="sign_etl.stream.transforms_time:Speed",
    time_warp="sign_etl.stream.transforms_time:TimeWarp",
    spoter_augment="sign_etl.stream.transforms_spoter:SpoterAugment",
    spoter_normalise="sign_etl.stream.transforms_spoter:SpoterNormalise",
    clip_box="sign_etl.stream.transforms_spoter:ClipBox",
    unisign_normalise="sign_etl.stream.transforms_unisign:UnisignNormalise",
    hand_shape="sign_etl.stream.transforms_spoter:HandShape",
)


def transform(name: str, **options: Any) -> PoseTransform:
    """The transform of this name.

    Raises:
        ConfigError: there is none, or it has no such option.
    """
    return by_name(TRANSFORMS, {"name": name, **options})


def transforms(settings: Sequence[Mapping[str, Any]]) -> tuple[PoseTransform, ...]:
    """Transforms as a recipe lists them: `{name: temporal, method: linspace, frames: 64}`.

    Raises:
        ConfigError: an unknown name or option.
    """
    return tuple(by_name(TRANSFORMS, each) for each in settings)


class _KeepsTime:
    """Base of transforms that leave the frames as many as they are."""

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames


@dataclass(frozen=True, slots=True)
class Relayout(_KeepsTime):
    """Converts to another keypoint layout, see `sign_etl.schema.conversions`.

    Attributes:
        to: its name.
    """

    to: str

    def __post_init__(self) -> None:
        layout(self.to)

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose in the layout `to`."""
        if pose.layout.name == self.to:
            return pose
        keypoints = convert(pose.keypoints, pose.layout.name, self.to)
        return replace(pose, keypoints=keypoints, layout=layout(self.to))


@dataclass(frozen=True, slots=True)
class Mirror(_KeepsTime):
    """Mirrors left and right, joints and picture; for data sets whose signs bear it.

    Attributes:
        probability: of doing it.
        axis: x of the mirror: 0.5 before a normalisation, 0 after one about the body's middle.
    """

    probability: float = 0.5
    axis: float = 0.5

    def __post_init__(self) -> None:
        _check_share("probability", self.probability)

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose as a left-handed twin would sign it, or as it is."""
        if rng().random() >= self.probability:
            return pose
        return pose.with_keypoints(mirrored(pose.keypoints, pose.layout, axis=self.axis))


@dataclass(frozen=True, slots=True)
class Noise(_KeepsTime):
    """Adds normal noise to coordinates; scores stay.

    Attributes:
        sigma: its standard deviation, in the unit of the coordinates.
    """

    sigma: float = 0.001

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose, every coordinate moved a little."""
        keypoints = pose.keypoints.copy()
        shape = (*keypoints.shape[:-1], keypoints.shape[-1] - 1)
        keypoints[..., :-1] += self.sigma * rng().standard_normal(shape, dtype=np.float32)
        return pose.with_keypoints(keypoints)


@dataclass(frozen=True, slots=True)
class DropPoints(_KeepsTime):
    """Makes points missing, each for the whole clip.

    Attributes:
        share: chance of each point.
        parts: only points of these parts of the layout; default all.
    """

    share: float = 0.1
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_share("share", self.share)

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose with some points never estimated."""
        gone = rng().random(pose.layout.size) < self.share
        if self.parts:
            allowed = np.zeros(pose.layout.size, bool)
            for part in self.parts:
                if part not in pose.layout.parts:
                    raise ConfigError(
                        f"layout `{pose.layout.name}` has no part `{part}`",
                        hint=near_or_all(part, pose.layout.parts, "it has"),
                    )
                allowed[list(pose.layout.parts[part])] = True
            gone &= allowed
        return pose.with_keypoints(_without(pose.keypoints, np.s_[:, gone]))


@dataclass(frozen=True, slots=True)
class DropFrames(_KeepsTime):
    """Makes all points of some frames missing; the frames stay, so time does.

    Attributes:
        share: chance of each frame.
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        _check_share("share", self.share)

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The pose with some frames in which nothing was estimated."""
        gone = rng().random(len(pose.keypoints)) < self.share
        return pose.with_keypoints(_without(pose.keypoints, np.s_[gone]))


def _without(keypoints: NDArray[np.float32], where: Any) -> NDArray[np.float32]:
    changed = keypoints.copy()
    part = changed[where]
    part[..., :-1] = np.nan
    part[..., -1] = 0
    changed[where] = part
    return changed


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(
            f"`{name}` is a number from 0 to 1, not {value:g}", hint=f"such as `{name}: 0.5`"
        )

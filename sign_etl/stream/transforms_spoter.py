"""SPOTER's augmentations and normalisation as transforms of a recipe, and a box for any layout.

Bohacek and Hruz (WACVW 2022), section 3: rotation of the whole signer, two shears, and arms that
bend a little otherwise. Two things are done otherwise than in the published code: angles are those
of the picture (its sides are not equal), and hands move with the body that they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.schema.normalise_spoter import spoter_normalised
from sign_etl.stream.base import RngMaker
from sign_etl.stream.transforms_pose import Pose

Points = NDArray[np.float32]
ARM = ("neck", "{side}_shoulder", "{side}_elbow", "{side}_wrist")
"""Joints from the body outwards."""


@dataclass(frozen=True, slots=True)
class SpoterAugment:
    """One of four changes, the same for all frames of a clip; before a normalisation.

    Attributes:
        probability: that there is one at all.
        rotate_deg: the whole signer about the picture's middle, up to this angle to either side.
        shear: one side of the picture farther away: its edge shrinks by up to this share.
        squeeze: the picture narrower by up to this share on each side.
        joint_deg: at each joint of the arms, what follows it, up to this angle to either side.
        joint_probability: of each joint of the arms.
    """

    probability: float = 0.5
    rotate_deg: float = 13.0
    shear: float = 0.1
    squeeze: float = 0.15
    joint_deg: float = 4.0
    joint_probability: float = 0.3

    def __post_init__(self) -> None:
        for name in ("probability", "shear", "squeeze", "joint_probability"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ConfigError(
                    f"`{name}` of `spoter-augment` is a number from 0 to 1, not {value:g}",
                    hint=f"such as `{name}: 0.1`",
                )

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The changed pose; scores and depth stay."""
        draw = rng()
        if draw.random() >= self.probability:
            return pose
        keypoints = pose.keypoints.copy()
        points = keypoints[..., :2]
        kind = int(draw.integers(4))
        if kind == 0:
            angle = draw.uniform(-self.rotate_deg, self.rotate_deg)
            points[:] = rotated(points, np.full(2, 0.5), angle, _aspect(pose))
        elif kind == 1:
            share, left = draw.uniform(0, self.shear), bool(draw.random() < 0.5)
            points[:] = sheared(points, share, left=left)
        elif kind == 2:
            low, high = draw.uniform(0, self.squeeze, 2)
            points[..., 0] = low + points[..., 0] * (1.0 - low - high)
        else:
            self._bend(points, pose, draw)
        return pose.with_keypoints(keypoints)

    def _bend(self, points: Points, pose: Pose, draw: np.random.Generator) -> None:
        for side in ("left", "right"):
            arm = [name.format(side=side) for name in ARM]
            places = [pose.layout.points.index(n) for n in arm if n in pose.layout.points]
            for number, joint in enumerate(places):
                if draw.random() >= self.joint_probability:
                    continue
                angle = draw.uniform(-self.joint_deg, self.joint_deg)
                follow = [*places[number + 1 :], *pose.layout.parts[f"{side}_hand"]]
                centre = points[:, joint, None].copy()
                moved = rotated(points[:, follow], centre, angle, _aspect(pose))
                # Where the joint was not estimated, nothing is known to turn about.
                points[:, follow] = np.where(np.isnan(centre), points[:, follow], moved)

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames


def rotated(
    points: Points, centre: NDArray[np.floating], angle_deg: float, aspect: float
) -> Points:
    """Points turned about a centre, in shares of a picture whose W / H is `aspect`.

    Args:
        points: (..., 2).
        centre: (..., 2), broadcast against them.
        angle_deg: clockwise as one sees it, since y grows downwards.
        aspect: W / H.
    """
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    x, y = np.moveaxis(points - centre, -1, 0)
    turned = np.stack([cos * x - sin * y / aspect, sin * x * aspect + cos * y], axis=-1)
    return np.asarray(turned + centre, np.float32)


def sheared(points: Points, share: float, *, left: bool) -> Points:
    """Points as seen when one side of the picture is farther away.

    Args:
        points: (..., 2) shares of the picture.
        share: by how much that side's edge moves inwards, and shrinks at each end.
        left: which side.
    """
    square = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], np.float64)
    seen = square.copy()
    edge, inwards = ([0, 2], share) if left else ([1, 3], -share)
    seen[edge, 0] += inwards
    seen[edge, 1] += [share, -share]
    matrix = _homography(square, seen)
    wide = np.concatenate([points, np.ones_like(points[..., :1])], axis=-1) @ matrix.T
    return np.asarray(wide[..., :2] / wide[..., 2:], np.float32)


def _homography(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3, 3) projective map that takes four points to four others (direct linear transform)."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solved = np.linalg.solve(np.array(rows), target.ravel())
    return np.append(solved, 1.0).reshape(3, 3)


def _aspect(pose: Pose) -> float:
    return pose.width / pose.height if pose.width and pose.height else 1.0


@dataclass(frozen=True, slots=True)
class SpoterNormalise:
    """SPOTER's boxes for body and hands, see `sign_etl.schema.normalise_spoter`.

    Attributes:
        eye_to_edge: head heights from the eye to the box's upper edge.
        published: compute what the published code computes, for published weights.
    """

    eye_to_edge: float = 1.0
    published: bool = False

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The normalised pose, about -0.5 to 0.5.

        Raises:
            ConfigError: the layout is not `spoter-54`.
        """
        if pose.layout.name != "spoter-54":
            raise ConfigError(
                f"`spoter-normalise` wants the layout spoter-54, not {pose.layout.name}",
                hint="give the view `layout: spoter-54`",
            )
        size = (pose.width or 1, pose.height or 1)
        keypoints = pose.keypoints.copy()
        keypoints[..., :2] = spoter_normalised(
            pose.keypoints, size, eye_to_edge=self.eye_to_edge, published=self.published
        )
        return pose.with_keypoints(keypoints)

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames


@dataclass(frozen=True, slots=True)
class ClipBox:
    """One square box around all points of a clip, for layouts without shoulders.

    Its middle becomes 0 and its side 1, so place and size of the signer do not count, while both
    hands keep their places to each other.

    Attributes:
        margin: room around the points, as a share of the side.
    """

    margin: float = 0.1

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The normalised pose, within -0.5 to 0.5."""
        keypoints = pose.keypoints.copy()
        stretch = np.array([_aspect(pose), 1.0], np.float32)
        places = keypoints[..., :2] * stretch
        known = places[np.isfinite(places).all(axis=-1)]
        if not len(known):
            return pose
        low, high = known.min(axis=0), known.max(axis=0)
        side = max(float((high - low).max()) * (1.0 + self.margin), 1e-6)
        keypoints[..., :2] = (places - (low + high) / 2) / side
        if pose.layout.has_z:
            keypoints[..., 2] *= stretch[0] / side  # depth is scaled like x
        return pose.with_keypoints(keypoints)

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames


@dataclass(frozen=True, slots=True)
class HandShape:
    """Hands as their wrist's place and the shape around it, in a scale of its own.

    In the box of a signer a hand is small, and so are the differences between handshapes. SPOTER
    puts hands in boxes of their own for that, and loses where they are; here the wrist keeps its
    place, while the other points of its hand become p' = (p - wrist) / size, with the size of the
    hand in this clip: the median of the longer sides of its box.

    Attributes:
        scale: length of such a hand in the result.
    """

    scale: float = 1.0

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The changed pose; points of a hand without wrist are missing."""
        keypoints = pose.keypoints.copy()
        for side in ("left", "right"):
            hand = list(pose.layout.parts[f"{side}_hand"])
            if not hand:
                continue
            wrist, *rest = sorted(hand, key=lambda n: not pose.layout.points[n].endswith("wrist"))
            points = keypoints[:, hand, :2]
            seen = np.isfinite(points).all(axis=(1, 2))
            if not seen.any():
                continue
            sides = (points[seen].max(axis=1) - points[seen].min(axis=1)).max(axis=1)
            size = max(float(np.median(sides)), 1e-6)
            origin = keypoints[:, wrist, None, :-1]
            keypoints[:, rest, :-1] = (keypoints[:, rest, :-1] - origin) * (self.scale / size)
        return pose.with_keypoints(keypoints)

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames

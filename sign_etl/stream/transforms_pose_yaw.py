"""A signer seen from a little to the side: keypoints turned about the vertical axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.schema.layouts import Layout
from sign_etl.stream.base import RngMaker
from sign_etl.stream.transforms_pose import Pose

AXIS: Final = ("left_shoulder", "right_shoulder")
"""The axis goes through the middle between these."""
ORIGINS: Final = {
    "left_hand": ("left_wrist",),
    "right_hand": ("right_wrist",),
    "face": ("left_ear", "right_ear"),
}
"""Points of the body from whose middle MediaPipe counts the depth of other parts."""


@dataclass(frozen=True, slots=True)
class RotateYaw:
    """Turns the signer about the vertical axis, the same for all frames; before a normalisation.

    With x to the right, z away from the camera, both in widths of the picture, and the axis at
    (x0, z0), the middle between the shoulders in the whole clip:

        x' = x0 + (x - x0) cos a + (z - z0) sin a
        z' = z0 - (x - x0) sin a + (z - z0) cos a

    y stays, as if the camera were far away. Above 0, a signer who looks at the camera then looks
    to the left edge of the picture. Hands and face, whose depth counts from wrist and head, are
    turned where these are, and their depth counts from there again. Nobody knows what the new
    view would hide, so scores stay. Where a layout has depth and the data are all 0, the signer
    only becomes narrower.

    Attributes:
        degrees: the largest angle to either side.
        probability: of doing it.
    """

    degrees: float = 45.0
    probability: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.degrees <= 90:
            raise ConfigError(
                f"`degrees` is a number from 0 to 90, not {self.degrees:g}",
                hint="such as `degrees: 45`, the largest angle to either side",
            )
        if not 0 <= self.probability <= 1:
            raise ConfigError(
                f"`probability` is a number from 0 to 1, not {self.probability:g}",
                hint="such as `probability: 0.5`",
            )

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """The turned pose.

        Raises:
            ConfigError: the layout has no depth, or no shoulders.
        """
        kind = pose.layout
        if not kind.has_z or not set(AXIS) <= set(kind.points):
            raise ConfigError(
                f"`rotate-yaw` wants depth and shoulders, which {kind.name} has not",
                hint="make `layout` a transform that comes after it, not an option of the view",
            )
        draw = rng()
        if draw.random() >= self.probability:
            return pose
        angle = draw.uniform(-self.degrees, self.degrees)
        return pose.with_keypoints(turned(pose.keypoints, kind, angle))

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames


def turned(keypoints: NDArray[np.float32], kind: Layout, angle_deg: float) -> NDArray[np.float32]:
    """Keypoints turned about the vertical axis, see `RotateYaw`.

    Args:
        keypoints: (T, K, 4): x / W, y / H, z / W, score; NaN where not estimated.
        kind: their layout, with depth and shoulders.
        angle_deg: a, above 0 towards the left edge of the picture.

    Returns:
        (T, K, 4); as they were where no frame has both shoulders.
    """
    points = keypoints.astype(np.float64)
    middle = points[:, [kind.index(name) for name in AXIS]][..., [0, 2]].mean(axis=1)
    known = np.isfinite(middle).all(axis=1)
    if not known.any():
        return keypoints
    x0, z0 = np.median(middle[known], axis=0)
    for part, names in ORIGINS.items():
        origin = points[:, [kind.index(name) for name in names], 2].mean(axis=1)
        # A hand whose wrist nobody saw hangs at the body's depth.
        points[:, list(kind.parts[part]), 2] += np.nan_to_num(origin, nan=z0)[:, None]
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    x, z = points[..., 0] - x0, points[..., 2] - z0
    points[..., 0], points[..., 2] = x0 + x * cos + z * sin, z0 - x * sin + z * cos
    for part, names in ORIGINS.items():
        origin = points[:, [kind.index(name) for name in names], 2].mean(axis=1)
        points[:, list(kind.parts[part]), 2] -= np.nan_to_num(origin, nan=z0)[:, None]
    return np.asarray(points, np.float32)

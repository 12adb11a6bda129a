"""Uni-Sign's normalisation as a transform of the view `pose`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sign_etl.schema.layouts import layout
from sign_etl.schema.normalise_unisign import SURE, unisign_normalised
from sign_etl.stream.base import RngMaker
from sign_etl.stream.transforms_pose import Pose


@dataclass(frozen=True, slots=True)
class UnisignNormalise:
    """Converts to `unisign-69` and normalises, see `sign_etl.schema.normalise_unisign`.

    Attributes:
        published: take shares of the picture's unequal sides for lengths, as the published weights
            know it; otherwise both axes have one unit.
        min_score: score above which a point is believed.
    """

    published: bool = False
    min_score: float = SURE

    def __call__(self, pose: Pose, rng: RngMaker) -> Pose:
        """(T, 69, 3), finite: x, y and score; what is not believed is 0."""
        known = pose.width and pose.height and not self.published
        made = unisign_normalised(
            pose.keypoints,
            pose.layout.name,
            size=(pose.width, pose.height) if known else None,
            min_score=self.min_score,
        )
        return replace(pose, keypoints=made, layout=layout("unisign-69"))

    def lengths(self, frames: NDArray[np.int32]) -> NDArray[np.int32]:
        """As many as go in."""
        return frames

"""A procedurally rendered frontal signer, with the joints it was drawn from.

Nobody was filmed, and still a real pose estimator finds the body and both hands: the demo runs
the true pipeline on pictures whose right answer is known to the pixel.
"""

from __future__ import annotations

from sign_etl.recipes.signer.hand_model import HandShape
from sign_etl.recipes.signer.joints import joints
from sign_etl.recipes.signer.motion import MOTIONS, clip_poses
from sign_etl.recipes.signer.person import Signer, signer
from sign_etl.recipes.signer.render import render
from sign_etl.recipes.signer.skeleton import Arm, Pose

__all__ = [
    "MOTIONS",
    "Arm",
    "HandShape",
    "Pose",
    "Signer",
    "clip_poses",
    "joints",
    "render",
    "signer",
]

"""Names of features in a build: of their sets and of their members in the shards."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import StringConstraints

FEATURES: Final = ".feat.npy"
"""End of the name of a member with features; those with keypoints end in `.npy` alone."""
FeatureName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,15}$")]
"""A set's name; with a clip key of 72 characters its member still fits into a USTAR name."""


def feature_member(name: str) -> str:
    """The member of a set, such as `clip.feat.npy`."""
    return f"{name}{FEATURES}"


def is_features(member: str) -> bool:
    """True for members that hold features."""
    return member.endswith(FEATURES)

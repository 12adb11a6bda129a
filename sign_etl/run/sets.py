"""The keypoints and features of a build as a whole, for manifest and lock."""

from __future__ import annotations

from sign_etl.keypoints import importing
from sign_etl.schema.backend_options import feature_identity, pose_identity
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.schema.records import FeatureSetRecord, PoseSetRecord
from sign_etl.stages.setup import Setup


def feature_sets(setup: Setup) -> dict[str, FeatureSetRecord]:
    """The features of a build, for manifest and lock."""
    return {
        each.name: FeatureSetRecord(
            backend=each.backend,
            version=each.version,
            size=each.size,
            options=feature_identity(each.options),
            weights=dict(each.weights),
        )
        for each in setup.features
    }


def pose_sets(setup: Setup) -> dict[str, PoseSetRecord]:
    """The pose backends of a build, and imported keypoints, for manifest and lock."""
    imported = setup.imported
    taken = (
        {
            IMPORTED: PoseSetRecord(
                layout=imported.layout,
                version=importing.VERSION,
                options=imported.options(),
                weights={},
            )
        }
        if imported
        else {}
    )
    return taken | {
        pose.name: PoseSetRecord(
            layout=pose.layout,
            version=pose.version,
            options=pose_identity(pose.options),
            weights=dict(pose.weights),
        )
        for pose in setup.poses
    }

"""Everything that a worker must know to process clips, as JSON: it travels to other nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.core.store import Store, open_store
from sign_etl.schema.keypoint_set import KeypointSet
from sign_etl.schema.pipeline import Pipeline
from sign_etl.stages.item import Stage


@dataclass(frozen=True, slots=True)
class PoseSetup:
    """A pose backend as this build uses it.

    Attributes:
        name: of the backend.
        version: of the backend's code.
        layout: of its keypoints.
        options: validated options as JSON.
        weights: sha256 of the model files by name.
        annotation_bound: True where the result depends on the annotation id.
        uses_bbox: True where the result depends on the annotated box.
    """

    name: str
    version: str
    layout: str
    options: Mapping[str, Any]
    weights: Mapping[str, str]
    annotation_bound: bool
    uses_bbox: bool = False


@dataclass(frozen=True, slots=True)
class FeatureSetup:
    """A set of features as this build computes it.

    Attributes:
        name: of the set.
        backend: that computes it.
        version: of the backend's code.
        size: D, numbers in each time step; 0 where only the network itself tells.
        options: validated options as JSON.
        weights: sha256 of the model files by name.
    """

    name: str
    backend: str
    version: str
    size: int
    options: Mapping[str, Any]
    weights: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker needs.

    Attributes:
        pipeline: the choices, as JSON (`Pipeline.model_dump`).
        store: URL of the store.
        recipe: name of the recipe.
        sources: folder of this build for downloads in hand. Not in the store, because a source is
            released after its last clip, and another build may still need the same bytes.
        media: folder with local files, None where sources are downloaded.
        weights: folder with the model files.
        poses: the backends, in pipeline order.
        imported: what is known of keypoints that others extracted; None where the data set has
            videos only.
        features: sets of features, in pipeline order.
    """

    pipeline: Mapping[str, Any]
    store: str
    recipe: str
    sources: str
    media: str | None
    weights: str
    poses: tuple[PoseSetup, ...]
    imported: KeypointSet | None = None
    features: tuple[FeatureSetup, ...] = ()

    def choices(self) -> Pipeline:
        """The pipeline as a model."""
        return Pipeline.model_validate(self.pipeline)

    def open_store(self) -> Store:
        """The store."""
        return open_store(self.store)


def setup_from_json(value: Mapping[str, Any]) -> Setup:
    """The inverse of `dataclasses.asdict`, after a way through JSON."""
    imported = value.get("imported")
    return Setup(
        **{
            **value,
            "poses": tuple(PoseSetup(**pose) for pose in value["poses"]),
            "imported": KeypointSet(**imported) if imported else None,
            "features": tuple(FeatureSetup(**each) for each in value.get("features", ())),
        }
    )


def clip_stages(setup: Setup) -> list[Stage]:
    """The stages that a clip may pass after `fetch`, for one worker; close each when done."""
    from sign_etl.stages.features import FeatureStage
    from sign_etl.stages.imported import ImportStage
    from sign_etl.stages.normalise import NormaliseStage
    from sign_etl.stages.pose import PoseStage
    from sign_etl.stages.quality import QualityStage

    return [
        NormaliseStage(setup),
        *(PoseStage(setup, pose) for pose in setup.poses),
        *([ImportStage(setup)] if setup.imported else []),
        *(FeatureStage(setup, features) for features in setup.features),
        QualityStage(setup),
    ]


def versions(setup: Setup) -> dict[str, str]:
    """Versions of all stages, for manifest and lock."""
    from sign_etl.keypoints import importing
    from sign_etl.media import normalise
    from sign_etl.shard import pack
    from sign_etl.stages import fetch, quality

    return {
        "fetch": fetch.VERSION,
        "normalise": normalise.VERSION,
        **{f"pose:{pose.name}": pose.version for pose in setup.poses},
        **({"import": importing.VERSION} if setup.imported else {}),
        **{f"features:{each.name}": each.version for each in setup.features},
        "quality": quality.VERSION,
        "pack": pack.VERSION,
    }


def weights_folder(setup: Setup) -> Path:
    """Where the model files are."""
    return Path(setup.weights)

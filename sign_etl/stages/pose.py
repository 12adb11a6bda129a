"""`pose`: keypoints of normalised clips by one backend, its model in a guarded child."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.guard import Guard, Limits
from sign_etl.core.store import Entry
from sign_etl.pose.base import BACKENDS
from sign_etl.pose.weights import provide
from sign_etl.schema.outcome import StageName
from sign_etl.schema.pipeline import pose_identity
from sign_etl.stages.item import Item
from sign_etl.stages.model import ModelStage
from sign_etl.stages.setup import PoseSetup, Setup, weights_folder

TARGET = "sign_etl.pose.child:estimate"
BASE_S = 120.0
PER_FRAME_S = 1.0
"""A clip may take this long: the slowest laptop's model, not a wish. Several in one call get no
more than the longest of them: batches are for machines that are far faster, and what takes longer
is tried again one by one."""
MEMORY_BYTES = 6 << 30
CALLS = 200
"""Clips after which the child is replaced: MediaPipe leaks."""


class PoseStage(ModelStage):
    """Runs one backend, in a guarded child that it owns."""

    kind, blob = StageName.POSE, "keypoints"

    def __init__(self, setup: Setup, pose: PoseSetup) -> None:
        calls = max(1, CALLS // setup.choices().pools.pose.batch)
        limits = Limits(BASE_S, MEMORY_BYTES, calls=calls, maps_freely=True)
        super().__init__(setup, pose.name, Guard(TARGET, limits))
        self._setup = setup
        self._pose = pose

    def _check(self) -> None:
        backend = BACKENDS.get(self._pose.name)
        options, folder = backend.options(self._pose.options), weights_folder(self._setup)
        provide(backend, options, folder, self._pose.weights)

    def _request(self) -> dict[str, Any]:
        return {
            "backend": self._pose.name,
            "options": dict(self._pose.options),
            "weights_folder": self._setup.weights,
        }

    def _asked(self, item: Item) -> dict[str, Any]:
        blob, video = self._video(item)
        return {
            "video": str(self._store.path(blob)),
            "frames": video["frames"],
            "width": video["width"],
            "height": video["height"],
            "fps": video["fps"],
            "annotation_id": item.clip.annotation_id,
            "dataset": self._setup.recipe,
            "bbox": self._prior(item),
        }

    def _wall_s(self, frames: int) -> float:
        return BASE_S + PER_FRAME_S * frames

    def _made(self, item: Item, entry: Entry) -> Item:
        return replace(item, poses={**item.poses, self._pose.name: entry})

    def _fingerprint(self, item: Item) -> str:
        pose = self._pose
        bound = [self._setup.recipe, item.clip.annotation_id] if pose.annotation_bound else None
        prior = self._prior(item)
        return digest(
            [
                self.name,
                pose.version,
                pose_identity(pose.options),
                sorted(pose.weights.values()),
                self._video(item)[0].sha256,
                bound,
                *([prior] if prior is not None else []),
            ]
        )

    def _prior(self, item: Item) -> list[float] | None:
        if not self._pose.uses_bbox or item.clip.bbox is None:
            return None
        return prior(item.clip.bbox, self._video(item)[1]["crop"])


def prior(bbox: Sequence[float], crop: Sequence[float]) -> list[float] | None:
    """Where the data set says that the signer is, as shares of the normalised picture.

    Args:
        bbox: x0, y0, x1, y1 in pixels of the upright source.
        crop: what `normalise` made the picture of, likewise.

    Returns:
        x0, y0, x1, y1 inside of [0, 1]; None where the box is no box, or lies outside.
    """
    x0, y0, x1, y1 = crop
    sides = (x1 - x0, y1 - y0) * 2
    shares = [(at - low) / side for at, low, side in zip(bbox, (x0, y0) * 2, sides, strict=True)]
    # Rounded, so that the last bit of a division is not part of a fingerprint.
    left, top, right, bottom = (round(min(max(share, 0.0), 1.0), 6) for share in shares)
    whole = all(map(math.isfinite, bbox)) and left < right and top < bottom
    return [left, top, right, bottom] if whole else None

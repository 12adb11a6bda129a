"""`pose`: keypoints of normalised clips by one backend, its model in a guarded child."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.files import disk_errors
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.core.store import Entry
from sign_etl.pose.base import BACKENDS
from sign_etl.pose.weights import provide
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.pipeline import pose_identity
from sign_etl.stages.item import Item
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


class PoseStage:
    """Runs one backend, in a guarded child that it owns."""

    def __init__(self, setup: Setup, pose: PoseSetup) -> None:
        self.name = f"{StageName.POSE.value}:{pose.name}"
        self._store = setup.open_store()
        self._setup = setup
        self._pose = pose
        calls = max(1, CALLS // setup.choices().pools.pose.batch)
        limits = Limits(BASE_S, MEMORY_BYTES, calls=calls, maps_freely=True)
        self._guard = Guard(TARGET, limits)
        self._provided = False

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return item.clip.source.keypoints is None

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self._folder, self._fingerprint(item))
        if entry is None or not self._store.complete(entry):
            return None
        return replace(item, poses={**item.poses, self._pose.name: entry})

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        [made] = self.run_many([item])
        return made

    def run_many(self, items: Sequence[Item]) -> list[Item]:
        """See `BatchStage`; a clip that ends the child takes none of its neighbours along."""
        self._provide()
        with disk_errors(self._store.root), self._store.scratch() as scratch:
            outs = [scratch / f"{number}.npy" for number in range(len(items))]
            clips = [self._asked(item, out) for item, out in zip(items, outs, strict=True)]
            reply = self._guard.call(
                {
                    "backend": self._pose.name,
                    "options": dict(self._pose.options),
                    "weights_folder": self._setup.weights,
                    "clips": clips,
                },
                wall_s=BASE_S + PER_FRAME_S * max(clip["frames"] for clip in clips),
            )
            if not isinstance(reply, Breach):
                return [
                    self._made(item, facts, out)
                    for item, facts, out in zip(items, reply["clips"], outs, strict=True)
                ]
        if len(items) > 1:  # one of them is to blame, and which is found out by trying
            return [self.run(item) for item in items]
        reject = Reject(StageName.POSE, Reason(reply.reason), f"{self._pose.name}: {reply.detail}")
        return [items[0].rejected(reject, reply.stderr)]

    def interrupt(self) -> None:
        """See `Stage`."""
        self._guard.interrupt()

    def close(self) -> None:
        """See `Stage`."""
        self._guard.close()

    def _provide(self) -> None:
        # Workers may be on other machines than the one that looked at the weights before.
        if not self._provided:
            backend = BACKENDS.get(self._pose.name)
            options, folder = backend.options(self._pose.options), weights_folder(self._setup)
            provide(backend, options, folder, self._pose.weights)
            self._provided = True

    @property
    def _folder(self) -> str:
        return f"{StageName.POSE.value}-{self._pose.name}"

    def _asked(self, item: Item, out: Path) -> dict[str, Any]:
        assert item.video is not None
        video = item.video.facts["video"]
        return {
            "video": str(self._store.path(item.video.blobs["video"])),
            "frames": video["frames"],
            "width": video["width"],
            "height": video["height"],
            "fps": video["fps"],
            "annotation_id": item.clip.annotation_id,
            "dataset": self._setup.recipe,
            "bbox": self._prior(item),
            "out": str(out),
        }

    def _made(self, item: Item, facts: Mapping[str, Any], out: Path) -> Item:
        entry: Entry = self._store.put(
            self._folder, self._fingerprint(item), facts=_stable(facts), files={"keypoints": out}
        )
        return replace(item, poses={**item.poses, self._pose.name: entry})

    def _fingerprint(self, item: Item) -> str:
        assert item.video is not None
        pose = self._pose
        bound = [self._setup.recipe, item.clip.annotation_id] if pose.annotation_bound else None
        prior = self._prior(item)
        return digest(
            [
                self.name,
                pose.version,
                pose_identity(pose.options),
                sorted(pose.weights.values()),
                item.video.blobs["video"].sha256,
                bound,
                *([prior] if prior is not None else []),
            ]
        )

    def _prior(self, item: Item) -> list[float] | None:
        if not self._pose.uses_bbox or item.clip.bbox is None:
            return None
        assert item.video is not None
        return prior(item.clip.bbox, item.video.facts["video"]["crop"])


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


def _stable(facts: Mapping[str, Any]) -> dict[str, Any]:
    # Times differ between runs and have no place in the store.
    return {name: value for name, value in facts.items() if name != "ms"}

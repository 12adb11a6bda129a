"""`pose`: keypoints of a normalised clip by one backend, its model in a guarded child."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.files import disk_errors
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.item import Item
from sign_etl.stages.setup import PoseSetup, Setup

TARGET = "sign_etl.pose.child:estimate"
BASE_S = 120.0
PER_FRAME_S = 1.0
"""A clip may take this long: the slowest laptop's model, not a wish."""
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
        limits = Limits(wall_s=BASE_S, memory_bytes=MEMORY_BYTES, calls=CALLS)
        self._guard = Guard(TARGET, limits)

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
        assert item.video is not None
        video = item.video.facts["video"]
        with disk_errors(self._store.root), self._store.scratch() as scratch:
            out = scratch / "keypoints.npy"
            reply = self._guard.call(
                {
                    "backend": self._pose.name,
                    "options": dict(self._pose.options),
                    "weights_folder": self._setup.weights,
                    "clip": {
                        "video": str(self._store.path(item.video.blobs["video"])),
                        "frames": video["frames"],
                        "width": video["width"],
                        "height": video["height"],
                        "fps": video["fps"],
                        "annotation_id": item.clip.annotation_id,
                        "dataset": self._setup.recipe,
                    },
                    "out": str(out),
                },
                wall_s=BASE_S + PER_FRAME_S * video["frames"],
            )
            if isinstance(reply, Breach):
                reject = Reject(StageName.POSE, Reason(reply.reason), self._detail(reply))
                return item.rejected(reject, reply.stderr)
            entry = self._store.put(
                self._folder,
                self._fingerprint(item),
                facts=_stable(reply),
                files={"keypoints": out},
            )
        return replace(item, poses={**item.poses, self._pose.name: entry})

    def interrupt(self) -> None:
        """See `Stage`."""
        self._guard.interrupt()

    def close(self) -> None:
        """See `Stage`."""
        self._guard.close()

    @property
    def _folder(self) -> str:
        return f"{StageName.POSE.value}-{self._pose.name}"

    def _detail(self, breach: Breach) -> str:
        return f"{self._pose.name}: {breach.detail}"

    def _fingerprint(self, item: Item) -> str:
        assert item.video is not None
        pose = self._pose
        bound = [self._setup.recipe, item.clip.annotation_id] if pose.annotation_bound else None
        return digest(
            [
                self.name,
                pose.version,
                dict(pose.options),
                sorted(pose.weights.values()),
                item.video.blobs["video"].sha256,
                bound,
            ]
        )


def _stable(reply: Mapping[str, Any]) -> dict[str, Any]:
    # Times differ between runs and have no place in the store.
    return {name: value for name, value in reply.items() if name != "ms"}

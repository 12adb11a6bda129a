"""`features`: what a frozen network sees in the frames of normalised clips, in a guarded child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.files import disk_errors
from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.core.store import Entry
from sign_etl.features.base import BACKENDS
from sign_etl.features.weights import same_here
from sign_etl.schema.backend_options import PLACES, feature_identity
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.item import Item
from sign_etl.stages.setup import FeatureSetup, Setup

TARGET = "sign_etl.features.child:compute"
BASE_S = 180.0
"""Loading a large network from a slow disk is part of the first call."""
PER_FRAME_S = 2.0
"""The largest tower on one slow core, not a wish; as in `sign_etl.stages.pose`."""
MEMORY_BYTES = 12 << 30
ENVIRONMENT = {
    # One thread, whatever the machine has: sums in another order are other bytes.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class FeatureStage:
    """Runs one frozen network, in a guarded child that it owns."""

    def __init__(self, setup: Setup, features: FeatureSetup) -> None:
        self.name = f"{StageName.FEATURES.value}:{features.name}"
        self._store = setup.open_store()
        self._features = features
        limits = Limits(BASE_S, MEMORY_BYTES, maps_freely=True)
        self._guard = Guard(TARGET, limits, environment=ENVIRONMENT)
        self._checked = False

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return item.clip.source.keypoints is None

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self._folder, self._fingerprint(item))
        if entry is None or not self._store.complete(entry):
            return None
        return replace(item, features={**item.features, self._features.name: entry})

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        [made] = self.run_many([item])
        return made

    def run_many(self, items: Sequence[Item]) -> list[Item]:
        """See `BatchStage`; a clip that ends the child takes none of its neighbours along."""
        self._check()
        with disk_errors(self._store.root), self._store.scratch() as scratch:
            outs = [scratch / f"{number}.npy" for number in range(len(items))]
            clips = [self._asked(item, out) for item, out in zip(items, outs, strict=True)]
            reply = self._guard.call(
                {
                    "backend": self._features.backend,
                    "options": dict(self._features.options),
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
        detail = f"{self._features.name}: {reply.detail}"
        reject = Reject(StageName.FEATURES, Reason(reply.reason), detail)
        return [items[0].rejected(reject, reply.stderr)]

    def interrupt(self) -> None:
        """See `Stage`."""
        self._guard.interrupt()

    def close(self) -> None:
        """See `Stage`."""
        self._guard.close()

    def _check(self) -> None:
        # Workers may be on other machines than the one that looked at the model before.
        if not self._checked:
            backend = BACKENDS.get(self._features.backend)
            options = backend.options(self._features.options)
            same_here(backend, options, self._features.weights)
            self._checked = True

    @property
    def _folder(self) -> str:
        return f"{StageName.FEATURES.value}-{self._features.name}"

    def _asked(self, item: Item, out: Path) -> dict[str, Any]:
        assert item.video is not None
        video = item.video.facts["video"]
        return {
            "video": str(self._store.path(item.video.blobs["video"])),
            "frames": video["frames"],
            "fps": video["fps"],
            "out": str(out),
        }

    def _made(self, item: Item, facts: Mapping[str, Any], out: Path) -> Item:
        entry: Entry = self._store.put(
            self._folder, self._fingerprint(item), facts=facts, files={"features": out}
        )
        return replace(item, features={**item.features, self._features.name: entry})

    def _fingerprint(self, item: Item) -> str:
        assert item.video is not None
        features = self._features
        options = feature_identity(features.options)
        return digest(
            [
                StageName.FEATURES.value,
                features.backend,
                features.version,
                {name: value for name, value in options.items() if name not in PLACES},
                sorted(features.weights.values()),
                item.video.blobs["video"].sha256,
            ]
        )

"""`features`: what a frozen network sees in the frames of normalised clips, in a guarded child."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.guard import Guard, Limits
from sign_etl.core.store import Entry
from sign_etl.features.base import BACKENDS
from sign_etl.features.weights import same_here
from sign_etl.schema.backend_options import PLACES, feature_identity
from sign_etl.schema.outcome import StageName
from sign_etl.stages.item import Item
from sign_etl.stages.model import ModelStage
from sign_etl.stages.setup import FeatureSetup, Setup

TARGET = "sign_etl.features.child:compute"
BASE_S = 180.0
"""Loading a large network from a slow disk is part of the first call."""
PER_FRAME_S = 6.0
"""The largest tower on one slow core, not a wish; as in `sign_etl.stages.pose`. CLIP L/14 took 2 s
of CPU a frame on one thread, 3.7 s beside other work; at 336 pixels it would be 2.4 times that."""
MEMORY_BYTES = 12 << 30
ENVIRONMENT = {
    # One thread, whatever the machine has: sums in another order are other bytes.
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class FeatureStage(ModelStage):
    """Runs one frozen network, in a guarded child that it owns."""

    kind, blob = StageName.FEATURES, "features"

    def __init__(self, setup: Setup, features: FeatureSetup) -> None:
        limits = Limits(BASE_S, MEMORY_BYTES, maps_freely=True)
        super().__init__(setup, features.name, Guard(TARGET, limits, environment=ENVIRONMENT))
        self._features = features

    def _check(self) -> None:
        backend = BACKENDS.get(self._features.backend)
        same_here(backend, backend.options(self._features.options), self._features.weights)

    def _request(self) -> dict[str, Any]:
        return {"backend": self._features.backend, "options": dict(self._features.options)}

    def _asked(self, item: Item) -> dict[str, Any]:
        blob, video = self._video(item)
        return {
            "video": str(self._store.path(blob)),
            "frames": video["frames"],
            "fps": video["fps"],
        }

    def _wall_s(self, frames: int) -> float:
        return BASE_S + PER_FRAME_S * frames

    def _made(self, item: Item, entry: Entry) -> Item:
        return replace(item, features={**item.features, self._features.name: entry})

    def _fingerprint(self, item: Item) -> str:
        features = self._features
        options = feature_identity(features.options)
        return digest(
            [
                self.kind.value,
                features.backend,
                features.version,
                {name: value for name, value in options.items() if name not in PLACES},
                sorted(features.weights.values()),
                self._video(item)[0].sha256,
            ]
        )

"""Which shard is complete, and what goes into it: from plan, results and store."""

from __future__ import annotations

import threading
from pathlib import Path

from sign_etl.core.seams import seam
from sign_etl.core.store import Entry, Store
from sign_etl.reader.manifest import MANIFEST
from sign_etl.run.journal import Result
from sign_etl.run.plan import Plan
from sign_etl.schema.clip import Clip
from sign_etl.shard.pack import Sample, inputs_digest, load_packed, pack, remove
from sign_etl.stages.sample import make_sample
from sign_etl.stages.setup import Setup


class Packer:
    """Collects results by shard and packs each shard once all its clips are at their end.

    `add` and `pack` may run in different threads.
    """

    def __init__(self, plan: Plan, setup: Setup, build: Path) -> None:
        self._plan = plan
        self._setup = setup
        self._build = build
        self._store: Store = setup.open_store()
        self._config = setup.choices().pack
        self.shards = {path: (start, count) for path, start, count in plan.shards()}
        numbers = plan.table["shard"].dictionary_encode().combine_chunks()
        self._paths: list[str] = numbers.dictionary.to_pylist()
        self._shard_of = dict(
            zip(plan.table["key"].to_pylist(), numbers.indices.to_pylist(), strict=True)
        )
        self._results: dict[str, dict[str, Result]] = {path: {} for path in self.shards}
        self._withdrawing = threading.Lock()

    def add(self, result: Result) -> str | None:
        """Take a result; returns the path of the shard that it completes, if it does."""
        path = self._paths[self._shard_of[result.key]]
        results = self._results[path]
        results[result.key] = result
        return path if len(results) == self.shards[path][1] else None

    def pack(self, path: str) -> list[str]:
        """Write a complete shard unless it stands there already.

        Returns:
            Keys whose bytes the store has lost; they must be built again.
        """
        start, count = self.shards[path]
        results = self._results.pop(path)
        labels = self._plan.table["label_id"].slice(start, count).to_pylist()
        samples = []
        lost = []
        for clip, label_id in zip(self._plan.clips(start, count), labels, strict=True):
            result = results[clip.key]
            if result.reject is not None:
                continue
            sample = self._sample(clip, label_id, result)
            if sample is None:
                lost.append(clip.key)
            else:
                samples.append(sample)
        if lost:
            return lost
        existing = load_packed(self._build, path)
        if not samples:
            if existing is not None or (self._build / path).exists():
                self.withdraw()
                remove(self._build, path)
            return []
        dtype = self._config.dtype
        if existing is not None and existing.inputs == inputs_digest(samples, dtype=dtype):
            return []
        self.withdraw()
        return list(pack(self._store, self._build, path, samples, dtype=dtype).missing)

    def withdraw(self) -> None:
        """Take the manifest away before a published shard changes: readers trust it alone."""
        with self._withdrawing:
            (self._build / MANIFEST).unlink(missing_ok=True)
            seam("shards.withdrawn", self._build)

    def _sample(self, clip: Clip, label_id: int | None, result: Result) -> Sample | None:
        imported = clip.source.keypoints is not None
        video = self._entry("import" if imported else "normalise", result.video)
        quality = self._entry("quality", result.quality)
        poses = {
            name: video if imported else self._entry(f"pose-{name}", fingerprint)
            for name, fingerprint in result.poses.items()
        }
        features = {
            name: self._entry(f"features-{name}", fingerprint)
            for name, fingerprint in result.features.items()
        }
        if video is None or quality is None:
            return None
        if None in poses.values() or None in features.values():
            return None
        return make_sample(
            self._setup,
            clip,
            label_id,
            video=video,
            poses={name: entry for name, entry in poses.items() if entry is not None},
            features={name: entry for name, entry in features.items() if entry is not None},
            quality=quality,
            keep_video=self._config.keep_video,
            dtype=self._config.dtype,
        )

    def _entry(self, stage: str, fingerprint: str | None) -> Entry | None:
        return None if fingerprint is None else self._store.get(stage, fingerprint)

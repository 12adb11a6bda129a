"""`import`: keypoints that others extracted, in the place of video and pose estimation."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from sign_etl.core.canonical import digest
from sign_etl.core.files import disk_errors
from sign_etl.core.guard import Guard
from sign_etl.keypoints import importing
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.item import Item
from sign_etl.stages.setup import Setup


class ImportStage:
    """Reads foreign keypoint files, in a guarded child that it owns."""

    name = StageName.IMPORT.value

    def __init__(self, setup: Setup) -> None:
        self._store = setup.open_store()
        self._config = setup.choices().normalise
        self._wanted = setup.imported
        self._guard = Guard(importing.TARGET, importing.LIMITS)

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return item.clip.source.keypoints is not None

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self.name, self._fingerprint(item))
        if entry is None:
            return None
        if entry.reject is not None:
            return item.rejected(Reject.from_json(dict(entry.reject)))
        if not self._store.complete(entry):
            return None
        return replace(item, video=entry, poses={IMPORTED: entry})

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        clip, source = item.clip, item.source
        assert source is not None
        assert clip.source.keypoints is not None
        if self._wanted is None:  # a recipe that keeps its layout to itself
            reject = Reject(StageName.IMPORT, Reason.UNSUPPORTED_FORMAT, "no layout is known")
            return item.rejected(reject)
        with disk_errors(self._store.root), self._store.scratch() as scratch:
            out = scratch / "keypoints.npy"
            facts = importing.import_keypoints(
                self._guard,
                Path(source.path),
                source.size_bytes,
                clip.source.keypoints,
                clip.source.part,
                start_s=0.0 if clip.source.trimmed else clip.start_s,
                end_s=None if clip.source.trimmed else clip.end_s,
                declared_fps=clip.declared_fps,
                config=self._config,
                wanted=self._wanted,
                out=out,
            )
            fingerprint = self._fingerprint(item)
            if isinstance(facts, Reject):
                if facts.reason.from_bytes:
                    self._store.put(self.name, fingerprint, facts={}, reject=facts.to_json())
                return item.rejected(facts)
            entry = self._store.put(self.name, fingerprint, facts=facts, files={"keypoints": out})
        return replace(item, video=entry, poses={IMPORTED: entry})

    def interrupt(self) -> None:
        """See `Stage`."""
        self._guard.interrupt()

    def close(self) -> None:
        """See `Stage`."""
        self._guard.close()

    def _fingerprint(self, item: Item) -> str:
        clip, source = item.clip, item.source
        assert source is not None
        return digest(
            [
                self.name,
                importing.VERSION,
                source.sha256,
                clip.source.keypoints,
                clip.source.part,
                None if clip.source.trimmed else [clip.start_s, clip.end_s],
                clip.declared_fps,
                importing.choices(self._config),
                asdict(self._wanted) if self._wanted else None,
            ]
        )

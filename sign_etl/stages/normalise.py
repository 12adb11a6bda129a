"""`normalise`: one labelled span of a source becomes a clip with constant frame rate and size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sign_etl.core.canonical import digest
from sign_etl.core.files import disk_errors
from sign_etl.core.guard import Guard
from sign_etl.media import normalise
from sign_etl.schema.outcome import Reject, StageName
from sign_etl.stages.item import Item
from sign_etl.stages.setup import Setup


class NormaliseStage:
    """Decodes untrusted bytes, in a guarded child that it owns."""

    name = StageName.NORMALISE.value

    def __init__(self, setup: Setup) -> None:
        pipeline = setup.choices()
        self._store = setup.open_store()
        self._config = pipeline.normalise
        self._identity = pipeline.identity()["normalise"]
        self._guard = Guard(normalise.TARGET, normalise.limits(self._config))

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return item.clip.source.keypoints is None

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self.name, self._fingerprint(item))
        if entry is None:
            return None
        if entry.reject is not None:
            return item.rejected(Reject.from_json(dict(entry.reject)))
        return replace(item, video=entry) if self._store.complete(entry) else None

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        clip, source = item.clip, item.source
        assert source is not None
        fingerprint = self._fingerprint(item)
        with disk_errors(self._store.root), self._store.scratch() as scratch:
            out = scratch / "clip.mp4"
            facts = normalise.normalise(
                self._guard,
                Path(source.path),
                source.container,
                frames_fps=clip.source.frames_fps,
                start_s=0.0 if clip.source.trimmed else clip.start_s,
                end_s=None if clip.source.trimmed else clip.end_s,
                declared_fps=clip.declared_fps,
                bbox=clip.bbox,
                config=self._config,
                out=out,
            )
            if isinstance(facts, Reject):
                if facts.reason.from_bytes:
                    self._store.put(self.name, fingerprint, facts={}, reject=facts.to_json())
                return item.rejected(facts)
            entry = self._store.put(self.name, fingerprint, facts=facts, files={"video": out})
        return replace(item, video=entry)

    def interrupt(self) -> None:
        """See `Stage`."""
        self._guard.interrupt()

    def close(self) -> None:
        """See `Stage`."""
        self._guard.close()

    def _fingerprint(self, item: Item) -> str:
        clip, source = item.clip, item.source
        assert source is not None
        span = None if clip.source.trimmed else [clip.start_s, clip.end_s]
        box = clip.bbox if self._config.crop == "bbox" else None
        return digest(
            [
                self.name,
                normalise.VERSION,
                source.sha256,
                clip.source.frames_fps,
                span,
                clip.declared_fps,
                box,
                self._identity,
            ]
        )

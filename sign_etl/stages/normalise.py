"""`normalise`: one labelled span of a source becomes a clip with constant frame rate and size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.guard import Guard
from sign_etl.core.store import Entry
from sign_etl.media import normalise
from sign_etl.schema.outcome import Reject, StageName
from sign_etl.stages.cut import CutStage
from sign_etl.stages.item import Item
from sign_etl.stages.setup import Setup


class NormaliseStage(CutStage):
    """Decodes untrusted bytes."""

    name, blob, file = StageName.NORMALISE.value, "video", "clip.mp4"

    def __init__(self, setup: Setup) -> None:
        pipeline = setup.choices()
        super().__init__(setup, Guard(normalise.TARGET, normalise.limits(pipeline.normalise)))
        self._config = pipeline.normalise
        self._identity = pipeline.identity()["normalise"]

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return item.clip.source.keypoints is None

    def _cut(self, item: Item, out: Path) -> dict[str, Any] | Reject:
        clip, source = item.clip, item.source
        assert source is not None
        return normalise.normalise(
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

    def _made(self, item: Item, entry: Entry) -> Item:
        return replace(item, video=entry)

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

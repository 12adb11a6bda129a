"""`import`: keypoints that others extracted, in the place of video and pose estimation."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from sign_etl.core.canonical import digest
from sign_etl.core.guard import Guard
from sign_etl.core.store import Entry
from sign_etl.keypoints import importing
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.cut import CutStage
from sign_etl.stages.item import Item
from sign_etl.stages.setup import Setup


class ImportStage(CutStage):
    """Reads foreign keypoint files."""

    name, blob, file = StageName.IMPORT.value, "keypoints", "keypoints.npy"

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup, Guard(importing.TARGET, importing.LIMITS))
        self._config = setup.choices().normalise
        self._wanted = setup.imported

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return item.clip.source.keypoints is not None

    def _cut(self, item: Item, out: Path) -> dict[str, Any] | Reject:
        clip, source = item.clip, item.source
        assert source is not None
        assert clip.source.keypoints is not None
        if self._wanted is None:  # a recipe that keeps its layout to itself
            return Reject(StageName.IMPORT, Reason.UNSUPPORTED_FORMAT, "no layout is known")
        return importing.import_keypoints(
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

    def _made(self, item: Item, entry: Entry) -> Item:
        return replace(item, video=entry, poses={IMPORTED: entry})

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

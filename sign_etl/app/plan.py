"""`plan`: what a build would hold and cost, before anything runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.compute as pc

from sign_etl.app.prepare import IngestRequest, prepare
from sign_etl.run.plan import Plan
from sign_etl.schema.layouts import layout
from sign_etl.schema.pipeline import Pipeline
from sign_etl.stages.setup import Setup

ASSUMED_CLIP_S = 3.0
"""Length of a clip whose end is not annotated, for estimates only."""
BITS_PER_PIXEL = 0.09
"""x264 at the default crf on signing clips; measured on clips of 852x480."""
FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in numbers.

    Attributes:
        name: of the pipeline.
        clips: requested clips.
        sources: distinct sources.
        shards: planned shards.
        splits: clips by split.
        labels: number of classes.
        local_bytes: bytes of the sources that are on this disk already.
        local_sources: their number.
        seconds: annotated length of all clips (open ends counted as 3 s).
        disk_bytes: estimated bytes on disk by stage.
        digest: of the plan.
    """

    name: str
    clips: int
    sources: int
    shards: int
    splits: dict[str, int]
    labels: int
    local_bytes: int
    local_sources: int
    seconds: float
    disk_bytes: dict[str, int]
    digest: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def plan(request: IngestRequest) -> PlanSummary:
    """Resolve a request and sum it up; nothing but annotation files is fetched.

    Raises:
        SignEtlError: as `ingest` would at its beginning.
    """
    prepared = prepare(request, weights=False)
    made = prepared.plan
    local_sources, local_bytes = _local(made, prepared.setup)
    seconds = _seconds(made)
    return PlanSummary(
        name=prepared.pipeline.name,
        clips=len(made),
        sources=len(pc.unique(made.table["source_id"])),
        shards=len(made.shards()),
        splits=dict(sorted(Counter(made.table["split"].to_pylist()).items())),
        labels=len(made.labels),
        local_bytes=local_bytes,
        local_sources=local_sources,
        seconds=round(seconds, 1),
        disk_bytes=_disk(prepared.pipeline, prepared.setup, seconds),
        digest=made.digest,
    )


def _local(made: Plan, setup: Setup) -> tuple[int, int]:
    if setup.media is None:
        return 0, 0
    from pathlib import Path

    from sign_etl.core.folder_index import FolderIndex

    folder = FolderIndex(Path(setup.media))
    found = {}
    for names in made.table["names"].to_pylist():
        path = folder.find(tuple(names))
        if path is not None:
            found[path] = path.stat().st_size
    return len(found), sum(found.values())


def _seconds(made: Plan) -> float:
    spans = pc.subtract(made.table["end_s"], made.table["start_s"])
    return float(pc.sum(pc.fill_null(spans, ASSUMED_CLIP_S)).as_py() or 0.0)


def _disk(pipeline: Pipeline, setup: Setup, seconds: float) -> dict[str, int]:
    frames = seconds * (pipeline.normalise.fps or 25.0)
    pixels = pipeline.normalise.short_side**2 * 16 / 9
    video = int(frames * pixels * BITS_PER_PIXEL / 8)
    estimate = {"normalise": video}
    half = 2 if pipeline.pack.dtype == "float16" else FLOAT_BYTES
    packed = video if pipeline.pack.keep_video else 0
    for pose in setup.poses:
        kind = layout(pose.layout)
        values = int(frames * kind.size * kind.channels)
        estimate[f"pose:{pose.name}"] = values * FLOAT_BYTES
        packed += values * half
    return estimate | {"pack": packed}

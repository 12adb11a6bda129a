"""`plan`: what a build would hold and cost, before anything runs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.compute as pc

from sign_etl.app.noticed import split_notes
from sign_etl.app.prepare import IngestRequest, Resolved, prepare, resolve
from sign_etl.core.errors import AccessError, AnnotationError, UsageError
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
        downloads: archives that are still to be downloaded before anything runs.
        download_bytes: their size, None where it is not known of all.
        digest: of the plan; empty where the list of clips is in those archives: then the clips are
            those of the data set's card, and most other numbers are 0.
        notes: what looks like a slip.
        open_ends: clips whose end is not annotated, so that their length is assumed.
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
    downloads: int
    download_bytes: int | None
    digest: str
    notes: tuple[str, ...] = ()
    open_ends: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def plan(request: IngestRequest) -> PlanSummary:
    """Resolve a request and sum it up; nothing but annotation files is fetched.

    Args:
        request: what would be built.

    Raises:
        SignEtlError: as `ingest` would at its beginning.

    Example:
        >>> summary = plan(IngestRequest("folder", media=Path("clips")))
        >>> summary.clips, summary.splits
        (3, {'train': 3})
    """
    resolved = resolve(request)
    outstanding = resolved.access.outstanding
    try:
        prepared = prepare(request, weights=False, download=False)
    except (AnnotationError, UsageError, AccessError):
        if not outstanding:
            raise
        return _before_download(resolved)
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
        downloads=len(outstanding),
        download_bytes=_download_bytes(resolved),
        digest=made.digest,
        notes=split_notes(prepared),
        open_ends=made.table["end_s"].null_count,
    )


def _before_download(resolved: Resolved) -> PlanSummary:
    """All that can be said while the annotations are still in an archive far away."""
    return PlanSummary(
        name=resolved.pipeline.name,
        clips=resolved.recipe.card.clips or 0,
        sources=0,
        shards=0,
        splits={},
        labels=0,
        local_bytes=0,
        local_sources=0,
        seconds=0.0,
        disk_bytes={},
        downloads=len(resolved.access.outstanding),
        download_bytes=_download_bytes(resolved),
        digest="",
    )


def _download_bytes(resolved: Resolved) -> int | None:
    sizes = [archive.size_bytes for archive in resolved.access.outstanding]
    known = [size for size in sizes if size is not None]
    if len(known) == len(sizes):
        return sum(known)
    return resolved.recipe.card.download_bytes


def _local(made: Plan, setup: Setup) -> tuple[int, int]:
    if setup.media is None:
        return 0, 0
    from pathlib import Path

    from sign_etl.core.folder_index import FolderIndex
    from sign_etl.media.pictures import picture_names

    folder = FolderIndex(Path(setup.media))
    found = {}
    for names, fps in zip(
        made.table["names"].to_pylist(), made.table["frames_fps"].to_pylist(), strict=True
    ):
        path = folder.find(names) if fps is None else folder.find_folder(names)
        if path is not None and path not in found:
            files = [path] if fps is None else [path / name for name in picture_names(path)]
            found[path] = sum(file.stat().st_size for file in files)
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
    for each in setup.features:
        options = each.options
        steps = seconds * options["fps"] if options["fps"] else frames / options["stride"]
        size = int(steps * each.size * (2 if options["dtype"] == "float16" else FLOAT_BYTES))
        estimate[f"features:{each.name}"] = size
        packed += size
    return estimate | {"pack": packed}

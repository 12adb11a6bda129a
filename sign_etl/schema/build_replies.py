"""What the commands about builds print with `--json`; the base is in `sign_etl.schema.replies`."""

from __future__ import annotations

from typing import Any, Self

from sign_etl.schema.replies import Part, Reply
from sign_etl.schema.report_parts import (
    DriftPart,
    GroupPart,
    HistogramPart,
    LinksPart,
    PoseQualityPart,
    ThroughputPart,
)


class Built(Reply):
    """What every command that builds tells."""

    build: str
    counts: dict[str, int]
    """Clips by outcome."""
    reasons: dict[str, int]
    """Rejects by reason."""
    shards: int
    size_bytes: int
    seconds: float

    @classmethod
    def of(cls, made: Any, **others: Any) -> Self:
        """The reply for `made`, which has these facts, with what the command adds."""
        return cls(
            build=str(made.build),
            counts=dict(made.counts),
            reasons=dict(made.reasons),
            shards=made.shards,
            size_bytes=made.size_bytes,
            seconds=made.seconds,
            **others,
        )


class Ingest(Built):
    """`ingest`."""

    command = "ingest"
    exit_code: int
    problems: tuple[str, ...]
    published: bool = True
    """False where only some shards were asked for."""
    notes: tuple[str, ...] = ()
    """What differs from the lock and may."""


class Demo(Built):
    """`demo`."""

    command = "demo"
    sheet: str
    """Picture of some clips with their skeletons."""
    backend: str
    """The pose backend that ran."""
    error_px: dict[str, float] | None
    """Median distance between estimated and true joints in pixels, by part."""
    note: str | None


class Plan(Reply):
    """`plan`, and `ingest --plan`."""

    command = "plan"
    name: str
    clips: int
    sources: int
    """Distinct sources."""
    shards: int
    splits: dict[str, int]
    """Clips by split."""
    labels: int
    """Number of classes."""
    local_bytes: int
    """Bytes of the sources that are on this disk already."""
    local_sources: int
    seconds: float
    """Annotated length of all clips (open ends estimated)."""
    disk_bytes: dict[str, int]
    """Estimated bytes on disk by stage."""
    downloads: int = 0
    """Archives that are still to be downloaded before anything runs."""
    download_bytes: int | None = None
    """Their size, where it is known."""
    digest: str
    """Of the plan; empty where the list of clips is in an archive that is not downloaded yet."""


class ShardsPart(Part):
    """How many shards there are."""

    finished: int
    planned: int


class Status(Reply):
    """`status`."""

    command = "status"
    build: str
    requested: int
    """Clips of the plan."""
    outcomes: dict[str, int]
    """Clips by outcome; they add up to the requested ones."""
    reasons: dict[str, int]
    """Rejects by reason."""
    retryable: int
    """Clips that the next run tries again."""
    shards: ShardsPart
    published: bool
    """Whether the build has its manifest."""


class Push(Reply):
    """`push`."""

    command = "push"
    url: str
    sent: int
    """Files that were written there."""
    kept: int
    """Files that were there already."""
    removed: int
    """Shards of an earlier build that are gone."""
    size_bytes: int
    """Of the files that were written."""


class ClusterRender(Reply):
    """`cluster render`."""

    command = "cluster-render"
    target: str
    files: tuple[str, ...]
    """The one to submit comes first."""
    shards: int | None
    """Of the plan, where it was looked at."""


class Show(Reply):
    """`show`."""

    command = "show"
    picture: str


class FunnelPart(Part):
    """What one stage left out."""

    stage: str
    rejected: dict[str, int]
    """Clips by reason."""
    left: int
    """Clips that went on."""


class SplitPart(Part):
    """A split."""

    split: str
    requested: int
    written: int
    classes: int
    """With at least one written clip."""
    signers: int
    seconds: float
    """Length of the written clips."""


class SpreadPart(Part):
    """How a number spreads over clips (or classes)."""

    least: float
    p5: float
    median: float
    p95: float
    most: float


class CopyPart(Part):
    """Two clips that are copies of each other."""

    first: str
    second: str
    splits: tuple[str, str]
    labels: tuple[str | None, str | None]
    distance: float | None
    """Of their keypoints in shoulder widths; null where their bytes are the same."""


class CopiesPart(Part):
    """Pairs of copies."""

    pairs: int
    clips: int
    """Clips in them."""
    across_splits: int
    """Pairs in two different splits."""
    other_label: int
    """Pairs with two different labels."""
    examples: tuple[CopyPart, ...]


class NearCopiesPart(Part):
    """Pairs of near-identical clips, by their keypoints."""

    copies: CopiesPart
    backends: tuple[str, ...]
    """Whose keypoints were compared."""
    threshold: float
    """Largest distance, in shoulder widths."""
    compared: int
    skipped: int
    """Clips without shoulders, arms or motion, which cannot be compared."""
    complete: bool
    """Whether all like pairs were compared."""


class SharedPart(Part):
    """A source or signer in more than one split."""

    name: str
    splits: dict[str, int]
    """Clips by split."""


class SharingPart(Part):
    """What stands in more than one split."""

    total: int
    clips: int
    examples: tuple[SharedPart, ...]


class MissingClassesPart(Part):
    """Classes that a split has no clip of."""

    split: str
    annotated: int
    """Classes that the data set has no clip for there."""
    lost: int
    """Classes with annotated clips there, none of which was written."""
    examples: tuple[str, ...]


class HygienePart(Part):
    """Copies, leaks and missing classes."""

    leaks: int
    """Sources, and pairs of copies, in more than one split."""
    exact: CopiesPart | None
    """Clips with the same bytes; null where the lock, which knows them, is missing."""
    near: NearCopiesPart | None
    """Near-identical clips; null where they were not compared."""
    sources: SharingPart
    signers: SharingPart
    missing: tuple[MissingClassesPart, ...]


class ClassesPart(Part):
    """The classes of a build."""

    total: int
    """With at least one written clip."""
    clips: SpreadPart | None
    """Written clips of a class."""
    variants: int
    """Classes that share their normal label with another one."""


class Report(Reply):
    """`report`."""

    command = "report"
    build: str
    name: str
    dataset: str
    recipe: str
    recipe_version: str
    language: str
    licence: str
    citation: str
    homepage: str
    requested: int
    outcomes: dict[str, int]
    """Clips by outcome."""
    funnel: tuple[FunnelPart, ...]
    """From requested to written, stage by stage."""
    waiting: int
    """Clips that are deferred or pending."""
    splits: tuple[SplitPart, ...]
    classes: ClassesPart
    signers: int
    without_signer: int
    """Written clips whose signer is not known."""
    seconds: float
    """Length of all written clips."""
    clip_seconds: SpreadPart | None
    clip_frames: SpreadPart | None
    fps: dict[str, int]
    """Written clips by frame rate."""
    sizes: dict[str, int]
    """Written clips by width and height, the most frequent first."""
    size_bytes: int
    """Of all shards."""
    hygiene: HygienePart
    clip_lengths: HistogramPart | None = None
    """Written clips by their length in seconds."""
    class_sizes: HistogramPart | None = None
    """Classes by the number of their written clips."""
    poorest_classes: tuple[GroupPart, ...] = ()
    """Those with the fewest written clips, the ones without any first."""
    largest_signers: tuple[GroupPart, ...] = ()
    """Those with the most written clips."""
    poses: tuple[PoseQualityPart, ...] | None = None
    """Keypoints over the course of the clips; null where they were not read."""
    throughput: ThroughputPart | None = None
    """Where the time of the runs went; null where the events are missing."""
    links: LinksPart | None = None
    """Null where no clip has an address, or the lock, which knows them, is missing."""
    drift: DriftPart | None = None
    """How it differs from the build that was named with --against."""
    page: str | None = None
    """The HTML file that was written."""

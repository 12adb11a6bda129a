"""What `report` prints with `--json`, and what its page shows."""

from __future__ import annotations

from sign_etl.schema.replies import Part, Reply
from sign_etl.schema.report_parts import (
    DriftPart,
    FeatureSetPart,
    GroupPart,
    HistogramPart,
    LinksPart,
    PoseQualityPart,
    PrecisionPart,
    ThroughputPart,
)


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
    precision: tuple[PrecisionPart, ...] = ()
    """What a lower precision cost, by backend; empty where all of them computed in fp32."""
    features: tuple[FeatureSetPart, ...] = ()
    """Features of frozen networks in the shards."""
    throughput: ThroughputPart | None = None
    """Where the time of the runs went; null where the events are missing."""
    links: LinksPart | None = None
    """Null where no clip has an address, or the lock, which knows them, is missing."""
    drift: DriftPart | None = None
    """How it differs from the build that was named with --against."""
    page: str | None = None
    """The HTML file that was written."""

"""What the commands about builds print with `--json`; the base is in `sign_etl.schema.replies`."""

from __future__ import annotations

from sign_etl.schema.replies import Part, Reply


class Ingest(Reply):
    """`ingest`."""

    command = "ingest"
    build: str
    counts: dict[str, int]
    """Clips by outcome."""
    reasons: dict[str, int]
    """Rejects by reason."""
    shards: int
    size_bytes: int
    seconds: float
    exit_code: int
    problems: tuple[str, ...]


class Demo(Reply):
    """`demo`."""

    command = "demo"
    build: str
    counts: dict[str, int]
    reasons: dict[str, int]
    shards: int
    size_bytes: int
    seconds: float
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


class Verify(Reply):
    """`verify`."""

    command = "verify"
    build: str
    sound: bool
    problems: tuple[str, ...]
    shards: int
    samples: int


class Show(Reply):
    """`show`."""

    command = "show"
    picture: str

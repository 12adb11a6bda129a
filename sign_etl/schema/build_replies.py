"""What the commands about builds print with `--json`; the base is in `sign_etl.schema.replies`."""

from __future__ import annotations

from typing import Any, Self

from sign_etl.schema.replies import Part, Reply


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
    """What is worth knowing and no problem: files that are missing, a split that may be mistyped,
    what differs from the lock and may."""


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
    open_ends: int = 0
    """Clips whose end is not annotated: 3 s are assumed for each."""
    disk_bytes: dict[str, int]
    """Estimated bytes on disk by stage."""
    downloads: int = 0
    """Archives that are still to be downloaded before anything runs."""
    download_bytes: int | None = None
    """Their size, where it is known."""
    digest: str
    """Of the plan; empty where the list of clips is in an archive that is not downloaded yet."""
    notes: tuple[str, ...] = ()
    """What looks like a slip, such as a split that may be mistyped."""


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

"""What `verify` and the commands about locks and lineage print with `--json`."""

from __future__ import annotations

from typing import Any

from sign_etl.schema.build_replies import Built
from sign_etl.schema.replies import Part, ProblemPart, Reply


class DistancePart(Part):
    """The farthest that a point of a clip lies from its partner in the other build."""

    key: str
    backend: str
    frame: int
    point: str
    px: float
    """Pixels of the normalised clip."""
    unpaired: int
    """Points of the clip that only one of the builds has estimated."""


class Verify(Reply):
    """`verify`."""

    command = "verify"
    build: str
    sound: bool
    problems: tuple[str, ...]
    shards: int
    samples: int
    digest: str
    """Of all shards and tables: equal digests, equal bytes. Empty where the build is not sound."""
    against: str | None = None
    same: bool | None = None
    """Whether the other build is the same in the sense asked for; null where none was named."""
    differences: tuple[str, ...] = ()
    compared: int = 0
    """Samples that both builds have."""
    worst: tuple[DistancePart, ...] = ()
    """Clips with the largest distances, with `--tolerance`."""


class LockCheck(Reply):
    """`lock check`."""

    command = "lock-check"
    lock: str
    sound: bool
    problems: tuple[ProblemPart, ...]
    clips: int
    outcomes: dict[str, int]
    """Clips by outcome."""
    samples: int
    """Samples of the build that were read back and compared; 0 for a lock by itself."""
    store: str | None
    """The store that was looked into."""
    stored: int
    """Clips all of whose outputs lie in it."""
    missing: int
    """Samples whose outputs it has lost; they can be made again."""


class HeadPart(Part):
    """What two heads do not share."""

    name: str
    first: Any
    second: Any


class LockedClipPart(Part):
    """A clip that differs between two locks."""

    key: str
    kinds: tuple[str, ...]
    """`gone`, `added`, `bytes`, `container` (other bytes, the same normalised video), `outcome`,
    `address`, `outputs`, `facts`."""
    first: dict[str, Any] | None
    """Its line there, see `lock-1.json`."""
    second: dict[str, Any] | None


class LockDiff(Reply):
    """`lock diff`."""

    command = "lock-diff"
    first: str
    second: str
    same: bool
    """True where neither what decides about the bytes nor any clip differs."""
    head: tuple[HeadPart, ...]
    counts: dict[str, int]
    """Clips by kind of difference; one clip may count under several."""
    clips: tuple[LockedClipPart, ...]
    """The first ones, as many as `--examples` says."""


class ConflictPart(Part):
    """A clip that two locks do not agree on."""

    key: str
    what: str


class LockMerge(Reply):
    """`lock merge`."""

    command = "lock-merge"
    out: str | None
    """The merged lock; null where there are conflicts."""
    clips: int
    outcomes: dict[str, int]
    gained: int
    """Clips that only the second lock has as samples."""
    conflicts: tuple[ConflictPart, ...]


class Retry(Built):
    """`retry`."""

    command = "retry"
    tried: int
    """Clips that were tried again."""
    came_back: int
    """Those of them that are samples now."""
    exit_code: int
    problems: tuple[str, ...]


class Revoke(Reply):
    """`revoke`."""

    command = "revoke"
    build: str
    clips: tuple[str, ...]
    """Keys of the clips that are out now."""
    already: tuple[str, ...] = ()
    """Those of them that were out before."""
    shards: tuple[str, ...]
    """That were written anew or removed."""
    store_objects: int
    """Files that the store lost."""
    copies: tuple[str, ...]
    """Clips of other sources that had the same bytes and are still in."""
    written: int
    """Samples that the build has now."""
    published: bool


class MemberPart(Part):
    """Where a member lies in its shard."""

    offset: int
    size_bytes: int


class WhyClip(Reply):
    """`why BUILD KEY`."""

    command = "why"
    key: str
    build: str
    clip: dict[str, Any]
    """Annotation: id, label, signer, split, language, span."""
    outcome: str
    stage: str | None
    reason: str | None
    detail: str | None
    flags: tuple[str, ...]
    source: dict[str, Any]
    """Id, address, sha256, size, rate, length, and what `normalise` found in it."""
    sample: dict[str, Any] | None
    """Shard, frames, rate, size, quality; null where there is none."""
    members: dict[str, MemberPart]
    """Where its bytes lie in the shard."""
    frames: dict[str, Any] | None
    """Which part of the source they show: seconds of the first and last one, crop, rotation."""
    digests: dict[str, Any]
    """sha256 of the normalised video and of the keypoints before rounding."""
    poses: dict[str, Any]
    """Backends with version, options and weights."""
    pipeline: dict[str, Any]
    """Every choice that decides about the bytes."""
    versions: dict[str, Any]
    """Of sign-etl, recipe, stages, libraries; kind of processor."""
    times: dict[str, str]
    """When it was retrieved or tried, when the build was last published (UTC)."""
    licence: str


class SourceClipPart(Part):
    """What became of a clip of a source."""

    key: str
    annotation_id: str
    label: str | None
    split: str
    start_s: float
    end_s: float | None
    outcome: str
    stage: str | None
    reason: str | None
    detail: str | None
    shard: str


class WhySource(Reply):
    """`why BUILD --source S`."""

    command = "why-source"
    build: str
    source: dict[str, Any]
    """Id, address, sha256, size, rate, length, times."""
    outcomes: dict[str, int]
    clips: tuple[SourceClipPart, ...]

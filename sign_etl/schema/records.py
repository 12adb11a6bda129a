"""The JSON records of a build: sample, manifest, labels, shard and lock lines.

Nothing in them depends on when, where or how fast a build was made: equal outcomes, equal bytes.
The lock's notes are the exception, and the lock is not part of the promise.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sign_etl.schema.outcome import Outcome

STATE_FOLDER = ".sign-etl"
"""Folder inside a build for plan, journal, shard records and events; readers ignore it."""
REPORT_PAGE = "report.html"
"""The report as a page, where somebody asked for it. No part of what is promised about bytes."""


class Record(BaseModel):
    """Base of the published records: frozen, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True
    )


class PoseRecord(Record):
    """What one backend found in one clip."""

    layout: str
    """Keypoint layout, see `schemas/`."""
    version: str
    """Version of the backend."""
    dtype: str
    """Type of the array in the shard."""
    shape: tuple[int, int, int]
    """(T, K, C)."""
    options: dict[str, Any]
    """Options that decided about the result."""
    weights: tuple[str, ...]
    """sha256 of the model files."""


class FeatureRecord(Record):
    """The features of one clip by one frozen network."""

    backend: str
    version: str
    """Version of the backend."""
    dtype: str
    shape: tuple[int, int]
    """(T, D): time steps, numbers in each."""
    options: dict[str, Any]
    """Options that decided about the result, such as the stride in frames."""
    weights: tuple[str, ...]
    """sha256 of the model files."""
    provider: str
    """What it ran on: `cpu` or `cuda`."""


class SampleRecord(Record):
    """`<key>.json` in a shard."""

    schema_: Literal["sign-etl/sample/1"] = Field(alias="schema")
    key: str
    dataset: str
    annotation_id: str
    source_id: str
    split: str
    label: str | None
    """Class name as annotated."""
    label_id: int | None
    """Index in `labels.json`."""
    gloss: str | None
    text: str | None
    language: str
    """ISO 639-3 code of the sign language."""
    signer: str | None
    start_s: float
    end_s: float | None
    fps: float
    frames: int
    width: int
    height: int
    flags: tuple[str, ...]
    """What is odd about the clip without being wrong, such as `fps-differs`."""
    quality: dict[str, float]
    """Measures of the quality stage."""
    extra: dict[str, str]
    """Annotation columns that sign-etl gives no meaning to."""
    source: dict[str, Any]
    """Facts of the source: codec, size, frame rate, sha256."""
    video: dict[str, Any]
    """How the frames were made: crop and rotation in source pixels, `source_us` for each frame."""
    poses: dict[str, PoseRecord]
    features: dict[str, FeatureRecord] = {}
    """By the name of the set; absent where there are none."""


class ShardRecord(Record):
    """One shard in the manifest."""

    path: str
    split: str
    samples: int
    size_bytes: int
    sha256: str


class FileRecord(Record):
    """Another file of the build."""

    sha256: str
    size_bytes: int


class PoseSetRecord(Record):
    """A pose backend as the whole build used it."""

    layout: str
    version: str
    options: dict[str, Any]
    weights: dict[str, str]
    """sha256 of the model files by name."""


class FeatureSetRecord(Record):
    """A set of features as the whole build used it."""

    backend: str
    version: str
    size: int
    """D: numbers in each time step; 0 where only the network itself tells."""
    options: dict[str, Any]
    weights: dict[str, str]
    """sha256 of the model files by name."""


class ManifestRecord(Record):
    """`manifest.json`: written last, withdrawn first; readers trust nothing else."""

    schema_: Literal["sign-etl/manifest/1"] = Field(alias="schema")
    name: str
    dataset: str
    recipe: str
    recipe_version: str
    licence: str
    licence_accepted: bool | None = None
    """Whether the user accepted the data set's terms with `--accept-licence`; null where it asks
    for nothing of the kind, false where the files were brought by the user."""
    language: str
    citation: str
    homepage: str
    plan: str
    """Digest of the plan: which clips, in which shards."""
    pipeline: dict[str, Any]
    """Every choice that decides about the bytes."""
    stages: dict[str, str]
    """Versions of the stages."""
    poses: dict[str, PoseSetRecord]
    features: dict[str, FeatureSetRecord] = {}
    """By the name of the set; absent where there are none."""
    counts: dict[str, int]
    """Clips by outcome; they add up to the requested clips."""
    reasons: dict[str, int]
    """Rejects by reason."""
    splits: dict[str, int]
    """Written samples by split."""
    shards: tuple[ShardRecord, ...]
    files: dict[str, FileRecord]
    """index.parquet, ledger.parquet and labels.json."""
    documents: dict[str, FileRecord] = {}
    """README.md and croissant.json, which describe the build and are no part of its digest; absent
    in builds of earlier versions."""


class LabelsRecord(Record):
    """`labels.json`."""

    schema_: Literal["sign-etl/labels/1"] = Field(alias="schema")
    order: Literal["official", "sorted"]
    """Whether the data set numbers its classes, or the names were sorted (NFC)."""
    labels: tuple[str, ...]
    """Class names as annotated; the index is the label id."""
    normal: tuple[str, ...]
    """Their normal labels, see `sign_etl.schema.labels`: variants of a word have the same one."""


class LockHead(Record):
    """First line of `build.lock`."""

    schema_: Literal["sign-etl/lock/1"] = Field(alias="schema")
    sign_etl: str
    """Version of sign-etl."""
    dataset: str = ""
    recipe: str = ""
    recipe_version: str = ""
    licence: str = ""
    """Of the data set and so of every clip."""
    plan: str
    """Digest of the plan: which clips, in which shards."""
    pipeline: dict[str, Any]
    """Every choice that decides about the bytes."""
    pipeline_digest: str = ""
    stages: dict[str, str]
    poses: dict[str, PoseSetRecord]
    features: dict[str, FeatureSetRecord] = {}
    packages: dict[str, str]
    """Versions of the libraries that decide about bytes."""
    cpu_flags: tuple[str, ...]
    """Instruction sets of the processor; keypoints are byte-equal where they match."""


class LockLine(Record):
    """One line of `build.lock`: what was found for one requested clip, dead ones too."""

    key: str
    source_id: str
    url: str | None = None
    outcome: Outcome
    stage: str | None = None
    reason: str | None = None
    detail: str | None = None
    sha256: str | None = None
    """Of the source's bytes."""
    size_bytes: int | None = None
    fps: str | None = None
    """Of the source, as a fraction."""
    duration_s: float | None = None
    video: str | None = None
    """sha256 of the normalised video."""
    poses: dict[str, str] = {}
    """sha256 of the keypoints (float32, before rounding) by backend."""
    features: dict[str, str] = {}
    """sha256 of the features by set, as they stand in the shard."""
    flags: tuple[str, ...] = ()
    """What is odd about the clip, as in the ledger."""
    notes: dict[str, Any] = {}
    """What differs between runs: `retrieved_at` of a download, `tried_at` of a failed one (UTC)."""


LATER = ("features", "documents")
"""Fields that came later: where they are empty they are left out, so that old bytes stay."""


def dump(record: Record) -> dict[str, Any]:
    """The JSON form of a record."""
    value = record.model_dump(mode="json", by_alias=True)
    return {name: part for name, part in value.items() if part or name not in LATER}

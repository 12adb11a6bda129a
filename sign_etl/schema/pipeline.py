"""The choices of one build, as they stand in `pipelines/*.yaml`: frozen pydantic models.

Unknown keys are refused. What belongs to a recipe or a pose backend (their own options) is held
here as a mapping and validated by its owner when the pipeline is resolved.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sign_etl.schema.backend_options import feature_identity
from sign_etl.schema.backend_options import pose_identity as pose_identity
from sign_etl.schema.feature_set import FeatureName
from sign_etl.schema.pools import PoolConfig as PoolConfig
from sign_etl.schema.pools import PoolsConfig as PoolsConfig
from sign_etl.schema.settings import Settings as Settings
from sign_etl.schema.settings import Share as Share


class DatasetConfig(BaseModel):
    """Which data set. Further keys are options of the recipe (`sign-etl datasets info NAME`)."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    recipe: str
    """Name of the recipe, see `sign-etl datasets list`."""
    name: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")
    """Name of the data set in keys and files; default the recipe's name."""

    @property
    def options(self) -> dict[str, Any]:
        """The recipe's own options."""
        return dict(self.model_extra or {})


class SelectConfig(Settings):
    """Which clips of the data set."""

    splits: tuple[str, ...] = ()
    """Only these splits; empty for all."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first so many clips of the canonical order."""


class SplitConfig(Settings):
    """Where a clip's split comes from."""

    by: Literal["column", "signer", "hash"] = "column"
    """`column`: as annotated (`train` where it is not). `signer`: whole signers are held out.
    `hash`: whole sources are held out, chosen by the hash of their id."""
    val: Share = 0.0
    """Share of signers or sources for validation (not for `column`)."""
    test: Share = 0.0
    """Share of signers or sources for the test (not for `column`)."""


class FetchConfig(Settings):
    """How sources are downloaded."""

    connect_timeout_s: float = Field(default=10.0, gt=0)
    """Seconds to wait for a connection."""
    idle_timeout_s: float = Field(default=30.0, gt=0)
    """Seconds without a byte before an attempt counts as hung."""
    total_timeout_s: float = Field(default=1800.0, gt=0)
    """Seconds of transfer for one source over all its attempts; polite waits do not count."""
    attempts: int = Field(default=4, ge=1)
    """Attempts per source, the first one included."""
    backoff_s: float = Field(default=1.0, ge=0)
    """First pause between attempts; doubles each time, with jitter."""
    max_retry_after_s: float = Field(default=120.0, ge=0)
    """A Retry-After up to this is waited for; a longer one defers the host's clips."""
    per_host: int = Field(default=4, ge=1)
    """Connections to one host at a time."""
    rate_per_s: float = Field(default=4.0, gt=0)
    """Requests per second to one host (token bucket)."""
    burst: int = Field(default=8, ge=1)
    """Size of the token bucket."""
    max_bytes: int = Field(default=4 << 30, gt=0)
    """Largest body accepted."""
    max_archive_bytes: int = Field(default=512 << 30, gt=0)
    """Largest archive (or part of one) accepted."""
    archive_timeout_s: float = Field(default=86_400.0, gt=0)
    """Seconds of transfer for one archive (or part) in one run; the next run goes on from there."""
    keep_archives: bool = False
    """Keep downloaded archives after they were unpacked."""
    cookies_file: str | None = None
    """Cookies for YouTube, as a browser add-on exports them (Netscape format), for videos that
    want a login or proof of a person. Only read, never written, never part of a build."""
    allow_private_hosts: bool | tuple[str, ...] = False
    """Accept private, loopback and link-local addresses: all of them, or those of the named hosts,
    addresses and networks (`127.0.0.1`, `media.lan`, `10.1.0.0/16`) only."""
    user_agent: str = "sign-etl (a research tool that builds sign-language data sets)"
    """Sent with every request."""
    keep_sources: bool = False
    """Keep downloaded sources in the store after their last clip."""

    @field_validator("allow_private_hosts", mode="before")
    @classmethod
    def _hosts_may_be_a_word(cls, value: Any) -> Any:
        """`--set fetch.allow_private_hosts=127.0.0.1,media.lan` comes as one text."""
        if isinstance(value, str) and value.strip().lower() not in ("true", "false", "yes", "no"):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value


class NormaliseConfig(Settings):
    """What every clip becomes."""

    fps: float | None = Field(default=25.0, gt=0, le=240)
    """Constant frame rate of the output; null keeps the average rate of the source."""
    short_side: int = Field(default=480, ge=32, le=4320)
    """Short side in pixels; smaller sources are not enlarged."""
    crop: Literal["none", "bbox"] = "none"
    """`bbox` crops to the annotated box (grown by `crop_margin`) where there is one."""
    crop_margin: float = Field(default=0.2, ge=0, le=2)
    """Share of the box that is added on each side."""
    crf: int = Field(default=20, ge=0, le=51)
    """x264 quality; 0 is lossless."""
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow"] = (
        "veryfast"
    )
    """x264 preset."""
    tune: Literal["fastdecode", "none"] = "fastdecode"
    """x264 tune: `fastdecode` is read 1.7 times as fast as `none` and takes a tenth more bytes."""
    gop: int = Field(default=12, ge=1)
    """Frames between key frames; short, so that a trainer can read single frames."""
    min_duration_s: float = Field(default=0.0, ge=0)
    """Shorter clips are excluded."""
    max_duration_s: float = Field(default=120.0, gt=0)
    """Longer clips are excluded."""
    max_pixels: int = Field(default=8192 * 4320, gt=0)
    """Width x height of a source above which it is refused unread."""
    fps_mismatch: Literal["flag", "rescale", "reject"] = "flag"
    """What to do where the source's frame rate is not the one that the annotations assume. `flag`
    cuts by seconds, right where they counted on a copy at their rate (WLASL). `rescale` cuts by
    frame numbers, right where they counted on this very file. It is in the ledger either way."""
    partial: Literal["reject", "flag"] = "reject"
    """What to do where the source breaks off inside the span."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds for one clip in the guarded process."""
    memory_mb: int = Field(default=2048, ge=256)
    """Resident memory of the guarded process."""


class QualityConfig(Settings):
    """When a clip is too poor to keep. The measures stand in the index either way."""

    backend: str | None = None
    """The pose backend that the thresholds look at; default the first one."""
    min_body: Share = 0.0
    """Share of frames with a body."""
    min_hand: Share = 0.0
    """Share of frames with at least one hand."""
    max_cut_off: Share = 1.0
    """Share of frames with a hand or wrist outside of the picture's border."""
    max_frozen: Share = 0.95
    """Share of frames that equal the one before."""
    min_luma: float = Field(default=8.0, ge=0, le=255)
    """Mean brightness under which a clip counts as black."""
    max_jitter: float | None = Field(default=None, gt=0)
    """Median second difference of the wrists, in shoulder widths a frame."""
    no_person: Literal["reject", "flag"] = "reject"
    """What to do with a clip in which nobody is found; `flag` keeps it, its measures tell."""
    ambiguous_person: Literal["reject", "flag"] = "flag"
    """What to do with a clip in which the signer is not clear among several people; likewise. Only
    backends that look at everybody can tell (rtmpose)."""
    max_ambiguity: Share = 0.7
    """How close the second candidate may come to the signer: 0 for nobody else, 1 for a toss-up."""


class PackConfig(Settings):
    """How shards are written."""

    shard_clips: int = Field(default=256, ge=1, le=100_000)
    """Requested clips per shard; rejects leave gaps and move no neighbour."""
    keep_video: bool = True
    """Put the normalised video into the shards."""
    dtype: Literal["float16", "float32"] = "float16"
    """Type of the keypoints in the shards."""


class PolicyConfig(Settings):
    """How many rejects are still a success (exit 0)."""

    max_fetch_failed: Share = 1.0
    """Share of requested clips that fail at fetch: dead links are normal by default."""
    max_failed: Share = 0.1
    """Share of fetched clips that fail later (rules of the pipeline not counted)."""
    leaks: Literal["report", "fail"] = "report"
    """`fail`: not a success where a source, or a clip and its copy, is in more than one split
    (`sign-etl report` lists them). Compares the keypoints of all clips after the build."""
    shared_signers: Literal["report", "fail"] = "report"
    """`fail`: not a success where a signer is in more than one split."""


def _blazepose_alone() -> dict[str, dict[str, Any]]:
    return {"blazepose": {}}


class Pipeline(Settings):
    """The choices of one build."""

    schema_: Literal["sign-etl/pipeline/1"] = Field(default="sign-etl/pipeline/1", alias="schema")
    """Version of this format."""
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    """Name of the build."""
    description: str = ""
    """One sentence for people."""
    seed: int = Field(default=0, ge=0)
    """Seed of the canonical order."""
    dataset: DatasetConfig
    """Which data set."""
    select: SelectConfig = SelectConfig()
    """Which clips of it."""
    split: SplitConfig = SplitConfig()
    """Where splits come from."""
    fetch: FetchConfig = FetchConfig()
    """How sources are downloaded."""
    normalise: NormaliseConfig = NormaliseConfig()
    """What every clip becomes."""
    pose: dict[str, dict[str, Any]] = Field(default_factory=_blazepose_alone)
    """Pose backends by name, each with its options; `{}` for none."""
    features: dict[FeatureName, dict[str, Any]] = Field(default_factory=dict)
    """Features of frozen networks by the name of their member (`KEY.NAME.feat.npy`), each with the
    options of its backend. That is the one of this name, or the one that `backend:` names."""
    quality: QualityConfig = QualityConfig()
    """When a clip is too poor to keep."""
    pack: PackConfig = PackConfig()
    """How shards are written."""
    policy: PolicyConfig = PolicyConfig()
    """How many rejects are still a success."""
    pools: PoolsConfig = PoolsConfig()
    """Resources; they change speed, never bytes."""

    @model_validator(mode="before")
    @classmethod
    def _backends_may_be_a_list(cls, values: Any) -> Any:
        for kind in ("pose", "features"):
            if isinstance(values, dict) and isinstance(values.get(kind), list):
                names = values[kind]
                if all(map(_is_text, names)):
                    values = values | {kind: {name: {} for name in names}}
        return values

    def identity(self) -> dict[str, Any]:
        """What decides about the bytes of the build: no resources, no politeness, no places."""
        whole = self.model_dump(mode="json", by_alias=True)
        for speed_only in ("pools", "description", "policy"):
            whole.pop(speed_only)
        whole["fetch"] = {"max_bytes": self.fetch.max_bytes}
        for personal in ("media", "annotations"):
            whole["dataset"].pop(personal, None)
        for guard_only in ("timeout_s", "memory_mb"):
            whole["normalise"].pop(guard_only)
        if self.normalise.tune == "none":  # as everything was before there was a choice
            del whole["normalise"]["tune"]
        whole["pose"] = {name: pose_identity(options) for name, options in self.pose.items()}
        whole["features"] = {
            name: feature_identity(options) for name, options in self.features.items()
        }
        if not self.features:  # builds without any are what they were before there were some
            del whole["features"]
        return whole


def _is_text(value: Any) -> bool:
    return isinstance(value, str)

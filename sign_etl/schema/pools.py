"""Resources of a build's stages: they change speed, never bytes."""

from __future__ import annotations

from pydantic import Field

from sign_etl.schema.settings import Settings


class PoolConfig(Settings):
    """Resources of one stage."""

    workers: int | None = Field(default=None, ge=1)
    """Workers; default from the machine."""
    cpus: float = Field(default=0.5, gt=0)
    """CPUs that one Ray worker reserves; below 1 so that reads are never starved."""
    gpus: float = Field(default=0.0, ge=0)
    """GPUs that one Ray worker reserves."""
    batch: int = Field(default=1, ge=1, le=1024)
    """Clips that a worker takes at a time (pose only); more than 1 pays on GPUs. Keypoints on a CPU
    do not depend on it."""


class PoolsConfig(Settings):
    """Resources by stage."""

    fetch: PoolConfig = PoolConfig(cpus=0.1)
    """`workers` counts parallel downloads."""
    normalise: PoolConfig = PoolConfig()
    """Decoding and encoding."""
    pose: PoolConfig = PoolConfig()
    """With GPUs each backend has a pool; without, one pool takes clips through all stages on Ray,
    and these are its workers (of `normalise` where none are given)."""
    features: PoolConfig = PoolConfig()
    """Frozen networks; likewise. On CPUs alone the workers are those of `pose`."""
    stall_s: float | None = Field(default=3600.0, gt=0)
    """Seconds without a clip passing any stage after which a run ends as stopped (exit 75), with
    the ids in hand; null waits for ever. Longer than any one download or clip may take."""

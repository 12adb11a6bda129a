"""How many workers each stage gets on a cluster, and which share of a CPU or GPU each of them."""

from __future__ import annotations

from dataclasses import dataclass

from sign_etl.core.errors import ConfigError
from sign_etl.schema.pipeline import PoolConfig
from sign_etl.stages.setup import Setup

RESERVED_CPUS = 0.3
"""Left free, so that reads and packing are never starved by the pools."""
ROUNDING = 1e-9
"""Ten shares of 0.1 are one GPU."""


@dataclass(frozen=True, slots=True)
class Pool:
    """An actor pool: which stage, how many workers, with what."""

    stage: str
    workers: int
    cpus: float
    gpus: float


def plan_pools(setup: Setup, resources: dict[str, float]) -> list[Pool]:
    """Workers and shares of each pool for a cluster.

    Args:
        setup: what the stages need.
        resources: of the cluster, as Ray names them (`CPU`, `GPU`).

    Raises:
        ConfigError: a pool wants GPUs that no node has.
    """
    config = setup.choices().pools
    cpus, gpus = resources.get("CPU", 1.0), resources.get("GPU", 0.0)
    wanted: list[tuple[str, PoolConfig, int]] = [
        ("fetch", config.fetch, 1),
        ("normalise", config.normalise, max(1, int(cpus))),
        *(
            (f"pose:{pose.name}", config.pose, _fitting(config.pose, cpus, gpus / len(setup.poses)))
            for pose in setup.poses
        ),
    ]
    needed = sum(pool.gpus * (pool.workers or count) for _, pool, count in wanted)
    if needed > gpus + ROUNDING:
        raise ConfigError(
            f"the pools want {needed:g} GPUs, the cluster has {gpus:g}",
            hint="set `pools.pose.gpus: 0` to run on CPUs, or use a cluster with GPUs",
        )
    workers = [count if name == "fetch" else pool.workers or count for name, pool, count in wanted]
    asked = sum(pool.cpus * count for (_, pool, _), count in zip(wanted, workers, strict=True))
    # Shares only steer placement; scaled down they always fit, and the reads always run.
    scale = min(1.0, (cpus - RESERVED_CPUS) / asked)
    return [
        Pool(name, count, pool.cpus * scale, pool.gpus)
        for (name, pool, _), count in zip(wanted, workers, strict=True)
    ]


def _fitting(pool: PoolConfig, cpus: float, gpus: float) -> int:
    return max(1, int((gpus + ROUNDING) / pool.gpus)) if pool.gpus else max(1, int(cpus))

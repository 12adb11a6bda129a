"""How many workers each pool gets on a cluster, and which share of a CPU or GPU each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sign_etl.core.errors import ConfigError
from sign_etl.schema.pipeline import PoolConfig
from sign_etl.stages.setup import Setup

RESERVED_CPUS = 0.3
"""Left free, so that what feeds the pools is never starved by them."""
ROUNDING = 1e-9
"""Ten shares of 0.1 are one GPU."""
SHRINK = 0.9
SMALLEST_SHARE = 1e-3

Node = Mapping[str, float]
"""What one node of the cluster has, as Ray names it (`CPU`, `GPU`)."""


@dataclass(frozen=True, slots=True)
class Pool:
    """An actor pool.

    Attributes:
        stages: the stages that its workers take a clip through.
        workers: their number.
        cpus: share of each.
        gpus: share of each.
        batch: clips that a worker takes at a time.
    """

    stages: tuple[str, ...]
    workers: int
    cpus: float
    gpus: float = 0.0
    batch: int = 1


def plan_pools(setup: Setup, nodes: Sequence[Node]) -> list[Pool]:
    """Pools for a cluster.

    On CPUs alone one pool takes each clip through all stages: nothing waits between two pools, and
    a finished clip is heard of at once. With GPUs there is a pool of CPUs that decodes, and a pool
    of GPUs for each backend.

    Args:
        setup: what the stages need.
        nodes: of the cluster.

    Raises:
        ConfigError: a pool wants GPUs that the cluster, or any one node of it, does not have.
    """
    config = setup.choices().pools
    cpus = sum(node.get("CPU", 0.0) for node in nodes)
    names = [f"pose:{pose.name}" for pose in setup.poses]
    most = max(1, int(cpus))
    if not config.pose.gpus or not names:
        both = (config.pose, config.normalise) if names else (config.normalise,)
        workers = next((pool.workers for pool in both if pool.workers), most)
        share = max(pool.cpus for pool in both)
        stages = ("normalise", "import", *names, "quality")
        return _placed([Pool(stages, workers, share, batch=config.pose.batch)], nodes)
    workers = config.pose.workers or _filling(config.pose, nodes, len(names))
    _check_gpus(config.pose, workers * len(names), nodes)
    decode = config.normalise
    return _placed(
        [
            Pool(("normalise", "import"), decode.workers or most, decode.cpus),
            *(
                Pool(
                    (name, "quality") if name == names[-1] else (name,),
                    workers,
                    config.pose.cpus,
                    config.pose.gpus,
                    config.pose.batch,
                )
                for name in names
            ),
        ],
        nodes,
    )


def _filling(pool: PoolConfig, nodes: Sequence[Node], backends: int) -> int:
    """Workers of each backend that use up the GPUs, at least one."""
    return max(1, _seats(pool, nodes) // backends)


def _seats(pool: PoolConfig, nodes: Sequence[Node]) -> int:
    return sum(int((node.get("GPU", 0.0) + ROUNDING) / pool.gpus) for node in nodes)


def _check_gpus(pool: PoolConfig, workers: int, nodes: Sequence[Node]) -> None:
    if workers <= _seats(pool, nodes):
        return
    gpus = sum(node.get("GPU", 0.0) for node in nodes)
    largest = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    message = f"the pools want {workers * pool.gpus:g} GPUs, the cluster has {gpus:g}"
    if gpus and (pool.gpus > largest or workers * pool.gpus <= gpus):
        message += f" and no node has more than {largest:g}"
    raise ConfigError(
        message, hint="set `pools.pose.gpus: 0` to run on CPUs, or use a cluster with GPUs"
    )


def _placed(pools: list[Pool], nodes: Sequence[Node]) -> list[Pool]:
    """The pools with CPU shares so small that all workers find a place beside each other.

    Shares only steer placement. A worker without a place would wait for ever, and its pool with it.
    """
    cpus = sum(node.get("CPU", 0.0) for node in nodes)
    asked = sum(pool.cpus * pool.workers for pool in pools)
    scale = min(1.0, max(cpus - RESERVED_CPUS, 0.1 * cpus) / asked)
    while True:
        scaled = [replace(pool, cpus=pool.cpus * scale) for pool in pools]
        if _fits(scaled, nodes) or all(pool.cpus < SMALLEST_SHARE for pool in scaled):
            return scaled
        scale *= SHRINK


def _fits(pools: list[Pool], nodes: Sequence[Node]) -> bool:
    """Whether all workers find a place, each on the emptiest node that can take it."""
    free = [[node.get("CPU", 0.0), node.get("GPU", 0.0)] for node in nodes]
    for pool in sorted(pools, key=lambda pool: -pool.gpus):
        for _ in range(pool.workers):
            room = [
                node
                for node in free
                if node[0] + ROUNDING >= pool.cpus and node[1] + ROUNDING >= pool.gpus
            ]
            if not room:
                return False
            node = max(room)
            node[0] -= pool.cpus
            node[1] -= pool.gpus
    return True

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
    nets = [
        *((f"pose:{pose.name}", config.pose) for pose in setup.poses),
        *((f"features:{each.name}", config.features) for each in setup.features),
    ]
    names = [name for name, _ in nets]
    most = max(1, int(cpus))
    backends = sum(pool.gpus > 0 for _, pool in nets)
    if not backends:
        both = (config.pose, config.normalise) if names else (config.normalise,)
        workers = next((pool.workers for pool in both if pool.workers), most)
        share = max(pool.cpus for pool in both)
        stages = ("normalise", "import", *names, "quality")
        return _placed([Pool(stages, workers, share, batch=config.pose.batch)], nodes)
    decode = config.normalise
    pools = [
        Pool(("normalise", "import"), decode.workers or most, decode.cpus),
        *(
            Pool(
                (name, "quality") if name == names[-1] else (name,),
                pool.workers or (_filling(pool, nodes, backends) if pool.gpus else most),
                pool.cpus,
                pool.gpus,
                pool.batch,
            )
            for name, pool in nets
        ),
    ]
    _check_gpus(pools, nodes)
    return _placed(pools, nodes)


def _filling(pool: PoolConfig, nodes: Sequence[Node], backends: int) -> int:
    """Workers of each backend that use up the GPUs, at least one."""
    return max(1, _seats(pool.gpus, nodes) // backends)


def _seats(share: float, nodes: Sequence[Node]) -> int:
    return sum(int((node.get("GPU", 0.0) + ROUNDING) / share) for node in nodes)


def _check_gpus(pools: Sequence[Pool], nodes: Sequence[Node]) -> None:
    shares = [pool.gpus for pool in pools for _ in range(pool.workers) if pool.gpus]
    gpus = sum(node.get("GPU", 0.0) for node in nodes)
    wanted, most = sum(shares), max(shares)
    if len(shares) <= _seats(most, nodes):
        return
    if len(set(shares)) > 1 and wanted <= gpus and _fits(list(pools), nodes, cpus=False):
        return
    largest = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
    message = f"the pools want {wanted:g} GPUs, the cluster has {gpus:g}"
    if gpus and (most > largest or wanted <= gpus):
        message += f" and no node has more than {largest:g}"
    kinds = ("pose", "features")
    kind = next(k for k in kinds if any(p.gpus and p.stages[0].startswith(k) for p in pools))
    raise ConfigError(
        message, hint=f"set `pools.{kind}.gpus: 0` to run on CPUs, or use a cluster with GPUs"
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


def _fits(pools: list[Pool], nodes: Sequence[Node], *, cpus: bool = True) -> bool:
    """Whether all workers find a place, each on the emptiest node that can take it.

    Args:
        pools: the workers.
        nodes: the places.
        cpus: False where only GPUs count.
    """
    free = [[node.get("CPU", 0.0), node.get("GPU", 0.0)] for node in nodes]
    for pool in sorted(pools, key=lambda pool: -pool.gpus):
        for _ in range(pool.workers):
            room = [
                node
                for node in free
                if (not cpus or node[0] + ROUNDING >= pool.cpus) and node[1] + ROUNDING >= pool.gpus
            ]
            if not room:
                return False
            node = max(room)
            node[0] -= pool.cpus
            node[1] -= pool.gpus
    return True

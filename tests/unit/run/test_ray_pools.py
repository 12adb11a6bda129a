"""How the Ray runner divides a cluster among its pools; no cluster is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import make_pipeline, make_setup, truth_setup

from sign_etl.core.errors import ConfigError
from sign_etl.run.pools import Node, Pool, plan_pools
from sign_etl.stages.setup import PoseSetup, Setup

TWO = (truth_setup(), truth_setup(name="other"))
DECODING = ("normalise", "import")


def setup(poses: tuple[PoseSetup, ...] = (truth_setup(),), **pools: Any) -> Setup:
    return make_setup(Path("unused"), make_pipeline(pools=pools), poses=poses)


def node(cpus: float, gpus: float = 0.0) -> Node:
    return {"CPU": cpus, "GPU": gpus, "memory": 1e9}


def test_on_cpus_one_pool_does_it_all() -> None:
    [pool] = plan_pools(setup(TWO), [node(2), node(3)])
    assert pool == Pool((*DECODING, "pose:truth", "pose:other", "quality"), 5, 0.5)
    [alone] = plan_pools(setup(()), [node(2)])
    assert alone == Pool((*DECODING, "quality"), 2, 0.5)


def test_with_gpus_each_backend_has_its_pool() -> None:
    made = plan_pools(setup(TWO, pose={"gpus": 0.5, "batch": 16}), [node(8, 2)])
    assert [pool.stages for pool in made] == [DECODING, ("pose:truth",), ("pose:other", "quality")]
    assert [pool.workers for pool in made] == [8, 2, 2]
    assert [(pool.gpus, pool.batch) for pool in made] == [(0.0, 1), (0.5, 16), (0.5, 16)]


def test_workers_are_those_of_the_pipeline() -> None:
    settings: list[tuple[dict[str, Any], int]] = [
        ({"pose": {"workers": 5}, "normalise": {"workers": 3}}, 5),
        ({"normalise": {"workers": 3}}, 3),
        ({"fetch": {"workers": 40}}, 64),  # these are downloads
    ]
    for pools, workers in settings:
        [pool] = plan_pools(setup(**pools), [node(64)])
        assert pool.workers == workers
    made = plan_pools(
        setup(pose={"workers": 3, "gpus": 1}, normalise={"workers": 7}), [node(64, 4)]
    )
    assert [pool.workers for pool in made] == [7, 3]


def places(pools: list[Pool], nodes: list[Node]) -> bool:
    """Whether each worker finds a place in the order in which Ray starts them, spread out."""
    free = [[each["CPU"], each["GPU"]] for each in nodes]
    for pool in sorted(pools, key=lambda pool: -pool.gpus):
        for _ in range(pool.workers):
            best = max(free, key=lambda each: (each[1] >= pool.gpus - 1e-6, each[0]))
            best[0] -= pool.cpus
            best[1] -= pool.gpus
            if best[0] < -1e-6 or best[1] < -1e-6:
                return False
    return True


POOL = st.fixed_dictionaries(
    {
        "workers": st.one_of(st.none(), st.integers(1, 50)),
        "cpus": st.floats(0.01, 16, allow_nan=False),
    }
)


@given(
    cpus=st.lists(st.integers(1, 64), min_size=1, max_size=5),
    normalise=POOL,
    pose=POOL,
    backends=st.integers(0, 2),
)
def test_on_cpus_all_workers_find_a_place(
    cpus: list[int], normalise: Any, pose: Any, backends: int
) -> None:
    nodes = [node(count) for count in cpus]
    made = plan_pools(setup(TWO[:backends], normalise=normalise, pose=pose), nodes)
    assert all(pool.workers >= 1 and pool.cpus > 0 for pool in made)
    assert sum(pool.workers * pool.cpus for pool in made) <= sum(cpus) - 0.25
    assert places(made, nodes)


@given(
    gpus=st.lists(st.integers(0, 8), min_size=1, max_size=3),
    share=st.sampled_from([0.1, 0.25, 0.3, 0.5, 1.0, 2.0]),
    backends=st.integers(1, 2),
    normalise=POOL,
)
def test_gpus_are_divided_among_the_backends(
    gpus: list[int], share: float, backends: int, normalise: Any
) -> None:
    made = setup(TWO[:backends], pose={"gpus": share}, normalise=normalise)
    nodes = [node(8, count) for count in gpus]
    seats = sum(int((count + 1e-9) / share) for count in gpus)
    if seats < backends:
        with pytest.raises(ConfigError):
            plan_pools(made, nodes)
        return
    found = plan_pools(made, nodes)
    assert sum(pool.workers * pool.gpus for pool in found) <= sum(gpus) + 1e-6
    assert {pool.workers for pool in found[1:]} == {seats // backends}, "a GPU is left idle"
    assert found[0].gpus == 0
    assert places(found, nodes)


@pytest.mark.parametrize(
    ("pool", "nodes", "message"),
    [
        ({"gpus": 0.5}, [node(8)], "the pools want 0.5 GPUs, the cluster has 0"),
        ({"gpus": 1, "workers": 4}, [node(8, 2)], "the pools want 4 GPUs, the cluster has 2"),
        (
            {"gpus": 2},
            [node(8, 1), node(8, 1)],
            "the pools want 2 GPUs, the cluster has 2 and no node has more than 1",
        ),
    ],
    ids=["none", "too few", "scattered"],
)
def test_a_gpu_that_is_not_there_is_a_clear_error(
    pool: dict[str, Any], nodes: list[Node], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_pools(setup(pose=pool), nodes)
    assert caught.value.message == message
    assert "pools.pose.gpus: 0" in (caught.value.hint or "")

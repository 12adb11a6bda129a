"""How the Ray runner divides a cluster among its pools; no cluster is started."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import make_pipeline, make_setup, truth_setup

from sign_etl.core.errors import ConfigError
from sign_etl.stages.setup import PoseSetup, Setup

pytest.importorskip("ray")

TWO = (truth_setup(), truth_setup(name="other"))


def setup(poses: tuple[PoseSetup, ...] = (truth_setup(),), **pools: Any) -> Setup:
    return make_setup(Path("unused"), make_pipeline(pools=pools), poses=poses)


def pools(made: Setup, **resources: float) -> list[Any]:
    from sign_etl.run.pools import plan_pools

    return plan_pools(made, resources)


def test_each_stage_has_its_pool_in_order() -> None:
    made = pools(setup(TWO), CPU=2.0)
    assert [pool.stage for pool in made] == ["fetch", "normalise", "pose:truth", "pose:other"]
    assert [pool.workers for pool in made] == [1, 2, 2, 2]
    assert [pool.stage for pool in pools(setup(()), CPU=2.0)] == ["fetch", "normalise"]


def test_workers_are_those_of_the_pipeline() -> None:
    made = pools(setup(normalise={"workers": 3}, pose={"workers": 5}), CPU=64.0)
    assert [pool.workers for pool in made] == [1, 3, 5]
    assert [pool.cpus for pool in made] == [0.1, 0.5, 0.5]
    # `workers` of fetch counts downloads inside of its one process.
    assert pools(setup(fetch={"workers": 40}), CPU=64.0)[0].workers == 1


POOL = st.fixed_dictionaries(
    {
        "workers": st.one_of(st.none(), st.integers(1, 50)),
        "cpus": st.floats(0.01, 16, allow_nan=False),
    }
)


@given(
    cpus=st.integers(1, 1000),
    fetch=POOL,
    normalise=POOL,
    pose=POOL,
    backends=st.integers(0, 2),
)
def test_shares_always_fit_and_leave_room_for_reads(
    cpus: int, fetch: Any, normalise: Any, pose: Any, backends: int
) -> None:
    made = pools(
        setup(TWO[:backends], fetch=fetch, normalise=normalise, pose=pose), CPU=float(cpus)
    )
    assert all(pool.workers >= 1 and pool.cpus > 0 for pool in made)
    assert sum(pool.workers * pool.cpus for pool in made) <= cpus - 0.25


@given(
    gpus=st.integers(1, 16),
    share=st.sampled_from([0.1, 0.25, 0.3, 0.5, 1.0, 2.0]),
    backends=st.integers(1, 2),
)
def test_graphics_cards_are_divided_among_the_backends(
    gpus: int, share: float, backends: int
) -> None:
    made = setup(TWO[:backends], pose={"gpus": share})
    if backends * share > gpus:
        with pytest.raises(ConfigError):
            pools(made, CPU=8.0, GPU=float(gpus))
        return
    found = pools(made, CPU=8.0, GPU=float(gpus))
    assert sum(pool.workers * pool.gpus for pool in found) <= gpus
    workers = [pool.workers for pool in found[2:]]
    assert len(set(workers)) == 1
    assert (workers[0] + 1) * share * backends > gpus - 1e-9, "a card is left idle"
    assert all(pool.gpus == 0 for pool in found[:2])


def test_a_graphics_card_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(ConfigError) as caught:
        pools(setup(pose={"gpus": 0.5}), CPU=8.0)
    assert caught.value.message == "the pools want 0.5 GPUs, the cluster has 0"
    assert "pools.pose.gpus: 0" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="want 4 GPUs, the cluster has 2"):
        pools(setup(pose={"gpus": 1, "workers": 4}), CPU=8.0, GPU=2.0)

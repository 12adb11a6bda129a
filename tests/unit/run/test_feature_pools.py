"""How the Ray runner divides a cluster where features are computed; no cluster is started."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_run import make_pipeline, make_setup, truth_setup

from sign_etl.core.errors import ConfigError
from sign_etl.run.pools import Node, plan_pools
from sign_etl.stages.setup import FeatureSetup, Setup

DECODING = ("normalise", "import")
FEATURES = FeatureSetup("clip", "clip", "1", 512, {"dtype": "float16"}, {})


def setup(poses: int = 1, **pools: Any) -> Setup:
    made = make_setup(Path("unused"), make_pipeline(pools=pools), poses=(truth_setup(),) * poses)
    return replace(made, features=(FEATURES,))


def node(cpus: float, gpus: float = 0.0) -> Node:
    return {"CPU": cpus, "GPU": gpus, "memory": 1e9}


def test_on_cpus_one_pool_does_it_all() -> None:
    for poses, names in ((1, ("pose:truth", "features:clip")), (0, ("features:clip",))):
        [pool] = plan_pools(setup(poses), [node(3)])
        assert (pool.stages, pool.workers) == ((*DECODING, *names, "quality"), 3)


@pytest.mark.parametrize(
    ("pools", "shares", "workers"),
    [
        ({"features": {"gpus": 0.5}}, [0.0, 0.0, 0.5], [8, 8, 4]),
        ({"pose": {"gpus": 1}, "features": {"gpus": 1}}, [0.0, 1.0, 1.0], [8, 1, 1]),
        (
            {"pose": {"gpus": 0.5}, "features": {"gpus": 1, "workers": 1}},
            [0.0, 0.5, 1.0],
            [8, 2, 1],
        ),
    ],
    ids=["features", "both", "shares"],
)
def test_gpus_go_to_those_that_ask(
    pools: dict[str, Any], shares: list[float], workers: list[int]
) -> None:
    made = plan_pools(setup(**pools), [node(8, 2)])
    assert [pool.stages for pool in made] == [
        DECODING,
        ("pose:truth",),
        ("features:clip", "quality"),
    ]
    assert [pool.gpus for pool in made] == shares
    assert [pool.workers for pool in made] == workers


def test_too_few_gpus_are_told_with_the_pool_that_wants_them() -> None:
    with pytest.raises(ConfigError, match="want 1 GPUs, the cluster has 0") as told:
        plan_pools(setup(features={"gpus": 1}), [node(8)])
    assert "pools.features.gpus: 0" in (told.value.hint or "")

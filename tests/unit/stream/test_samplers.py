"""Samplers: which frames of a clip are chosen."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from short_clip import rng

from sign_etl.core.errors import ConfigError
from sign_etl.stream.samplers import SAMPLERS, sampler

SAMPLERS_OF = {
    "stride": {"frames": 4, "stride": 3},
    "circle": {"frames": 4, "stride": 3},
    "last": {"frames": 4, "stride": 3},
    "uniform": {"frames": 4, "stride": 3},
    "linspace": {"frames": 4},
    "tsn": {"frames": 4},
    "random-subset": {"frames": 4},
}


def test_every_sampler_is_tried_here() -> None:
    assert set(SAMPLERS_OF) == set(SAMPLERS.names())


@pytest.mark.parametrize("name", sorted(SAMPLERS_OF))
@pytest.mark.parametrize("frames", [1, 3, 10, 11, 40])
def test_samplers_choose_frames_that_are_there(name: str, frames: int) -> None:
    rule = sampler({"name": name, **SAMPLERS_OF[name]})
    most = int(rule.lengths(np.array([frames], np.int32))[0])
    draws = [rule.choose(frames, rng("a", visit)) for visit in range(4)]
    for chosen in (*draws, rule.views(frames, 1)[0]):
        assert 0 < len(chosen) <= most
        assert chosen.min() >= 0
        assert chosen.max() < frames
        assert rule.frames == 4
    assert np.array_equal(draws[1], rule.choose(frames, rng("a", 1)))
    assert pickle.loads(pickle.dumps(rule)) == rule
    assert rule.policy() == {"name": name, **SAMPLERS_OF[name]}


def test_what_samplers_choose() -> None:
    def chosen(name: str, total: int, views: int = 1, **options: int) -> list[list[int]]:
        return [w.tolist() for w in sampler({"name": name, **options}).views(total, views)]

    assert chosen("circle", 10, frames=5, stride=4) == [[0, 4, 8, 0, 4]]
    assert chosen("last", 10, frames=5, stride=4) == [[0, 4, 8, 8, 8]]
    assert chosen("uniform", 10, frames=5, stride=4) == [[0, 2, 4, 6, 8]]
    assert chosen("uniform", 6, frames=4, stride=1) == [[1, 2, 3, 4]]
    assert chosen("stride", 10, frames=0, stride=4) == [[0, 4, 8]]
    assert chosen("tsn", 12, frames=3) == [[2, 6, 10]]
    assert chosen("tsn", 12, 2, frames=3) == [[1, 5, 9], [3, 7, 11]]
    assert chosen("linspace", 9, frames=3) == [[0, 4, 8]]
    # The first window begins with the clip, the last one ends with it.
    assert chosen("circle", 21, 3, frames=3, stride=2) == [[0, 2, 4], [8, 10, 12], [16, 18, 20]]
    with pytest.raises(ConfigError, match="whole clip"):
        chosen("linspace", 9, 2, frames=3)
    with pytest.raises(ConfigError, match="sampler `circle`"):
        sampler({"name": "circle", "length": 3})
    with pytest.raises(ConfigError, match="no `name`"):
        sampler({})

"""The order of an epoch, its mixtures and its batches of classes."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sign_etl.core.errors import ConfigError
from sign_etl.stream.mixture import shares
from sign_etl.stream.order import permuted, random_keys
from sign_etl.stream.plan import Batching, Plan, make_plan

FPS = 25


def columns(
    count: int, shards: int = 10, sources: int = 1, classes: int = 10, seed: int = 0
) -> Any:
    """The columns of an index that a plan looks at."""
    generator = np.random.default_rng(seed)
    shard = np.sort(generator.integers(0, shards, count)).astype(np.int32)
    shard_source = (np.arange(shards) * sources // shards).astype(np.int16)
    return SimpleNamespace(
        shards=tuple(map(str, range(shards))),
        shard=shard,
        shard_source=shard_source,
        source=shard_source[shard],
        sources=tuple(range(sources)),
        label_id=generator.integers(0, classes, count).astype(np.int32),
        weight=np.ones(count, np.float32),
        dataset_hash="d" * 32,
    )


def lengths_of(count: int, seed: int = 0) -> NDArray[np.int32]:
    lengths = np.random.default_rng(seed).lognormal(4, 0.5, count)
    return np.clip(lengths, 5, 500).astype(np.int32)


def plan_of(
    index: Any, batching: Batching, *, seed: int = 1, epoch: int = 0, lengths: Any = None
) -> Plan:
    count = len(index.shard)
    lengths = lengths_of(count) if lengths is None else lengths
    return make_plan(index, np.arange(count), lengths, batching, seed=seed, epoch=epoch)


def test_permutations_are_what_they_were() -> None:
    # Resuming an old run relies on these very numbers.
    assert permuted(8, 0, 0, "shards").tolist() == [2, 1, 4, 6, 3, 5, 7, 0]
    assert len(np.unique(random_keys(np.arange(200_000), 5, "x"))) == 200_000


def test_equal_arguments_give_equal_plans_and_others_do_not() -> None:
    index = columns(3000)
    batching = Batching(frames=2000)
    plan = plan_of(index, batching)
    again = plan_of(index, batching)
    assert plan.plan_hash == again.plan_hash
    assert np.array_equal(plan.ids, again.ids)
    others = [
        plan_of(index, batching, epoch=1),
        plan_of(index, batching, seed=2),
        plan_of(index, replace(batching, band=0.1)),
        plan_of(index, batching, lengths=lengths_of(3000, seed=1)),
    ]
    assert len({plan.plan_hash, *(other.plan_hash for other in others)}) == 5


@pytest.mark.parametrize(
    "batching",
    [
        Batching(frames=2000, samples=64),
        Batching(frames=2000, samples=64, quadratic=100, pad_multiple=8),
        Batching(samples=7, micro_batches=3),
        Batching(frames=900, shuffle=False, band=0),
        Batching(frames=2000, window_shards=1),
    ],
)
def test_micro_batches_keep_to_their_limits(batching: Batching) -> None:
    index, lengths = columns(3000), lengths_of(3000)
    plan = plan_of(index, batching)
    assert sorted(plan.ids.tolist()) == list(range(3000))
    assert plan.bounds[0] == plan.steps[0] == 0
    assert plan.bounds[-1] == 3000
    assert plan.steps[-1] == len(plan.bounds) - 1
    assert int(plan.step_samples.sum()) == 3000
    assert int(plan.step_frames.sum()) == int(lengths.sum())
    padded = 0
    for number in range(len(plan.bounds) - 1):
        mine = lengths[plan.ids[plan.micro_batch(number)]]
        longest = -(-int(mine.max()) // batching.pad_multiple) * batching.pad_multiple
        padded += longest * len(mine)
        cost = longest + (longest**2 / batching.quadratic if batching.quadratic else 0)
        assert 1 <= len(mine) <= batching.samples
        if batching.frames:
            assert len(mine) == 1 or len(mine) * cost <= batching.frames
    assert plan.padding_efficiency == pytest.approx(lengths.sum() / padded)
    sizes = np.diff(plan.steps)
    assert sizes.max() == batching.micro_batches


def test_a_step_has_one_length_so_ranks_are_balanced() -> None:
    index, lengths = columns(20_000, shards=40), lengths_of(20_000)
    plan = plan_of(index, Batching(frames=3000, samples=64))
    spread = []
    for step in range(len(plan)):
        numbers = [number for number in plan.slots(step, 0, 1) if number is not None]
        frames = [int(lengths[plan.ids[plan.micro_batch(number)]].sum()) for number in numbers]
        spread.append(max(frames) / (sum(frames) / len(frames)))
    assert np.mean(spread) < 1.1


def test_windows_bound_the_shards_that_are_open_at_a_time() -> None:
    index = columns(4000, shards=40)
    plan = plan_of(index, Batching(samples=10, micro_batches=2, window_shards=5))
    shard = index.shard[plan.ids]
    last_use = {int(each): int(np.flatnonzero(shard == each)[-1]) for each in np.unique(shard)}
    first_use = {int(each): int(np.flatnonzero(shard == each)[0]) for each in np.unique(shard)}
    for place in range(0, 4000, 50):
        live = [s for s in last_use if first_use[s] <= place <= last_use[s]]
        assert len(live) <= 5


def test_shuffling_is_judged() -> None:
    index = columns(4000, shards=40)
    still = plan_of(index, Batching(shuffle=False), lengths=np.full(4000, 9, np.int32))
    assert still.shuffle_quality() == 0
    one = plan_of(index, Batching(window_shards=1)).shuffle_quality()
    all_of_them = plan_of(index, Batching(window_shards=40)).shuffle_quality()
    assert 0.3 < one < all_of_them
    assert all_of_them == pytest.approx(1, abs=0.03)


def test_slots_are_equally_many_on_every_rank() -> None:
    plan = plan_of(columns(500), Batching(samples=8, micro_batches=6))
    for step in range(len(plan)):
        for world_size in (1, 2, 4, 5):
            slots = [plan.slots(step, rank, world_size) for rank in range(world_size)]
            assert len({len(each) for each in slots}) == 1
            numbers = sorted(n for each in slots for n in each if n is not None)
            assert numbers == list(range(int(plan.steps[step]), int(plan.steps[step + 1])))


def test_mixtures_take_their_shares_and_pass_over_nothing() -> None:
    index = columns(1000, shards=10, sources=2)
    counts = np.bincount(index.source)
    batching = Batching(samples=16, epoch_samples=600, temperature=1e6)
    seen: list[Counter[int]] = [Counter(), Counter()]
    for epoch in range(8):
        plan = plan_of(index, batching, epoch=epoch)
        sources = index.source[plan.ids]
        assert np.bincount(sources).tolist() == [300, 300]
        for source in (0, 1):
            seen[source].update(plan.ids[sources == source].tolist())
        pairs = set(zip(plan.ids.tolist(), plan.visits.tolist(), strict=True))
        assert len(pairs) == 600  # a sample that comes twice has another visit
    for source in (0, 1):
        rounds = [seen[source][row] for row in np.flatnonzero(index.source == source)]
        assert max(rounds) - min(rounds) <= 1
        assert sum(rounds) == 8 * 300
        assert min(rounds) >= 8 * 300 // counts[source]


def test_shares_follow_the_temperature() -> None:
    counts = np.array([900, 100, 0])
    assert shares(counts, 1.0, 100).tolist() == [90, 10, 0]
    assert shares(counts, 2.0, 100).tolist() == [75, 25, 0]
    assert shares(counts, 1e9, 101).sum() == 101


def test_batches_of_classes() -> None:
    index = columns(400, classes=12)
    index.label_id[index.label_id == 11] = -1
    plan = plan_of(index, Batching(samples=20, classes=5, micro_batches=2))
    assert len(np.unique(plan.ids)) == len(plan.ids)
    assert (index.label_id[plan.ids] >= 0).all()
    full = 0
    for number in range(len(plan.bounds) - 1):
        classes = Counter(index.label_id[plan.ids[plan.micro_batch(number)]].tolist())
        assert set(classes.values()) == {4}
        assert 2 <= len(classes) <= 5
        full += len(classes) == 5
    assert full >= len(plan.bounds) - 4
    assert plan_of(index, Batching(samples=20, classes=5), epoch=1).plan_hash != plan.plan_hash
    index.label_id[:] = 3
    with pytest.raises(ConfigError, match="two classes"):
        plan_of(index, Batching(samples=20, classes=5))


@pytest.mark.parametrize(
    "options",
    [{"samples": 0}, {"frames": -1}, {"temperature": 0}, {"samples": 8, "classes": 5}],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Batching(**options)


def test_a_few_samples_are_no_special_case() -> None:
    for count in (1, 2, 3):
        plan = plan_of(columns(count, shards=1), Batching(frames=100))
        assert sorted(plan.ids.tolist()) == list(range(count))
    empty = make_plan(columns(3), np.zeros(0, np.int64), lengths_of(3), Batching(), seed=0, epoch=0)
    assert len(empty) == 0


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


def msasl(folder: Path) -> list[int]:
    clips = []
    for part in ("val", "test"):
        clips += json.loads(text_of(folder / f"annotations/msasl/MSASL_{part}.json.gz"))
    return [round((clip["end_time"] - clip["start_time"]) * FPS) for clip in clips]


def how2sign(folder: Path) -> list[int]:
    text = text_of(folder / "annotations/how2sign/how2sign_realigned_test.csv")
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    return [round((float(r["END_REALIGNED"]) - float(r["START_REALIGNED"])) * FPS) for r in rows]


@pytest.mark.shared_data
@pytest.mark.parametrize("read", [msasl, how2sign])
def test_t5_padding_is_small_on_real_lengths(read: Any, shared_data: Path) -> None:
    lengths = np.maximum(np.array(read(shared_data), np.int32), 1)
    assert len(lengths) > 1000
    index = columns(len(lengths), shards=max(1, len(lengths) // 250))
    order = np.random.default_rng(0).permutation(len(lengths))  # as if packed in hash order
    plan = plan_of(index, Batching(frames=8192, samples=128), lengths=lengths[order])
    assert plan.padding_efficiency >= 0.95

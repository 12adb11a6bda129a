"""The plan: canonical order and fixed shards."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plans import clips, keys, shard_of, split_of
from tiny_run import make_clip, make_pipeline, plan_of

from sign_etl.core.errors import ConfigError
from sign_etl.shard.names import shard_path

# ---- order and shards


def test_any_order_of_the_input_gives_one_plan() -> None:
    made = clips()
    first = plan_of(made, pack={"shard_clips": 8})
    for seed in range(3):
        random.Random(seed).shuffle(made)
        again = plan_of(made, pack={"shard_clips": 8})
        assert again.table.equals(first.table)
        assert again.digest == first.digest


def test_sources_stay_together() -> None:
    plan = plan_of(clips(), pack={"shard_clips": 8})
    groups = list(plan.groups())
    assert [len(members) for _, members in groups] == [3] * 20
    assert len({source.id for source, _ in groups}) == 20
    order = {source.id: rank for rank, (source, _) in enumerate(groups)}
    touched = defaultdict(set)
    for path, start, count in plan.shards():
        touched[path] = {clip.source.id for clip in plan.clips(start, count)}
    # Eight clips in a row of threes: whole sources but for those at the two ends.
    assert all(len(ids) <= 4 for ids in touched.values())
    ranks = [sorted(order[name] for name in ids) for ids in touched.values()]
    assert all(row == list(range(row[0], row[-1] + 1)) for row in ranks)


def test_shards_have_a_fixed_count_and_names_in_order() -> None:
    plan = plan_of(clips(), pack={"shard_clips": 8})
    shards = plan.shards()
    assert [count for _, _, count in shards] == [8] * 7 + [4]
    assert [start for _, start, _ in shards] == [8 * number for number in range(8)]
    names = [f"train/tiny-train-{number:06d}.tar" for number in range(8)]
    assert [path for path, _, _ in shards] == names
    assert shard_path("wlasl", "val", 12) == "val/wlasl-val-000012.tar"


def test_splits_come_in_order_and_count_their_own_shards() -> None:
    made = [
        make_clip(f"{split}{number}", split=split)
        for split in ("zoo", "test", "train", "dev", "val")
        for number in range(3)
    ]
    plan = plan_of(made, pack={"shard_clips": 2})
    paths = [path for path, _, _ in plan.shards()]
    splits = [path.partition("/")[0] for path in paths]
    assert [name for name, _ in groupby(splits)] == ["train", "val", "dev", "test", "zoo"]
    assert [path.rpartition("-")[2] for path in paths] == ["000000.tar", "000001.tar"] * 5


@pytest.mark.parametrize("limit", [1, 7, 8, 9, 31, 60, 1000])
def test_a_limit_is_a_prefix_that_moves_no_neighbour(limit: int) -> None:
    whole = plan_of(clips(), pack={"shard_clips": 8})
    part = plan_of(clips(), pack={"shard_clips": 8}, select={"limit": limit})
    assert len(part) == min(limit, 60)
    kept = set(keys(part))
    assert keys(part) == [key for key in keys(whole) if key in kept]
    assert shard_of(part).items() <= shard_of(whole).items()
    assert len(part.shards()) == -(-len(part) // 8)
    # As few sources as can be: whole ones but for the last.
    counts = Counter(part.table["source_id"].to_pylist())
    assert sum(count != 3 for count in counts.values()) <= 1


def test_the_seed_changes_the_order_and_nothing_else() -> None:
    one, two = plan_of(clips(), seed=1), plan_of(clips(), seed=2)
    assert keys(one) != keys(two)
    assert sorted(keys(one)) == sorted(keys(two))
    assert one.labels == two.labels
    assert one.digest != two.digest


def test_one_split_has_the_same_shards_alone() -> None:
    made = clips(split="train") + [
        make_clip(f"v{number}", source=f"v{number // 2}.mp4", split="val") for number in range(20)
    ]
    whole = plan_of(made, pack={"shard_clips": 8})
    alone = plan_of(made, pack={"shard_clips": 8}, select={"splits": ["val"]})
    assert shard_of(alone).items() <= shard_of(whole).items()
    assert set(split_of(alone).values()) == {"val"}
    with pytest.raises(ConfigError, match="no split `vall`") as caught:
        plan_of(made, select={"splits": ["vall"]})
    assert caught.value.hint == "did you mean `val`?"


def test_a_source_in_two_splits_is_one_group() -> None:
    # One word each in three splits, out of one video: fetched once.
    made = [make_clip(split, source="one.mp4", split=split) for split in ("train", "val", "test")]
    plan = plan_of(made)
    [(source, members)] = plan.groups()
    assert source.id == "one.mp4"
    assert {clip.split for clip in members} == {"train", "val", "test"}
    assert len(plan.shards()) == 3


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(["train", "Train", "val", "δοκιμή", ""])),
        min_size=1,
        max_size=40,
    ),
    shard_clips=st.integers(1, 9),
    limit=st.one_of(st.none(), st.integers(1, 45)),
    seed=st.integers(0, 3),
    shuffled=st.randoms(use_true_random=False),
)
def test_every_plan_holds_each_clip_once_in_shards_of_its_own_split(
    rows: list[tuple[int, str]],
    shard_clips: int,
    limit: int | None,
    seed: int,
    shuffled: random.Random,
) -> None:
    made = [
        make_clip(f"c{number}", source=f"s{source}", split=split)
        for number, (source, split) in enumerate(rows)
    ]
    choices = make_pipeline(seed=seed, pack={"shard_clips": shard_clips}, select={"limit": limit})
    plan = plan_of(made, choices)
    wanted = {clip.key for clip in made}
    assert len(set(keys(plan))) == len(plan) == min(limit or len(made), len(made))
    assert set(keys(plan)) <= wanted
    shards = plan.shards()
    assert len({path for path, _, _ in shards}) == len(shards)
    assert sum(count for _, _, count in shards) == len(plan)
    folders: dict[str, str] = {}
    for path, start, count in shards:
        assert 1 <= count <= shard_clips
        [split] = {clip.split for clip in plan.clips(start, count)}
        folder, _, name = path.partition("/")
        assert folders.setdefault(split, folder) == folder
        assert name.startswith(f"tiny-{folder}-")
    assert len(set(folders.values())) == len(folders)
    grouped = [clip.key for _, members in plan.groups() for clip in members]
    assert sorted(grouped) == sorted(keys(plan))
    shuffled.shuffle(made)
    assert plan_of(made, choices).table.equals(plan.table)

"""The plan: canonical order, fixed shards, splits, label ids, and what its digest covers."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_run import make_clip, make_pipeline, plan_of

from sign_etl.core.errors import AnnotationError, ConfigError
from sign_etl.run.plan import Plan
from sign_etl.schema.clip import Clip, Source
from sign_etl.shard.names import shard_path, split_folder

SIGNERS = 10


def clips(count: int = 60, per_source: int = 3, **facts: Any) -> list[Clip]:
    """Clips, `per_source` of them from each source, of ten signers."""
    return [
        make_clip(
            f"c{number}",
            source=f"s{number // per_source}.mp4",
            label=f"label {number % 7}",
            signer=f"signer {number // per_source % SIGNERS}",
            **facts,
        )
        for number in range(count)
    ]


def keys(plan: Plan) -> list[str]:
    found: list[str] = plan.table["key"].to_pylist()
    return found


def shard_of(plan: Plan) -> dict[str, str]:
    return dict(zip(keys(plan), plan.table["shard"].to_pylist(), strict=True))


def split_of(plan: Plan, column: str = "key") -> dict[str, str]:
    return dict(zip(plan.table[column].to_pylist(), plan.table["split"].to_pylist(), strict=True))


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


# ---- split names


def test_odd_split_names_never_meet_in_one_folder() -> None:
    names = ["train", "Train", "TRAIN", "train ", "δοκιμή", "έλεγχος", "тест", "a/b", "..", "a-b"]
    folders = [split_folder(name) for name in names]
    assert folders[0] == "train"
    assert folders[-1] == "a-b"
    # Not even on a disk that knows no case.
    assert len({folder.lower() for folder in folders}) == len(names)
    for folder in folders:
        assert folder.strip("abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
        assert folder[0] not in "-_"


def test_a_split_name_of_any_length_makes_a_folder(tmp_path: Path) -> None:
    names = ["x" * 300, "x" * 301]
    folders = [split_folder(name) for name in names]
    assert len(set(folders)) == 2
    for folder in folders:
        path = tmp_path / shard_path("d" * 32, folder, 0)
        path.parent.mkdir()
        path.touch()


# ---- splits


def test_without_a_split_column_all_is_train() -> None:
    plan = plan_of([make_clip("a"), make_clip("b", split="test")])
    assert split_of(plan, "annotation_id") == {"a": "train", "b": "test"}


def test_held_out_signers_are_disjoint_and_as_many_as_asked() -> None:
    made = clips(200, per_source=2)
    plan = plan_of(made, split={"by": "signer", "val": 0.2, "test": 0.3})
    signers = defaultdict(set)
    for signer, split in zip(
        plan.table["signer"].to_pylist(), plan.table["split"].to_pylist(), strict=True
    ):
        signers[split].add(signer)
    assert {split: len(names) for split, names in signers.items()} == {
        "train": 5,
        "val": 2,
        "test": 3,
    }
    assert len(set.union(*signers.values())) == SIGNERS == sum(map(len, signers.values()))


def test_clips_of_unknown_signers_are_held_out_together_or_not_at_all() -> None:
    made = [*clips(40), *(make_clip(f"unknown {number}") for number in range(20))]
    plan = plan_of(made, split={"by": "signer", "val": 0.3, "test": 0.3})
    found = zip(plan.table["signer"].to_pylist(), plan.table["split"].to_pylist(), strict=True)
    assert len({split for signer, split in found if signer is None}) == 1


def test_held_out_sources_are_disjoint_and_as_many_as_asked() -> None:
    made = clips(300, per_source=3)
    plan = plan_of(made, split={"by": "hash", "val": 0.1, "test": 0.2})
    sources = defaultdict(set)
    for source, split in split_of(plan, "source_id").items():
        sources[split].add(source)
    assert {split: len(names) for split, names in sources.items()} == {
        "train": 70,
        "val": 10,
        "test": 20,
    }
    assert Counter(plan.table["split"].to_pylist()) == {"train": 210, "val": 30, "test": 60}


@pytest.mark.parametrize("by", ["signer", "hash"])
def test_shares_that_leave_nothing_for_training(by: str) -> None:
    plan = plan_of(clips(), split={"by": by, "val": 0.5, "test": 0.5})
    assert set(plan.table["split"].to_pylist()) == {"val", "test"}


@pytest.mark.parametrize("by", ["signer", "hash"])
def test_a_split_stays_under_limit_and_any_order(by: str) -> None:
    made = clips(120)
    choice = {"by": by, "val": 0.2, "test": 0.2}
    whole = plan_of(made, split=choice)
    part = plan_of(made[::-1], split=choice, select={"limit": 50})
    assert split_of(part).items() <= split_of(whole).items()
    only = plan_of(made, split=choice, select={"splits": ["test"]})
    assert set(keys(only)) == {key for key, split in split_of(whole).items() if split == "test"}


def test_signers_that_nobody_names_cannot_be_held_out() -> None:
    with pytest.raises(ConfigError, match="names none") as caught:
        plan_of([make_clip("a"), make_clip("b")], split={"by": "signer", "test": 0.5})
    assert "hash" in (caught.value.hint or "")


# ---- labels


def test_ids_follow_the_official_order() -> None:
    made = [make_clip("a", label="book"), make_clip("b", label="apple"), make_clip("c")]
    plan = plan_of(made, labels=["zebra", "book", "apple"])
    ids = dict(
        zip(
            plan.table["annotation_id"].to_pylist(), plan.table["label_id"].to_pylist(), strict=True
        )
    )
    assert ids == {"a": 1, "b": 2, "c": None}
    assert (plan.labels, plan.official) == (("zebra", "book", "apple"), True)
    with pytest.raises(AnnotationError, match="`boook` is not in the official list") as caught:
        plan_of([make_clip("a", label="boook")], labels=["book"])
    assert caught.value.hint == "did you mean `book`?"


def test_other_labels_are_sorted_and_composed_accents_count_as_one() -> None:
    made = [
        make_clip("a", label="\u00e9t\u00e9"),
        make_clip("b", label="e\u0301te\u0301"),
        make_clip("c", label="Ωμέγα"),
        make_clip("d", label="ahoj"),
    ]
    plan = plan_of(made)
    assert plan.labels == ("ahoj", "\u00e9t\u00e9", "Ωμέγα")
    assert not plan.official
    rows = {row["annotation_id"]: row for row in plan.table.to_pylist()}
    assert rows["a"]["label_id"] == rows["b"]["label_id"] == 1
    assert rows["b"]["label"] == "e\u0301te\u0301"  # as annotated


def test_ids_do_not_depend_on_what_is_selected() -> None:
    made = clips(40, split="train") + clips_of_another_split()
    whole = plan_of(made)
    ids = {(row["label"], row["label_id"]) for row in whole.table.to_pylist()}
    for select in ({"limit": 3}, {"splits": ["val"]}):
        part = plan_of(made, select=select)
        assert part.labels == whole.labels
        assert {(row["label"], row["label_id"]) for row in part.table.to_pylist()} <= ids


def clips_of_another_split() -> list[Clip]:
    return [make_clip(f"v{number}", label=f"a{number}", split="val") for number in range(5)]


# ---- what is refused


def test_a_clip_that_stands_twice_is_named() -> None:
    made = [make_clip("a"), make_clip("b"), make_clip("b"), make_clip("c"), make_clip("c")]
    with pytest.raises(AnnotationError) as caught:
        plan_of(made)
    assert caught.value.message.startswith("duplicate clip id `")
    assert "(2 such ids)" in caught.value.message
    assert ".mp4" in caught.value.message
    assert caught.value.hint
    # The same id in another span is another clip.
    assert len(plan_of([make_clip("a", end_s=1.0), make_clip("a", start_s=1.0)])) == 2


@pytest.mark.parametrize("by", ["column", "signer", "hash"])
def test_a_plan_without_clips_is_refused(by: str) -> None:
    with pytest.raises(ConfigError, match="plan is empty"):
        plan_of([], split={"by": by, "val": 0.5})


# ---- file and digest


def test_a_plan_comes_back_from_its_file(tmp_path: Path) -> None:
    odd = make_clip(
        "odd",
        media=Source("X.mp4", "http://a/b", ("x.mp4", "y"), (("Referer", "r"),), trimmed=True),
        split="val",
        label="Ω",
        gloss="G",
        text="γειά σου",
        language="gss",
        signer="3",
        start_s=1.25,
        end_s=2.5,
        declared_fps=29.97,
        bbox=(0.0, 1.0, 2.0, 3.5),
        extra={"view": "left", "z": "Ω"},
    )
    plan = plan_of([*clips(10), odd], labels=[*(f"label {n}" for n in range(7)), "Ω"])
    plan.save(tmp_path / "plan.parquet")
    again = Plan.load(tmp_path / "plan.parquet")
    assert again.table.equals(plan.table)
    assert (again.labels, again.official, again.digest) == (plan.labels, True, plan.digest)
    assert again.shards() == plan.shards()
    [start] = [start for path, start, _ in again.shards() if path.startswith("val/")]
    assert again.clips(start, 1) == [odd]
    assert [source for source, _ in again.groups()] == [source for source, _ in plan.groups()]
    (tmp_path / "plan.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises((OSError, ValueError)):
        Plan.load(tmp_path / "plan.parquet")


BASE = {"label": "l", "gloss": "g", "text": "t", "language": "svk", "signer": "s", "end_s": 2.0}


@pytest.mark.parametrize(
    "change",
    [
        {"label": "other"},
        {"gloss": "other"},
        {"text": None},
        {"text": ""},
        {"language": "zxx"},
        {"signer": "other"},
        {"split": "test"},
        {"end_s": 2.5},
        {"declared_fps": 30.0},
        {"bbox": (0.0, 0.0, 10.0, 10.0)},
        {"extra": {"view": "side"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_digest_covers_the_annotations(change: dict[str, Any]) -> None:
    def digest(**facts: Any) -> str:
        return plan_of([make_clip("a", **facts), make_clip("b", label="l")]).digest

    assert digest(**BASE) == digest(**BASE)
    assert digest(**(BASE | change)) != digest(**BASE)


def test_texts_cannot_trade_places() -> None:
    def digest(*texts: str | None) -> str:
        made = [make_clip(f"c{number}", text=text) for number, text in enumerate(texts)]
        return plan_of(made, pack={"shard_clips": 1}).digest

    pairs = [("a", "b\0"), ("a\0b", ""), ("a", "b"), ("ab", ""), ("\x01", ""), (None, "")]
    assert len({digest(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("setting", "counts"),
    [
        ({"normalise": {"short_side": 64, "fps": 30}}, True),
        ({"normalise": {"short_side": 96}}, True),
        ({"quality": {"min_body": 0.5}}, True),
        ({"pack": {"dtype": "float32"}}, True),
        ({"pack": {"keep_video": False}}, True),
        ({"pose": {"truth": {}}}, True),
        ({"name": "renamed"}, True),
        ({"fetch": {"max_bytes": 5}}, True),
        ({"normalise": {"short_side": 64, "timeout_s": 5, "memory_mb": 512}}, False),
        ({"pools": {"pose": {"workers": 3, "gpus": 1}}}, False),
        ({"policy": {"max_failed": 1}}, False),
        ({"description": "other words"}, False),
        ({"fetch": {"rate_per_s": 1, "user_agent": "x", "allow_private_hosts": True}}, False),
        ({"dataset": {"recipe": "folder", "name": "tiny", "media": "/elsewhere"}}, False),
        ({"dataset": {"recipe": "folder", "name": "tiny", "annotations": "x.csv"}}, False),
        ({"dataset": {"recipe": "folder", "name": "tiny", "language": "svk"}}, True),
    ],
    ids=str,
)
def test_the_digest_covers_choices_and_not_resources(setting: dict[str, Any], counts: bool) -> None:
    made = [make_clip("a")]
    assert (plan_of(made, **setting).digest != plan_of(made).digest) is counts


def test_another_address_of_the_same_clip_is_the_same_plan() -> None:
    def digest(url: str) -> str:
        return plan_of([make_clip("a", media=Source("a", url))]).digest

    assert digest("http://one/") == digest("http://two/")

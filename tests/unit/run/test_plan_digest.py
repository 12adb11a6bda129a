"""The plan in its file, and what its digest covers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_run import make_clip, plan_of

from sign_etl.run.plan import Plan
from sign_etl.schema.clip import Source


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
    clips = [make_clip(f"c{n}", label=f"label {n % 7}") for n in range(10)]
    plan = plan_of([*clips, odd], labels=[*(f"label {n}" for n in range(7)), "Ω"])
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

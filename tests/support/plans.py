"""Clips for plans, and what a plan made of them."""

from __future__ import annotations

from typing import Any

from tiny_run import make_clip

from sign_etl.run.plan import Plan
from sign_etl.schema.clip import Clip

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

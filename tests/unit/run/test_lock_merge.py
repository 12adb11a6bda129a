"""Merging locks: the union, tombstones first, contradictions named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import ConfigError, VerifyError
from sign_etl.reader.lock import Lock, open_lock
from sign_etl.run.merge import conflict, merge

SHA, OTHER = "ab" * 32, "cd" * 32


def line(key: str = "k", outcome: str = "written", **facts: Any) -> dict[str, Any]:
    return {"key": key, "source_id": key, "outcome": outcome, **facts}


WRITTEN = line(sha256=SHA, size_bytes=1)
DEAD = line(outcome="failed", stage="fetch", reason="link-dead")
LATE = line(outcome="failed", stage="fetch", reason="timeout")
BLACK = line(outcome="excluded", stage="quality", reason="black", sha256=SHA)
CRASHED = line(outcome="failed", stage="pose", reason="crashed", sha256=SHA)
REVOKED = line(outcome="excluded", stage="fetch", reason="revoked")
PENDING = line(outcome="pending")
BY_WEIGHT = [REVOKED, WRITTEN, CRASHED, DEAD, LATE, PENDING]


def lock(path: Path, *lines: dict[str, Any], **head: Any) -> Lock:
    base = {
        "schema": "sign-etl/lock/1",
        "sign_etl": "0.1.0",
        "plan": "f" * 64,
        "pipeline": {},
        "stages": {"fetch": "1"},
        "poses": {},
        "packages": {},
        "cpu_flags": [],
    }
    path.write_text("".join(canonical_json(each) + "\n" for each in (base | head, *lines)))
    return open_lock(path)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in path.read_text().splitlines()[1:]]


@pytest.mark.parametrize("better", range(len(BY_WEIGHT) - 1))
def test_what_tells_more_wins_whoever_says_it(tmp_path: Path, better: int) -> None:
    for worse in BY_WEIGHT[better + 1 :]:
        one, other = lock(tmp_path / "a", BY_WEIGHT[better]), lock(tmp_path / "b", worse)
        for pair in ((one, other), (other, one)):
            assert not merge(*pair, tmp_path / "out").conflicts
            assert lines_of(tmp_path / "out") == [BY_WEIGHT[better]]


def test_the_union_of_two_subsets(tmp_path: Path) -> None:
    def either(here: dict[str, Any], there: dict[str, Any]) -> list[dict[str, Any]]:
        return [here | {"key": "a"}, there | {"key": "b"}, DEAD | {"key": "c"}]

    mine = lock(tmp_path / "a", *either(WRITTEN, DEAD))
    theirs = lock(tmp_path / "b", *either(LATE, WRITTEN), cpu_flags=["riscv"])
    merged = merge(mine, theirs, tmp_path / "out")
    assert (merged.clips, merged.gained) == (3, 1)
    assert merged.outcomes == {"failed": 1, "written": 2}
    assert [each["outcome"] for each in lines_of(tmp_path / "out")] == ["written"] * 2 + ["failed"]


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (WRITTEN, WRITTEN | {"sha256": OTHER}, f"sha256 {SHA[:12]} and {OTHER[:12]}"),
        (WRITTEN, BLACK, "written and black of the same bytes"),
        (BLACK, BLACK | {"sha256": OTHER}, f"sha256 {SHA[:12]} and {OTHER[:12]}"),
    ],
)
def test_contradictions_are_named_and_nothing_is_written(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], said: str
) -> None:
    merged = merge(lock(tmp_path / "a", first), lock(tmp_path / "b", second), tmp_path / "out")
    assert [(each.key, each.what) for each in merged.conflicts] == [("k", said)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


LINES = st.sampled_from([*BY_WEIGHT, BLACK, WRITTEN | {"sha256": OTHER}])


@given(LINES, LINES)
def test_conflicts_know_no_sides(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (conflict(first, second) is None) == (conflict(second, first) is None)
    assert conflict(first, first) is None


def test_other_builds_and_torn_locks_are_refused(tmp_path: Path) -> None:
    mine = lock(tmp_path / "a", WRITTEN)
    with pytest.raises(ConfigError, match=r"`stages\.fetch` differs"):
        merge(mine, lock(tmp_path / "b", WRITTEN, stages={"fetch": "2"}), tmp_path / "out")
    with pytest.raises(ConfigError, match="`plan` differs"):
        merge(mine, lock(tmp_path / "b", WRITTEN, plan="0" * 64), tmp_path / "out")
    with pytest.raises(VerifyError, match="has no line of k"):
        merge(mine, lock(tmp_path / "b"), tmp_path / "out")
    assert not (tmp_path / "out").exists()

"""Reading locks, and holding two of them against each other."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.reader.lock import lock_lines, open_lock
from sign_etl.reader.lock_diff import compare, diff_heads, diff_lines

HEAD: dict[str, Any] = {
    "schema": "sign-etl/lock/1",
    "sign_etl": "0.1.0",
    "plan": "f" * 64,
    "pipeline": {"normalise": {"fps": 25.0}},
    "stages": {"fetch": "1"},
    "poses": {},
    "packages": {"av": "18"},
    "cpu_flags": ["x86_64"],
}


def line(name: str, **facts: Any) -> dict[str, Any]:
    """A line of a sample, or of a reject where `facts` say so."""
    base = {
        "key": f"tiny-{name}",
        "source_id": f"{name}.mp4",
        "outcome": "written",
        "sha256": "ab" * 32,
        "size_bytes": 5,
        "video": "cd" * 32,
        "poses": {"truth": "ef" * 32},
    }
    return {key: value for key, value in (base | facts).items() if value is not None}


def dead(name: str, reason: str = "link-dead") -> dict[str, Any]:
    gone = dict.fromkeys(("sha256", "size_bytes", "video", "poses"))
    return line(name, outcome="failed", stage="fetch", reason=reason, **gone)


def write(path: Path, *lines: dict[str, Any], **head: Any) -> Path:
    text = "".join(canonical_json(record) + "\n" for record in (HEAD | head, *lines))
    path.write_text(text, encoding="utf-8")
    return path


def test_lines_in_order_and_by_key(tmp_path: Path) -> None:
    lines = [line("a"), dead("b"), line("ö", url="https://example.org/" + "x" * 5000)]
    lock = open_lock(write(tmp_path / "x.lock", *lines))
    assert list(lock.lines()) == lines
    assert [lock.get(each["key"]) for each in reversed(lines)] == lines[::-1]
    assert lock.get("tiny-c") is None
    assert len(lock) == 3


def test_a_folder_stands_for_its_lock(tmp_path: Path) -> None:
    write(tmp_path / "build.lock", line("a"))
    assert open_lock(tmp_path).path == tmp_path / "build.lock"
    assert lock_lines(tmp_path, plan="0" * 64) is None
    found = lock_lines(tmp_path, plan="f" * 64)
    assert found is not None
    assert list(found) == [line("a")]


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (None, UsageError, "there is no lock at"),
        ("", VerifyError, "its first line is not the head"),
        ('["schema"]\n', VerifyError, "its first line is not the head"),
        ('{"schema":"sign-etl/lock/9"}\n', VerifyError, "`sign-etl/lock/9`"),
        ('{"schema":"sign-etl/lock/1"}\n', VerifyError, "wrong `sign_etl`"),
    ],
)
def test_what_is_no_lock(
    tmp_path: Path, text: str | None, error: type[Exception], said: str
) -> None:
    path = tmp_path / "x.lock"
    if text is not None:
        path.write_text(text)
    with pytest.raises(error, match=said):
        open_lock(path)


@pytest.mark.parametrize("torn", ['{"key":"tiny-b"', '{"key":7,"outcome":"written"}', "[]", ""])
def test_a_damaged_line_is_named_and_never_skipped(tmp_path: Path, torn: str) -> None:
    path = write(tmp_path / "x.lock", line("a"))
    with path.open("a") as file:
        file.write(torn + "\n")
    lock = open_lock(path)
    with pytest.raises(VerifyError, match="is damaged"):
        list(lock.lines())
    with pytest.raises(VerifyError, match="is damaged"):
        lock.get("tiny-a")


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        ({}, ()),
        ({"notes": {"retrieved_at": "2026"}}, ()),
        ({"sha256": "12" * 32, "size_bytes": 6}, ("container",)),
        ({"sha256": "12" * 32, "video": "34" * 32}, ("bytes",)),
        ({"video": "34" * 32}, ("outputs",)),
        ({"poses": {"truth": "34" * 32}}, ("outputs",)),
        ({"url": "https://example.org/a"}, ("address",)),
        ({"flags": ["fps-differs"]}, ("facts",)),
        ({"outcome": "excluded", "reason": "black", "video": None}, ("outcome",)),
    ],
)
def test_kinds_of_differences(change: dict[str, Any], kinds: tuple[str, ...]) -> None:
    assert compare(line("a"), line("a", **change)) == kinds
    assert compare(line("a", **change), line("a")) == kinds


def test_a_dead_link_is_another_end_and_nothing_else() -> None:
    assert compare(line("a"), dead("a")) == ("outcome",)
    assert compare(dead("a"), dead("a", "timeout")) == ("outcome",)


def test_a_diff_finds_each_clip_once_in_any_order(tmp_path: Path) -> None:
    names = [str(number) for number in range(40)]
    mine = {name: line(name) for name in names}
    theirs = dict(mine) | {"new": line("new"), "3": dead("3"), "7": line("7", sha256="12" * 32)}
    del theirs["5"]
    shuffled = list(theirs.values())
    random.Random(1).shuffle(shuffled)
    first = open_lock(write(tmp_path / "a.lock", *mine.values()))
    for number, lines in enumerate((list(theirs.values()), shuffled)):
        second = open_lock(write(tmp_path / f"b{number}.lock", *lines))
        found = {each.key: each for each in diff_lines(first, second)}
        assert {key: each.kinds for key, each in found.items()} == {
            "tiny-new": ("added",),
            "tiny-5": ("gone",),
            "tiny-3": ("outcome",),
            "tiny-7": ("container",),
        }
        assert found["tiny-3"].first == mine["3"]
        assert found["tiny-3"].second == theirs["3"]
    assert list(diff_lines(first, first)) == []


def test_heads_differ_by_name(tmp_path: Path) -> None:
    first = open_lock(write(tmp_path / "a.lock"))
    second = open_lock(
        write(tmp_path / "b.lock", stages={"fetch": "2", "pack": "1"}, pipeline_digest="x")
    )
    assert [
        (each.name, each.first, each.second) for each in diff_heads(first.head, second.head)
    ] == [
        ("stages.fetch", "1", "2"),
        ("stages.pack", None, "1"),
    ]
    assert json.loads(first.path.read_text())["plan"] == first.head.plan

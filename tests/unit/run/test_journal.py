"""The journal: appended to by one process, killed at any byte, read by all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sign_etl.run.journal import Journal, Result
from sign_etl.schema.outcome import Outcome, Reason, Reject, StageName

WRITTEN = Result(
    key="a",
    source="ab" * 32,
    size_bytes=5,
    video="cd" * 32,
    poses={"truth": "ef" * 32},
    quality="01" * 32,
    flags=("fps-differs",),
    facts={"fps": "25/1", "duration_s": 1.0, "video": "23" * 32, "poses": {"truth": "45" * 32}},
)
DEAD = Result("b", Reject(StageName.FETCH, Reason.LINK_DEAD, "status 404"))
BUSY = Result("c", Reject(StageName.FETCH, Reason.SERVER_ERROR, "status 500"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.jsonl"


def write(path: Path, *results: Result) -> None:
    journal = Journal(path)
    for result in results:
        journal.append(result)
    journal.close()


def test_what_is_written_is_read(path: Path) -> None:
    assert dict(Journal(path).latest()) == {}
    write(path, WRITTEN, DEAD, BUSY)
    assert list(Journal(path).results()) == [WRITTEN, DEAD, BUSY]
    lines = path.read_bytes().splitlines()
    assert json.loads(lines[1])["reject"] == {
        "stage": "fetch",
        "reason": "link-dead",
        "detail": "status 404",
    }


def test_a_result_is_on_the_disk_before_the_next_one(path: Path) -> None:
    journal = Journal(path)
    journal.append(WRITTEN)
    assert dict(Journal(path).latest()) == {"a": WRITTEN}
    journal.close()
    journal.close()  # harmless


def test_the_last_result_of_a_clip_counts(path: Path) -> None:
    again = Result("b", Reject(StageName.FETCH, Reason.TIMEOUT))
    write(path, DEAD, WRITTEN)
    write(path, again)
    assert dict(Journal(path).latest()) == {"a": WRITTEN, "b": again}


def test_a_kill_at_any_byte_costs_one_line(path: Path) -> None:
    write(path, WRITTEN, DEAD)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in sorted({*range(0, len(whole), 11), first - 1, first, first + 1, len(whole) - 1}):
        path.write_bytes(whole[:end])
        found = list(Journal(path).results())
        assert found == ([WRITTEN] if end >= first else [])
        # The next run mends the file and goes on.
        write(path, BUSY)
        assert list(Journal(path).results()) == [*found, BUSY]
        assert path.read_bytes().count(b"\n") == len(found) + 1


@pytest.mark.parametrize(
    "line",
    [
        b"no json at all",
        b"{}",
        b"5",
        b"null",
        b"[]",
        b'["key"]',
        b'{"key":"a","unknown":1}',
        b'{"key":"a","reject":"link-dead"}',
        b'{"key":"a","reject":{"stage":"fetch","reason":"no-such-reason"}}',
        b'{"key":"a","flags":3}',
        b"\xff\xfe",
        b"",
    ],
)
def test_a_foreign_line_is_passed_over(path: Path, line: bytes) -> None:
    write(path, WRITTEN)
    with path.open("ab") as file:
        file.write(line + b"\n")
    write(path, DEAD)
    assert list(Journal(path).results()) == [WRITTEN, DEAD]


def test_compacting_keeps_what_it_is_told(path: Path) -> None:
    write(path, WRITTEN, DEAD, BUSY, DEAD)
    journal = Journal(path)
    journal.append(BUSY)
    journal.compact({"a": WRITTEN, "b": DEAD})
    assert list(journal.results()) == [WRITTEN, DEAD]
    journal.append(BUSY)
    journal.close()
    assert list(Journal(path).results()) == [WRITTEN, DEAD, BUSY]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_outcome_and_finality() -> None:
    paused = Result("d", Reject(StageName.FETCH, Reason.HOST_PAUSED))
    black = Result("e", Reject(StageName.QUALITY, Reason.BLACK))
    assert [result.outcome for result in (WRITTEN, DEAD, BUSY, paused, black)] == [
        Outcome.WRITTEN,
        Outcome.FAILED,
        Outcome.FAILED,
        Outcome.DEFERRED,
        Outcome.EXCLUDED,
    ]
    finals = [result.final for result in (WRITTEN, DEAD, BUSY, paused, black)]
    assert finals == [True, True, False, False, True]

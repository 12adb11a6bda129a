"""What a guarded child says: errors, prints, and replies that are none."""

from __future__ import annotations

import os

import guard_targets as targets
import pytest
from guarded import LIMITS, breach

from sign_etl.core.errors import SignEtlError
from sign_etl.core.guard import (
    CRASHED,
    HUNG,
    MAX_STDERR_BYTES,
    Breach,
    Guard,
)


def test_exception_names_its_type_and_nothing_of_its_text() -> None:
    with Guard(targets.raise_error, LIMITS) as guard:
        answer = guard.call({"path": "/home/someone"})
        assert (answer.reason, answer.detail) == (CRASHED, "LookupError")
        assert "/home/someone" in answer.stderr
        assert guard.pid is not None, "an exception does not cost the child"


def test_error_about_the_installation_is_raised_here() -> None:
    with Guard(targets.raise_missing_extra, LIMITS) as guard:
        with pytest.raises(SignEtlError, match="needs the `blazepose` extra") as caught:
            guard.call({})
        assert caught.value.exit_code == 3
        assert caught.value.hint == "pip install 'sign-etl[blazepose]'"


def test_child_prints_and_reads_without_disturbing_the_protocol() -> None:
    with Guard(targets.noise, LIMITS) as guard:
        assert guard.call({"lines": 3}) == {"stdin": ""}
        assert guard.call({"lines": 3}) == {"stdin": ""}


def test_what_a_child_prints_does_not_fill_the_disk() -> None:
    with Guard(targets.noise, LIMITS) as guard:
        for _ in range(3):
            guard.call({"lines": 600_000})
        assert guard._child is not None
        printed = os.fstat(guard._child.stderr.fileno()).st_size
    assert printed <= MAX_STDERR_BYTES + 600_000 * 18 + 4096


def test_endless_reply() -> None:
    answer = breach(targets.endless)
    assert (answer.reason, answer.detail) == (CRASHED, "endless reply")


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[1]",
        "{}",
        '{"id":1}',
        '{"id":1,"raised":"../../etc","traceback":""}',
        '{"id":1,"error":{"message":3}}',
        '{"id":1,"reply":' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"id":1,"reply":' + "9" * 5000 + "}",
    ],
    ids=["text", "list", "empty", "no-reply", "path", "error", "deep", "long-number"],
)
def test_garbled_reply(text: str) -> None:
    answer = breach(targets.garbled, bytes=text)
    assert (answer.reason, answer.detail) == (CRASHED, "garbled reply")


def test_forged_reply_to_the_next_call_is_refused() -> None:
    with Guard(targets.reply_twice, LIMITS) as guard:
        first = guard.call({"twice": True})
        second = guard.call({})
    assert isinstance(first, Breach)
    assert second == {"honest": True}


def test_child_that_does_not_read_cannot_block_its_parent() -> None:
    with Guard(targets.deaf, LIMITS) as guard:
        assert guard.call({}) == {}
        answer = guard.call({"text": "x" * 1_000_000}, wall_s=0.5)
        assert (answer.reason, answer.detail) == (HUNG, "over 0.5 s")


@pytest.mark.parametrize("nan", [True, False])
def test_reply_that_is_no_json(nan: bool) -> None:
    answer = breach(targets.not_json, nan=nan)
    assert (answer.reason, answer.detail) == (CRASHED, "ValueError" if nan else "TypeError")

"""The guard: whatever a child does, its parent gets an answer and goes on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import guard_targets as targets
import psutil
import pytest
from guarded import LIMITS, breach
from process import all_ended

from sign_etl.core.errors import Stopped
from sign_etl.core.guard import (
    CRASHED,
    HUNG,
    OUT_OF_MEMORY,
    Breach,
    Guard,
    GuardStartError,
    Limits,
)


def test_call_returns_the_reply_of_a_child_that_stays() -> None:
    with Guard(targets.echo, LIMITS) as guard:
        first = guard.call({"text": "Ω \n x", "number": 1})
        second = guard.call({"text": "again"})
    assert first == {"pid": first["pid"], "text": "Ω \n x", "number": 1}
    assert first["pid"] == second["pid"] != os.getpid()


def test_target_may_be_named_by_text() -> None:
    with Guard("guard_targets:echo", LIMITS) as guard:
        assert guard.call({"a": 1})["a"] == 1


def test_request_larger_than_a_pipe() -> None:
    with Guard(targets.echo, LIMITS) as guard:
        assert len(guard.call({"text": "x" * 1_000_000})["text"]) == 1_000_000


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGILL, signal.SIGFPE, signal.SIGABRT])
def test_death_by_signal(number: signal.Signals) -> None:
    answer = breach(targets.raise_signal, signal=int(number))
    assert (answer.reason, answer.detail) == (CRASHED, number.name)


def test_real_segmentation_fault_and_next_call() -> None:
    with Guard(targets.segfault, LIMITS) as guard:
        for _ in range(2):
            answer = guard.call({})
            assert (answer.reason, answer.detail) == (CRASHED, "SIGSEGV")
            assert guard.pid is None


def test_exit_of_the_child() -> None:
    answer = breach(targets.leave, code=7)
    assert (answer.reason, answer.detail) == (CRASHED, "exit code 7")


def test_killed_from_outside_runs_again(tmp_path: Path) -> None:
    with Guard(targets.die_once, LIMITS) as guard:
        assert guard.call({"mark": str(tmp_path / "mark")}) == {"again": True}


def test_killed_from_outside_every_time() -> None:
    answer = breach(targets.raise_signal, signal=int(signal.SIGKILL))
    assert (answer.reason, answer.detail) == (CRASHED, "SIGKILL")


def test_hang_is_ended(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with Guard(targets.sleep, Limits(wall_s=60, memory_bytes=512 << 20)) as guard:
        assert guard.call({"pid_file": str(pid_file), "s": 0}) == {}
        answer = guard.call({"pid_file": str(pid_file), "s": 3600}, wall_s=0.5)
        assert (answer.reason, answer.detail) == (HUNG, "over 0.5 s")
        assert not psutil.pid_exists(int(pid_file.read_text()))


def test_an_answer_that_is_there_counts_however_late_we_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Guard._send

    def send_and_sleep(guard: Guard, child: Any, *rest: Any) -> Breach | None:
        breach = send(guard, child, *rest)
        poll = select.poll()
        poll.register(child.replies, select.POLLIN)
        assert poll.poll(600_000)
        time.sleep(0.05)  # the call's time is over, whatever the pace
        return breach

    with Guard(targets.echo, LIMITS) as guard:
        guard.call({})
        monkeypatch.setattr(Guard, "_send", send_and_sleep)
        assert guard.call({"text": "late"}, wall_s=0.01)["text"] == "late"


def test_hang_with_the_interpreter_lock_is_ended() -> None:
    answer = breach(targets.spin_with_lock, Limits(wall_s=0.5, memory_bytes=512 << 20), s=3600)
    assert answer.reason == HUNG


def test_processor_time_is_limited_by_the_kernel() -> None:
    answer = breach(targets.burn)
    assert (answer.reason, answer.detail) == (HUNG, "over 60 s")


def test_growing_memory_is_ended() -> None:
    answer = breach(targets.grow, Limits(wall_s=60, memory_bytes=128 << 20))
    assert (answer.reason, answer.detail) == (OUT_OF_MEMORY, "over 128 MiB")


def test_one_huge_allocation_fails_in_the_child() -> None:
    limits = Limits(wall_s=60, memory_bytes=128 << 20)
    answer = breach(targets.map_too_much, limits, bytes=1 << 34)
    assert (answer.reason, answer.detail) == (OUT_OF_MEMORY, "over 128 MiB")


def test_reserved_address_space_counts_unless_it_is_granted() -> None:
    tight = Limits(wall_s=60, memory_bytes=128 << 20)
    freely = replace(tight, maps_freely=True)
    assert breach(targets.reserve, tight, bytes=1 << 36).detail == "OSError"
    with Guard(targets.reserve, freely) as guard:
        assert guard.call({"bytes": 1 << 36}) == {"length": 1 << 36}
    assert breach(targets.grow, freely).reason == OUT_OF_MEMORY


def test_memory_errors_of_libraries_count_as_such() -> None:
    assert breach(targets.raise_own_memory_error).reason == OUT_OF_MEMORY
    assert breach(targets.abort_with_bad_alloc).reason == OUT_OF_MEMORY


def test_file_size_is_limited(tmp_path: Path) -> None:
    limits = Limits(wall_s=60, memory_bytes=512 << 20, file_bytes=10_000)
    path = tmp_path / "file"
    with Guard(targets.write_file, limits) as guard:
        assert guard.call({"path": str(path), "bytes": 10_000}) == {}
        answer = guard.call({"path": str(path), "bytes": 10_001})
    assert (answer.reason, answer.detail) == (CRASHED, "OSError")
    assert path.stat().st_size <= 10_000


def test_child_is_replaced_after_so_many_calls() -> None:
    with Guard(targets.echo, Limits(wall_s=60, memory_bytes=512 << 20, calls=2)) as guard:
        pids = [guard.call({})["pid"] for _ in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


def test_interrupt_and_termination_do_not_reach_the_child() -> None:
    with Guard(targets.ignore, LIMITS) as guard:
        assert guard.call({}) == {"alive": True}


def test_interrupt_of_the_parent_ends_the_child(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    def interrupt() -> None:
        while not pid_file.exists() or not pid_file.read_text():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    with Guard(targets.sleep, LIMITS) as guard:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            guard.call({"pid_file": str(pid_file), "s": 3600})
        assert guard.pid is None
    thread.join()
    assert not psutil.pid_exists(int(pid_file.read_text()))


def test_interrupt_from_another_thread_stops_the_call_for_good(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    guard = Guard(targets.sleep, LIMITS)

    def interrupt() -> None:
        while not pid_file.exists() or not pid_file.read_text():
            time.sleep(0.02)
        guard.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    for _ in range(2):
        with pytest.raises(Stopped):
            guard.call({"pid_file": str(pid_file), "s": 3600})
        assert guard.pid is None
    thread.join()
    assert not psutil.pid_exists(int(pid_file.read_text()))


PARENT = """
import sys
sys.path[:0] = {path!r}
import guard_targets
from sign_etl.core.guard import Guard, Limits
guard = Guard(guard_targets.sleep, Limits(wall_s=600, memory_bytes=512 << 20))
guard.call({{"pid_file": {pid_file!r}, "s": 3600}})
"""


def test_child_ends_when_its_parent_is_killed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = PARENT.format(path=sys.path, pid_file=str(pid_file))
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        while not pid_file.exists() or not pid_file.read_text():
            assert parent.poll() is None
            time.sleep(0.05)
        child = psutil.Process(int(pid_file.read_text()))
    finally:
        parent.kill()
        parent.wait()
    assert all_ended([child])


def test_child_that_cannot_start_is_no_fault_of_a_clip() -> None:
    with (
        Guard("guard_targets:no_such_function", LIMITS) as guard,
        pytest.raises(GuardStartError, match="no_such_function") as caught,
    ):
        guard.call({})
    assert caught.value.hint


def test_environment_and_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resource.py").write_text("raise SystemExit('taken over')\n")
    monkeypatch.chdir(tmp_path)
    with Guard(targets.settings, LIMITS, environment={"OMP_NUM_THREADS": "1"}) as guard:
        answer = guard.call({"names": ["OMP_NUM_THREADS"]})
    assert answer["variables"] == {"OMP_NUM_THREADS": "1"}
    assert str(tmp_path) not in answer["path"]


def test_close_is_harmless_twice_and_ends_the_child() -> None:
    guard = Guard(targets.echo, LIMITS)
    guard.close()
    pid = guard.call({})["pid"]
    guard.close()
    guard.close()
    assert not psutil.pid_exists(pid)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's seccomp")
def test_a_child_has_no_network() -> None:
    with Guard(targets.connect, LIMITS) as guard:
        refused = ["PermissionError", "PermissionError", "open"]
        assert guard.call({}) == {"outcomes": refused * 2}

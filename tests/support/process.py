"""The command line as a process, and what it leaves on the disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from sign_etl.core.canonical import canonical_json, sha256_bytes, sha256_file

PUBLISHED = ("manifest.json", "index.parquet", "ledger.parquet", "labels.json", "build.lock")


def command(*arguments: str | Path) -> list[str]:
    """The command line of `sign-etl ARGUMENTS`."""
    return [sys.executable, "-m", "sign_etl", *map(str, arguments)]


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, with plain progress lines that come often."""
    return {**os.environ, "SIGN_ETL_PROGRESS_S": "5", **changes}


def sign_etl(
    *arguments: str | Path, expect: int | None = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; checks the exit code unless `expect` is None."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        env={**environment(), **(env or {})},
        timeout=1100,
        check=False,
    )
    if expect is not None:
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def start(*arguments: str | Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start a command in a process group of its own."""
    return subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**environment(), **(env or {})},
        start_new_session=True,
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str], limit_s: float) -> None:
    """Wait until `condition` holds; fails if the process ends before, or after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert process.poll() is None, f"ended early: {process.communicate()[0]}"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def halted(pid: int) -> bool:
    """True while a process has halted at a seam (mode `halt`): it waits for SIGCONT."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


def is_sent(pid: int, number: signal.Signals) -> bool:
    """True while a signal waits for a process that has halted."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    [pending] = [line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd")]
    return bool(int(pending, 16) >> (number - 1) & 1)


def wait_for_halt(process: subprocess.Popen[str], limit_s: float) -> None:
    """Wait until a command has halted at the seam that its environment names."""
    wait_for(lambda: halted(process.pid), process, limit_s)


def all_ended(processes: Iterable[psutil.Process], limit_s: float = 600) -> bool:
    """Wait until none of them runs; an orphan that nobody buries has ended too."""
    deadline = time.monotonic() + limit_s
    while not all(map(_ended, processes)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def kill_group(process: subprocess.Popen[str]) -> None:
    """kill -9 the process and everything that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def guarded_children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The guarded children of a running command."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            if "sign_etl.core.guard_child" in child.cmdline():
                found.append(child)
        except psutil.Error:
            continue
    return found


def journal_lines(build: Path) -> int:
    """Complete lines in the journal of a build."""
    journal = build / ".sign-etl" / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def _digest(path: Path) -> str:
    if path.name != "build.lock":
        return sha256_file(path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line.pop("notes", None)
    return sha256_bytes(canonical_json(lines).encode("utf-8"))


def tree(build: Path) -> dict[str, str]:
    """sha256 of every published file of a build by its path; leftovers would show.

    Of the lock without its notes: when something was downloaded is another time in each run.
    """
    return {
        str(path.relative_to(build)): _digest(path)
        for path in sorted(build.rglob("*"))
        if path.is_file() and ".sign-etl" not in path.parts
    }

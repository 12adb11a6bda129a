"""The process under `sign_etl.core.guard`: starting it, watching it, ending it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO

import psutil


@dataclass(slots=True)
class Child:
    """A running child and our ends of its pipes.

    Attributes:
        process: the child.
        requests: descriptor to write requests to, non-blocking.
        replies: descriptor to read replies from.
        stderr: file that takes what it prints.
        calls: number of calls so far.
    """

    process: subprocess.Popen[bytes]
    requests: int
    replies: int
    stderr: IO[bytes]
    calls: int = 0

    def last_words(self) -> str:
        """The end of what it printed."""
        size = self.stderr.seek(0, os.SEEK_END)
        self.stderr.seek(max(0, size - 4000))
        return self.stderr.read().decode("utf-8", "replace")

    def trim_stderr(self, above_bytes: int) -> None:
        """Forget what it printed if that is more than `above_bytes`."""
        # The child appends, so cutting the file under it is safe.
        if os.fstat(self.stderr.fileno()).st_size > above_bytes:
            os.ftruncate(self.stderr.fileno(), 0)

    def resident_bytes(self) -> int:
        """Memory that it holds right now; 0 if it is gone."""
        try:
            return int(psutil.Process(self.process.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def end(self) -> None:
        """Kill it and close everything."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.stderr):
            assert stream is not None
            stream.close()


def spawn(entry: str, memory_bytes: int, file_bytes: int, environment: Mapping[str, str]) -> Child:
    """Start a child that serves calls of `entry` (`module:function`).

    Args:
        entry: what it runs.
        memory_bytes: resident memory that the parent will grant it; 0 if it may map what it likes.
        file_bytes: largest file that it may write.
        environment: additions to our own environment.
    """
    stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
    flags = fcntl.fcntl(stderr.fileno(), fcntl.F_GETFL)
    fcntl.fcntl(stderr.fileno(), fcntl.F_SETFL, flags | os.O_APPEND)
    # One linear-algebra thread for each core would map more than the limit before any work is done.
    whole = {"OPENBLAS_NUM_THREADS": "1", **os.environ, **environment}
    whole["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    numbers = map(str, (memory_bytes, file_bytes, os.getpid()))
    process = subprocess.Popen(
        # -P: a folder that we happen to stand in must not lend its modules.
        [sys.executable, "-P", "-m", "sign_etl.core.guard_child", entry, *numbers],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=whole,
        bufsize=0,
    )
    assert process.stdin is not None and process.stdout is not None
    requests, replies = process.stdin.fileno(), process.stdout.fileno()
    os.set_blocking(requests, False)
    return Child(process, requests, replies, stderr)

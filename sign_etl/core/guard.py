"""A child process under guard: what runs in it may crash, hang or bloat without taking us along.

Untrusted bytes (decoding) and heavy native code (pose models) run in such a child. It serves one
call at a time, so a dead child always names its culprit. Requests and replies are JSON: a child
that hostile bytes have taken over must not be able to hand its parent a pickle.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import psutil

POLL_S = 0.2
MAX_REPLY_BYTES = 64 << 20

CRASHED, HUNG, OUT_OF_MEMORY = BREACHES = ("crashed", "hung", "out-of-memory")

Target = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a guarded call may use.

    Attributes:
        wall_s: seconds for one call, the start of the child not counted.
        memory_bytes: resident memory of the child.
        file_bytes: largest file that it may write.
        calls: the child is replaced after so many calls, which bounds what leaks.
        start_s: seconds for the child to import its libraries.
    """

    wall_s: float
    memory_bytes: int
    file_bytes: int = 1 << 40
    calls: int = 500
    start_s: float = 120.0


@dataclass(frozen=True, slots=True)
class Breach:
    """How a guarded call ended if not with a reply.

    Attributes:
        reason: one of `BREACHES`; the same words stand in `sign_etl.schema.outcome.Reason`.
        detail: stable facts (a signal name, the limit), fit for the ledger.
        stderr: the last words of the child, for the log only.
    """

    reason: str
    detail: str
    stderr: str = ""


class Guard:
    """Owns one guarded child that runs `target`; starts it when needed, replaces it when it dies.

    Not thread-safe: one owner, one call at a time.

    Args:
        target: an importable function `dict -> dict` (JSON values only) that the child runs.
        limits: what a call may use.
        environment: additions to the child's environment.
    """

    def __init__(
        self, target: Target, limits: Limits, *, environment: dict[str, str] | None = None
    ) -> None:
        self._entry = f"{target.__module__}:{target.__qualname__}"
        self._limits = limits
        self._environment = environment or {}
        self._child: subprocess.Popen[bytes] | None = None
        self._stderr: IO[bytes] | None = None
        self._calls = 0

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None where none runs."""
        return self._child.pid if self._child else None

    def call(self, request: dict[str, Any], *, wall_s: float | None = None) -> Any | Breach:
        """Run the target on `request` in the child.

        Args:
            request: JSON values.
            wall_s: seconds for this call, default the limit's.

        Returns:
            The target's reply, or a `Breach`. After a breach the child is gone; the next call
            starts a new one.
        """
        wall_s = wall_s or self._limits.wall_s
        if self._calls >= self._limits.calls:
            self.close()
        if self._child is None:
            breach = self._start()
            if breach is not None:
                return breach
        assert self._child is not None and self._child.stdin is not None
        self._calls += 1
        line = json.dumps({"wall_s": wall_s, "request": request}).encode() + b"\n"
        try:
            self._child.stdin.write(line)
            self._child.stdin.flush()
        except (BrokenPipeError, OSError):
            return self._dead()
        reply = self._read_line(wall_s)
        if isinstance(reply, Breach):
            return reply
        try:
            answer = json.loads(reply)
        except ValueError:
            return self._breach(CRASHED, "garbled reply")
        if "raised" in answer:
            if answer["raised"] == "MemoryError":
                return self._breach(OUT_OF_MEMORY, self._memory_detail())
            return Breach(CRASHED, answer["raised"], answer.get("traceback", ""))
        return answer["reply"]

    def close(self) -> None:
        """End the child. Harmless where there is none."""
        child, self._child = self._child, None
        self._calls = 0
        if child is not None:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    try:
                        stream.close()
                    except OSError:
                        pass
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def _start(self) -> Breach | None:
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (`close` closes it)
        environment = os.environ | self._environment
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sign_etl.core.guard_child",
                self._entry,
                str(self._limits.memory_bytes),
                str(self._limits.file_bytes),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=environment,
        )
        ready = self._read_line(self._limits.start_s)
        return ready if isinstance(ready, Breach) else None

    def _read_line(self, wall_s: float) -> bytes | Breach:
        assert self._child is not None and self._child.stdout is not None
        descriptor = self._child.stdout.fileno()
        deadline = time.monotonic() + wall_s
        buffer = bytearray()
        while True:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                return self._breach(HUNG, f"over {wall_s:g} s")
            readable, _, _ = select.select([descriptor], [], [], min(POLL_S, remaining))
            if readable:
                chunk = os.read(descriptor, 1 << 16)
                if not chunk:
                    return self._dead()
                buffer += chunk
                if buffer.endswith(b"\n"):
                    return bytes(buffer)
                if len(buffer) > MAX_REPLY_BYTES:
                    return self._breach(CRASHED, "endless reply")
            elif self._resident_bytes() > self._limits.memory_bytes:
                return self._breach(OUT_OF_MEMORY, self._memory_detail())

    def _resident_bytes(self) -> int:
        assert self._child is not None
        try:
            return int(psutil.Process(self._child.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def _memory_detail(self) -> str:
        return f"over {self._limits.memory_bytes >> 20} MiB"

    def _dead(self) -> Breach:
        assert self._child is not None
        code = self._child.wait()
        return self._breach(CRASHED, _describe_exit(code))

    def _breach(self, reason: str, detail: str) -> Breach:
        last_words = ""
        if self._stderr is not None:
            size = self._stderr.seek(0, os.SEEK_END)
            self._stderr.seek(max(0, size - 4000))
            last_words = self._stderr.read().decode("utf-8", "replace")
        self.close()
        return Breach(reason, detail, last_words)


def _describe_exit(code: int) -> str:
    import signal

    if code < 0:
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"
    return f"exit code {code}"

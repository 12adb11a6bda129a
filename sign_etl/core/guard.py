"""A child process under guard: what runs in it may crash, hang or bloat without taking us along.

Untrusted bytes (decoding) and heavy native code (pose models) run in such a child. It serves one
call at a time, so a dead child always names its culprit. Requests and replies are JSON: a child
that hostile bytes have taken over must not be able to hand its parent a pickle.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sign_etl.core.errors import SignEtlError, Stopped
from sign_etl.core.guard_process import Child, spawn

POLL_S: Final = 0.2
MAX_REPLY_BYTES: Final = 16 << 20
MAX_STDERR_BYTES: Final = 8 << 20

CRASHED, HUNG, OUT_OF_MEMORY = "crashed", "hung", "out-of-memory"

Target = Callable[[dict[str, Any]], dict[str, Any]]

_NAME = re.compile(r"[A-Za-z_]\w{0,79}")


class GuardStartError(SignEtlError):
    """The guarded process cannot even start: the installation is at fault and no clip is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a guarded call may use.

    Attributes:
        wall_s: seconds for one call, the start of the child not counted.
        memory_bytes: resident memory of the child.
        file_bytes: largest file that it may write.
        calls: the child is replaced after so many calls, which bounds what leaks.
        start_s: seconds for the child to import its libraries.
        maps_freely: True where a library reserves far more address space than it uses, as CUDA
            does; then the resident memory alone is limited.
    """

    wall_s: float
    memory_bytes: int
    file_bytes: int = 1 << 40
    calls: int = 500
    start_s: float = 120.0
    maps_freely: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """How a guarded call ended if not with a reply.

    Attributes:
        reason: `crashed`, `hung` or `out-of-memory`, as in `sign_etl.schema.outcome.Reason`.
        detail: stable facts (a signal name, the limit), fit for the ledger.
        stderr: the last words of the child, for the log only.
    """

    reason: str
    detail: str
    stderr: str = ""


class Guard:
    """Owns one guarded child that runs `target`; starts it when needed, replaces it when it dies.

    Not thread-safe: one owner, one call at a time. The target must be repeatable: a call whose
    child was killed from outside runs once more.

    Args:
        target: an importable function `dict -> dict` (JSON values only) that the child runs, or
            its name as `module:function`, where the parent need not import that module.
        limits: what a call may use.
        environment: additions to the child's environment.
    """

    def __init__(
        self,
        target: Target | str,
        limits: Limits,
        *,
        environment: dict[str, str] | None = None,
    ) -> None:
        self._entry = (
            target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"
        )
        self._limits = limits
        self._environment = environment or {}
        self._child: Child | None = None
        self._interrupted = threading.Event()

    def __enter__(self) -> Guard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the child, None where none runs."""
        return self._child.process.pid if self._child else None

    def call(self, request: dict[str, Any], *, wall_s: float | None = None) -> Any | Breach:
        """Run the target on `request` in the child.

        Args:
            request: JSON values.
            wall_s: seconds for this call, default the limit's.

        Returns:
            The target's reply, or a `Breach`. After a breach of a limit or a death the child is
            gone; the next call starts a new one.

        Raises:
            GuardStartError: the child does not start, twice in a row.
            Stopped: `interrupt` was called.
            SignEtlError: the target raised one: it is about the installation, not about `request`.
        """
        wall_s = wall_s or self._limits.wall_s
        try:
            answer = self._call(request, wall_s)
            if isinstance(answer, Breach) and answer.detail == signal.SIGKILL.name:
                # Bytes cannot do that. It was a person, a scheduler or a machine out of memory.
                answer = self._call(request, wall_s)
        except BaseException:  # Ctrl-C in the middle of a call: a late reply must find nobody
            self.close()
            raise
        if isinstance(answer, Breach):
            return answer
        return self._open_answer(answer)

    def interrupt(self) -> None:
        """Break off the call in hand, from another thread; the owner gets `Stopped`, for good."""
        self._interrupted.set()

    def close(self) -> None:
        """End the child. Harmless where there is none."""
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _call(self, request: dict[str, Any], wall_s: float) -> dict[str, Any] | Breach:
        if self._child is not None and self._child.calls >= self._limits.calls:
            self.close()
        child = self._child or self._start()
        child.calls += 1
        child.trim_stderr(0)
        deadline = time.monotonic() + wall_s
        call = {"id": child.calls, "wall_s": wall_s, "request": request}
        line = json.dumps(call, allow_nan=False).encode() + b"\n"
        reply = self._send(child, line, wall_s, deadline) or self._receive(child, wall_s, deadline)
        if isinstance(reply, Breach):
            return reply
        try:
            answer = json.loads(reply)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict) or answer.get("id") != child.calls:
            return self._breach(CRASHED, "garbled reply")
        return answer

    def _open_answer(self, answer: dict[str, Any]) -> Any | Breach:
        match answer:
            case {"reply": reply}:
                return reply
            case {"error": {"message": str(message), "hint": hint, "exit_code": int(code)}}:
                error = SignEtlError(message, hint=hint if isinstance(hint, str) else None)
                error.exit_code = code
                raise error
            case {"raised": "MemoryError"}:
                return self._breach(OUT_OF_MEMORY, self._memory_detail())
            case {"raised": str(name), "traceback": str(traceback)} if _NAME.fullmatch(name):
                return Breach(CRASHED, name, traceback)
        return self._breach(CRASHED, "garbled reply")

    def _start(self) -> Child:
        last_words = ""
        for _ in range(2):  # a machine that is short of something for a moment gets a second try
            child = self._child = spawn(
                self._entry,
                0 if self._limits.maps_freely else self._limits.memory_bytes,
                self._limits.file_bytes,
                self._environment,
            )
            ready = self._receive(
                child, self._limits.start_s, time.monotonic() + self._limits.start_s
            )
            if not isinstance(ready, Breach):
                return child
            last_words = (ready.stderr.strip().splitlines() or [ready.detail])[-1]
        raise GuardStartError(
            f"the guarded process of `{self._entry}` does not start: {last_words}",
            hint="run `sign-etl doctor`",
        )

    def _send(self, child: Child, line: bytes, wall_s: float, deadline: float) -> Breach | None:
        rest = memoryview(line)
        while rest:
            breach = self._wait(child, child.requests, select.POLLOUT, wall_s, deadline)
            if breach is not None:
                return breach
            try:
                rest = rest[os.write(child.requests, rest) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                return self._dead(child, wall_s)
        return None

    def _receive(self, child: Child, wall_s: float, deadline: float) -> bytes | Breach:
        buffer = bytearray()
        while True:
            breach = self._wait(child, child.replies, select.POLLIN, wall_s, deadline)
            if breach is not None:
                return breach
            chunk = os.read(child.replies, 1 << 16)
            if not chunk:
                return self._dead(child, wall_s)
            buffer += chunk
            if buffer.endswith(b"\n"):
                return bytes(buffer)
            if len(buffer) > MAX_REPLY_BYTES:
                return self._breach(CRASHED, "endless reply")

    def _wait(
        self, child: Child, descriptor: int, event: int, wall_s: float, deadline: float
    ) -> Breach | None:
        """Wait until `descriptor` is ready; watch time and memory meanwhile, at least once.

        What is ready counts, however late we look: we may have been asleep and not the child.
        """
        poll = select.poll()
        poll.register(descriptor, event)
        while True:
            if self._interrupted.is_set():
                raise Stopped(
                    "the run is stopped", hint="run the same command again: it goes on from here"
                )
            remaining_s = max(deadline - time.monotonic(), 0.0)
            ready = poll.poll(min(POLL_S, remaining_s) * 1000)
            if child.resident_bytes() > self._limits.memory_bytes:
                return self._breach(OUT_OF_MEMORY, self._memory_detail())
            child.trim_stderr(MAX_STDERR_BYTES)
            if ready:
                return None
            if not remaining_s:
                return self._breach(HUNG, _over(wall_s))

    def _memory_detail(self) -> str:
        return f"over {self._limits.memory_bytes >> 20} MiB"

    def _dead(self, child: Child, wall_s: float) -> Breach:
        try:
            code = child.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            return self._breach(CRASHED, "closed its pipes")
        if code == -signal.SIGXCPU:
            return self._breach(HUNG, _over(wall_s))
        if code == -signal.SIGABRT and "bad_alloc" in child.last_words():
            return self._breach(OUT_OF_MEMORY, self._memory_detail())
        return self._breach(CRASHED, _describe_exit(code))

    def _breach(self, reason: str, detail: str) -> Breach:
        last_words = self._child.last_words() if self._child is not None else ""
        self.close()
        return Breach(reason, detail, last_words)


def _over(wall_s: float) -> str:
    return f"over {wall_s:g} s"


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"

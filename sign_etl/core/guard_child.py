"""The child side of `sign_etl.core.guard`: `python -m sign_etl.core.guard_child MODULE:FUNCTION`.

It takes limits upon itself before it imports anything heavy, and it ends when its parent is gone,
even in the middle of a call, so that a killed run leaves no decoder behind.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
import traceback

ADDRESS_SPACE_FACTOR = 4
"""Native libraries map far more than they touch; the parent watches the resident size exactly."""


def main() -> None:
    """Serve calls from stdin until it closes."""
    entry, memory_bytes, file_bytes = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # The run's own Ctrl-C and SIGTERM reach the whole process group; the parent decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    parent = os.getppid()
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    _limit(resource.RLIMIT_AS, memory_bytes * ADDRESS_SPACE_FACTOR)
    # Libraries print to stdout; the protocol gets a descriptor of its own.
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    module, _, name = entry.partition(":")
    target = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    replies.write(b'{"ready":true}\n')
    replies.flush()
    for line in sys.stdin.buffer:
        call = json.loads(line)
        _limit_cpu(call["wall_s"])
        try:
            answer = {"reply": target(call["request"])}  # type: ignore[operator]
        except Exception as error:  # the border of the process: every failure becomes a reply
            answer = {"raised": type(error).__name__, "traceback": traceback.format_exc()[-4000:]}
        replies.write(json.dumps(answer).encode() + b"\n")
        replies.flush()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def _limit(which: int, value: int) -> None:
    hard = resource.getrlimit(which)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    try:
        resource.setrlimit(which, (value, hard))
    except (ValueError, OSError):  # macOS refuses some; the parent's own watch remains
        pass


def _limit_cpu(wall_s: float) -> None:
    # A loop in native code that holds the interpreter lock also stops the watch on the parent;
    # the kernel's own clock ends it, parent or no parent.
    used = resource.getrusage(resource.RUSAGE_SELF)
    cores = os.cpu_count() or 1
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + wall_s * cores + 10))


if __name__ == "__main__":
    main()

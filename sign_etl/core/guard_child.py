"""The child side of `sign_etl.core.guard`: `python -m sign_etl.core.guard_child MODULE:FUNCTION`.

It gives up the network and takes limits upon itself before it imports anything heavy, and it ends
when its parent is gone, even in the middle of a call: a killed run leaves no decoder behind.
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
from collections.abc import Callable
from typing import Any, Final

from sign_etl.core.errors import SignEtlError
from sign_etl.core.no_network import deny_network

ADDRESS_SPACE_FACTOR: Final = 4
"""Native libraries map far more than they touch; the parent watches the resident size exactly."""

WATCH_S: Final = 1.0


def main() -> None:
    """Serve calls from stdin until it closes."""
    entry, memory_bytes, file_bytes, parent = sys.argv[1], *map(int, sys.argv[2:5])
    deny_network()
    # The run's own Ctrl-C and SIGTERM reach the whole process group; the parent decides what ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, file_bytes)
    if memory_bytes:
        _limit(resource.RLIMIT_AS, memory_bytes * ADDRESS_SPACE_FACTOR)
    # Libraries print to stdout and may read stdin; the protocol gets descriptors of its own.
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    target = _target(entry)
    replies.write(b'{"ready":true}\n')
    replies.flush()
    for line in requests:
        replies.write(_serve(target, json.loads(line)) + b"\n")
        replies.flush()


def _target(entry: str) -> Callable[[Any], Any]:
    module, _, name = entry.partition(":")
    target: Any = importlib.import_module(module)
    for part in name.split("."):
        target = getattr(target, part)
    if not callable(target):
        raise TypeError(f"{entry} is not callable")
    return target  # type: ignore[no-any-return]


def _serve(target: Callable[[Any], Any], call: dict[str, Any]) -> bytes:
    _limit_cpu(call["wall_s"])
    answer: dict[str, Any]
    try:
        reply = {"id": call["id"], "reply": target(call["request"])}
        return json.dumps(reply, allow_nan=False).encode()
    except SignEtlError as error:
        about = {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}
        answer = {"error": about}
    except MemoryError:  # libraries have subclasses of their own
        answer = {"raised": "MemoryError"}
    except Exception as error:  # the border of the process: every failure becomes a reply
        answer = {"raised": type(error).__name__, "traceback": traceback.format_exc()[-4000:]}
    return json.dumps(answer | {"id": call["id"]}).encode()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
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

"""What guarded children run in tests of the guard: each does one bad thing."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from sign_etl.core.errors import MissingExtraError

NO_RESERVE = 0x4000

_kept: list[bytearray] = []


def echo(request: dict[str, Any]) -> dict[str, Any]:
    return {"pid": os.getpid(), **request}


def settings(request: dict[str, Any]) -> dict[str, Any]:
    variables = {name: os.environ.get(name) for name in request["names"]}
    return {"variables": variables, "path": sys.path}


def raise_signal(request: dict[str, Any]) -> dict[str, Any]:
    os.kill(os.getpid(), request["signal"])
    return {"survived": True}


def abort_with_bad_alloc(request: dict[str, Any]) -> dict[str, Any]:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def segfault(request: dict[str, Any]) -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def leave(request: dict[str, Any]) -> dict[str, Any]:
    sys.exit(request["code"])


def sleep(request: dict[str, Any]) -> dict[str, Any]:
    Path(request["pid_file"]).write_text(str(os.getpid()))
    time.sleep(request["s"])
    return {}


def sleep_for_ever(request: dict[str, Any]) -> dict[str, Any]:
    """Says so with a file that the environment names."""
    Path(os.environ["SLEEPS_WHEN"]).touch()
    while True:
        time.sleep(3600)


def spin_with_lock(request: dict[str, Any]) -> dict[str, Any]:
    # PyDLL keeps the interpreter lock while it sleeps, as native code in a loop would.
    ctypes.PyDLL(None).usleep(int(request["s"] * 1e6))
    return {}


def burn(request: dict[str, Any]) -> dict[str, Any]:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    while True:
        pass


def grow(request: dict[str, Any]) -> dict[str, Any]:
    while True:
        _kept.append(bytearray(os.urandom(1 << 20) * 8))
        time.sleep(0.01)


def map_too_much(request: dict[str, Any]) -> dict[str, Any]:
    return {"length": len(bytearray(request["bytes"]))}


def reserve(request: dict[str, Any]) -> dict[str, Any]:
    """Address space without a page behind it, as CUDA takes it."""
    return {"length": len(mmap.mmap(-1, request["bytes"], flags=mmap.MAP_PRIVATE | NO_RESERVE))}


class OwnMemoryError(MemoryError):
    pass


def raise_own_memory_error(request: dict[str, Any]) -> dict[str, Any]:
    raise OwnMemoryError


def raise_error(request: dict[str, Any]) -> dict[str, Any]:
    raise LookupError(f"secret path {request['path']}")


def raise_missing_extra(request: dict[str, Any]) -> dict[str, Any]:
    raise MissingExtraError("backend `x`", "blazepose")


def noise(request: dict[str, Any]) -> dict[str, Any]:
    os.write(1, b"native code talks\n" * request["lines"])
    sys.stdout.write("and so does Python\n")
    sys.stdout.flush()
    return {"stdin": sys.stdin.read()}


def endless(request: dict[str, Any]) -> dict[str, Any]:
    replies = _reply_descriptor()
    while True:
        os.write(replies, b"x" * 65536)


def garbled(request: dict[str, Any]) -> dict[str, Any]:
    os.write(_reply_descriptor(), bytes(request["bytes"], "utf-8") + b"\n")
    time.sleep(60)
    return {}


def reply_twice(request: dict[str, Any]) -> dict[str, Any]:
    if request.get("twice"):
        os.write(_reply_descriptor(), b'{"id":2,"reply":"forged"}\n')
        time.sleep(0.2)
    return {"honest": True}


def not_json(request: dict[str, Any]) -> Any:
    return {"value": float("nan") if request["nan"] else b"bytes"}


def write_file(request: dict[str, Any]) -> dict[str, Any]:
    Path(request["path"]).write_bytes(b"x" * request["bytes"])
    return {}


def die_once(request: dict[str, Any]) -> dict[str, Any]:
    mark = Path(request["mark"])
    if not mark.exists():
        mark.write_text("")
        os.kill(os.getpid(), signal.SIGKILL)
    return {"again": True}


def ignore(request: dict[str, Any]) -> dict[str, Any]:
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(os.getpid(), number)
    return {"alive": True}


def deaf(request: dict[str, Any]) -> dict[str, Any]:
    # Answers, then never reads another request.
    os.write(_reply_descriptor(), b'{"id":1,"reply":{}}\n')
    time.sleep(60)
    return {}


def _reply_descriptor() -> int:
    """The pipe of the replies, as code that took over the process would find it."""
    for descriptor in range(3, 64):
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
            writable = os.get_blocking(descriptor) and _is_writable(descriptor)
        except OSError:
            continue
        if target.startswith("pipe:") and writable:
            return descriptor
    raise AssertionError("no pipe to write to")


def _is_writable(descriptor: int) -> bool:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY


def connect(request: dict[str, Any]) -> dict[str, Any]:
    """Try to open sockets, in this thread and in another one."""
    import socket
    import threading

    outcomes: list[str] = []

    def attempt() -> None:
        for family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            try:
                socket.socket(family).close()
                outcomes.append("open")
            except OSError as error:
                outcomes.append(type(error).__name__)

    attempt()
    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return {"outcomes": outcomes}

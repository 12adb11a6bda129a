"""Seams: named moments at which a run may be killed and must lose nothing.

Each place where something becomes final calls `seam` with its name. Normally that does nothing.
The environment variable `SIGN_ETL_FAULT` strikes there:

    SIGN_ETL_FAULT='pack.before-record:kill'                      at the first pass
    SIGN_ETL_FAULT='journal.after-append#3:term'                  at the third pass of this process
    SIGN_ETL_FAULT='files.before-rename@*/manifest.json:full'     where the subject matches
    SIGN_ETL_FAULT='store.before-action:pause;decode.opening@*bad.mp4:crash'
    SIGN_ETL_FAULT='journal.after-append#5:halt'                  until somebody sends SIGCONT

`tests/faults` strikes at each of `SEAMS`, goes on, and compares; so can you, on your own cluster.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

VARIABLE: Final = "SIGN_ETL_FAULT"

SEAMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "files.opened": "an empty temporary file",
        "files.before-rename": "a whole temporary file; the final one is as it was",
        "files.after-rename": "the final file; its folder is not synced",
        "store.before-action": "objects that no action names",
        "fetch.receiving": "the beginning of a download",
        "fetch.before-rename": "a whole download under its working name",
        "fetch.before-move": "a whole download under its own name, in its folder",
        "fetch.before-action": "a whole download in its place; the store does not know it",
        "journal.before-append": "a clip at its end, of which only the store knows",
        "journal.after-append": "a line in the journal, not synced",
        "journal.before-drop": "a journal of some shards whose lines are in the whole one's too",
        "journal.before-sync": "all lines of a run, not synced",
        "engine.before-release": "a source whose clips are all at their end",
        "engine.before-pack": "results of a shard; their source is gone",
        "shards.withdrawn": "the shard as it was, no manifest",
        "pack.writing": "the first samples of a shard in a temporary file",
        "pack.before-rename": "all samples in a temporary file; the old record is void",
        "pack.before-record": "a new shard without a record",
        "pack.removing": "a shard that has no place in the build, without a record",
        "finish.before-tables": "shards and records, no manifest where a table changes",
        "finish.before-manifest": "shards, tables and lock, no manifest",
        "archives.before-unpack": "a whole archive",
        "archives.before-merge": "its files in a scratch folder",
        "archives.merging": "some of its files in their place",
        "archives.before-note": "all of its files in their place, no note",
        "decode.opening": "nothing: a guarded child is about to decode",
    }
)
"""All seams, with what is on the disk at that moment."""

PAUSE_S: Final = 0.2


def seam(name: str, subject: object = "") -> None:
    """Mark a moment; strikes if `SIGN_ETL_FAULT` says so.

    Args:
        name: a key of `SEAMS`, as a literal.
        subject: what it is about, such as the path of a file.

    Raises:
        OSError: no space left, in mode `full`.
        ValueError: the variable cannot be read.
    """
    faults = os.environ.get(VARIABLE)
    if faults:
        for fault in faults.split(";"):
            _strike(fault, name, str(subject))


def _strike(fault: str, name: str, subject: str) -> None:
    moment, _, mode = fault.rpartition(":")
    moment, _, turn = moment.partition("#")
    wanted, _, pattern = moment.partition("@")
    if wanted not in SEAMS or mode not in _MODES:
        raise ValueError(f"{VARIABLE}: `{fault}` is not NAME[@PATTERN][#TURN]:MODE")
    if wanted != name or not fnmatchcase(subject, pattern or "*"):
        return
    with _lock:
        _passes[fault] += 1
        passes = _passes[fault]
    if mode == "pause" or passes == int(turn or 1):
        _MODES[mode]()


_passes: Counter[str] = Counter()
_lock = threading.Lock()


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _term() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _halt() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _pause() -> None:
    time.sleep(random.random() * PAUSE_S)


def _crash() -> None:
    signal.signal(signal.SIGSEGV, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGSEGV)


def _hang() -> None:
    while True:
        time.sleep(1)


def _bloat() -> None:
    kept = []
    while True:
        kept.append(os.urandom(1 << 20) * 16)


_MODES: Final[Mapping[str, Callable[[], None]]] = {
    "kill": _kill,
    "term": _term,
    "halt": _halt,
    "full": _full,
    "pause": _pause,
    "crash": _crash,
    "hang": _hang,
    "bloat": _bloat,
}

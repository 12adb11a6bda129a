"""Shards of remote builds on the local disk, shared by all processes of a node, without locks.

A shard appears by rename, whole. Whoever creates `NAME.leader0` fetches it and the others wait for
the file. Where that leader died, or says nothing for a while, whoever creates `NAME.leader1` takes
its place, and so on. Nobody takes the note of another away while the shard is being fetched: a note
read as dead may be a living one by the time it is removed. Should a silent leader wake up, the
second rename replaces equal bytes by equal bytes. Nothing trusts `flock`, which network file
systems implement as they like.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from sign_etl.core.errors import SignEtlError
from sign_etl.core.files import TEMP_PREFIX, disk_errors
from sign_etl.stream.schedule import Schedule

Fetch = Callable[[str, Path], None]
"""Copies a shard, named relative to its build, to a local file."""

HEARTBEAT_S = 2.0
SILENT_S = 30.0
"""A leader that touched its note so long ago is taken for dead."""
POLL_S = 0.02
TRIES = 3
LEADER = ".leader"


class FetchError(SignEtlError):
    """A shard cannot be fetched."""

    exit_code = 1


class ShardCache:
    """The shards of one remote build in a local folder.

    Args:
        folder: where they are put, under the names that they have in the build.
        sizes: size in bytes by name.
        fetch: brings one.
        limit_bytes: evict shards beyond this, first those that are needed again last. Only a
            process that has set `schedule` evicts: the others do not know what is needed.
    """

    def __init__(
        self,
        folder: Path,
        sizes: Mapping[str, int],
        fetch: Fetch,
        *,
        limit_bytes: int | None = None,
    ) -> None:
        self.folder = folder
        self.sizes = sizes
        self.limit_bytes = limit_bytes
        self.schedule: Schedule | None = None
        self._fetch = fetch

    def ensure(self, shard: str) -> Path:
        """The local file of `shard`, fetched if it is not there.

        Raises:
            FetchError: it cannot be had after several tries.
            DiskError: no space is left.
        """
        path = self.folder / shard
        if self.has(shard):
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        while not self.has(shard):
            notes = _lead(path)
            if not notes:
                time.sleep(POLL_S)
                continue
            try:
                if not self.has(shard):
                    self.trim(shard)
                    self._bring(shard, path, notes[-1])
            finally:
                for note in notes:
                    note.unlink(missing_ok=True)
        return path

    def has(self, shard: str) -> bool:
        """True if the whole shard is here."""
        try:
            return (self.folder / shard).stat().st_size == self.sizes[shard]
        except FileNotFoundError:
            return False

    def _bring(self, shard: str, path: Path, note: Path) -> None:
        temporary = path.with_name(f"{TEMP_PREFIX}{uuid4().hex}")
        done = Event()
        pulse = Thread(target=_beat, args=(note, done), daemon=True)
        pulse.start()
        try:
            with disk_errors(path):
                self._try_to_fetch(shard, temporary)
            os.replace(temporary, path)
        finally:
            done.set()
            temporary.unlink(missing_ok=True)
            pulse.join()

    def _try_to_fetch(self, shard: str, temporary: Path) -> None:
        for turn in range(TRIES):
            why = "it has another size than its index says"
            try:
                self._fetch(shard, temporary)
                if temporary.stat().st_size == self.sizes[shard]:
                    return
            except FileNotFoundError:
                why = "it is missing"
                break
            except (ConnectionError, TimeoutError) as error:
                why = type(error).__name__
            time.sleep(0.1 * 2**turn)
        raise FetchError(
            f"shard {shard} cannot be fetched: {why}",
            hint="where the build was updated meanwhile, start again: its index is read anew",
        )

    def trim(self, spare: str = "") -> None:
        """Evict shards until the limit is kept with `spare` in it, which itself is not evicted."""
        if self.limit_bytes is None or self.schedule is None:
            return
        present = {name: self.sizes[name] for name in self.sizes if self.has(name)}
        present.pop(spare, None)
        excess = sum(present.values()) + self.sizes.get(spare, 0) - self.limit_bytes
        for name in self.schedule.farthest_first(present):
            if excess <= 0:
                return
            # Who has it open reads on; who wants it again fetches it again.
            (self.folder / name).unlink(missing_ok=True)
            excess -= present[name]


def _lead(path: Path) -> list[Path]:
    """The notes of dead leaders and, last, this process's own; nothing where another one leads."""
    notes: list[Path] = []
    while not notes or _is_dead(notes[-1]):
        notes.append(path.with_name(f"{path.name}{LEADER}{len(notes)}"))
        with suppress(FileExistsError):
            handle = os.open(notes[-1], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(_self())
            return notes
    return []


def _self() -> str:
    return f"{socket.gethostname()} {os.getpid()}"


def _is_dead(note: Path) -> bool:
    try:
        words = note.read_text(encoding="ascii").split()
        silent_s = time.time() - note.stat().st_mtime
    except FileNotFoundError:
        return False
    if len(words) == 2 and words[0] == socket.gethostname():
        try:
            os.kill(int(words[1]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
    return silent_s > SILENT_S


def _beat(note: Path, done: Event) -> None:
    while not done.wait(HEARTBEAT_S):
        with suppress(FileNotFoundError):
            os.utime(note)

"""`fetch`: a source's bytes, from the network into the store or as a file that is there already."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sign_etl.core.canonical import digest
from sign_etl.core.files import disk_errors, link, sweep
from sign_etl.core.seams import seam
from sign_etl.core.store import Blob
from sign_etl.media.local import MediaFolder
from sign_etl.media.pictures import state_of
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.pipeline import FetchConfig
from sign_etl.stages.item import SourceRef
from sign_etl.stages.setup import Setup

if TYPE_CHECKING:
    from sign_etl.media.fetch import Fetcher

VERSION = "1"

SOURCE_FILE = "source"
"""A download in hand, in a folder of its own."""


class FetchStage:
    """Thread-safe: one instance serves all downloads of a process and shares its host limits."""

    name = StageName.FETCH.value

    def __init__(self, setup: Setup) -> None:
        config = setup.choices().fetch
        self._store = setup.open_store()
        self._sources = Path(setup.sources)
        self._keep = config.keep_sources
        self._media = MediaFolder(Path(setup.media)) if setup.media else None
        self._fetcher = None if setup.media else _fetcher(config)
        self._turns: dict[str, _Turn] = {}
        self._counting = threading.Lock()

    def look(self, source: Source) -> SourceRef | None:
        """What the store knows of the source; its bytes may have been released since."""
        if self._media is not None:
            path = self._media.find(source)
            fingerprint = _local_fingerprint(path) if path else None
        else:
            path, fingerprint = None, _fingerprint(source)
        entry = self._store.get(self.name, fingerprint) if fingerprint else None
        if entry is None:
            return None
        if path is None and self._keep:
            path = self._store.path(Blob(entry.facts["sha256"], entry.facts["size_bytes"]))
        if path is not None:
            return _reference(entry.facts, path, owned=False)
        path = _place(self._sources, entry.fingerprint, source) / SOURCE_FILE
        return _reference(entry.facts, path, owned=True)

    def run(self, source: Source, stop: threading.Event) -> SourceRef | Reject:
        """Get the bytes.

        Raises:
            Stopped: `stop` was set meanwhile.
            DiskError: no space left.
        """
        if self._media is not None:
            return self._run_local(self._media, source)
        if source.url is None:
            return Reject(StageName.FETCH, Reason.NO_ADDRESS)
        fingerprint = _fingerprint(source)
        assert fingerprint is not None
        # Not a scratch folder: what a killed run has downloaded is resumed by the next one.
        folder = _place(self._sources, fingerprint, source)
        with self._turn(fingerprint), disk_errors(folder):
            if (shared := self._shared(source, fingerprint, folder)) is not None:
                return shared
            assert self._fetcher is not None
            fetched = self._fetcher.fetch(source, folder, stop=stop)
            if isinstance(fetched, Reject):
                _remove_empty(folder)
                return fetched
            facts = {
                "container": fetched.container,
                "size_bytes": fetched.size_bytes,
                "sha256": fetched.sha256,
                "retrieved_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
            if (drifted := _drift(source, fetched.sha256)) is not None:
                fetched.path.unlink(missing_ok=True)
                _remove_empty(folder)
                return drifted
            path = folder / SOURCE_FILE
            seam("fetch.before-move", path)
            fetched.path.replace(path)
            seam("fetch.before-action", path)
            if self._keep:
                path = self._store.path(self._store.adopt(path, fetched.sha256))
                _remove_empty(folder)
            self._store.put(self.name, fingerprint, facts=facts)
        return _reference(facts, path, owned=not self._keep)

    def close(self) -> None:
        """Close connections."""
        if self._fetcher is not None:
            self._fetcher.close()

    @contextmanager
    def _turn(self, fingerprint: str) -> Iterator[None]:
        """One download of an address at a time: sources with other ids may have the same one."""
        with self._counting:
            turn = self._turns.setdefault(fingerprint, _Turn())
            turn.waiting += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._counting:
                turn.waiting -= 1
                if not turn.waiting:
                    del self._turns[fingerprint]

    def _shared(self, source: Source, fingerprint: str, folder: Path) -> SourceRef | None:
        """The bytes of another source at the same address that is in hand; a name for each.

        So each is released by its own last clip, and the file system counts.
        """
        twins = [path for path in self._sources.glob(f"{fingerprint}-*") if path != folder]
        entry = self._store.get(self.name, fingerprint) if twins else None
        if entry is None or _drift(source, entry.facts["sha256"]) is not None:
            return None
        path = folder / SOURCE_FILE
        for twin in twins:
            if _reference(entry.facts, twin / SOURCE_FILE, owned=True).present:
                with suppress(OSError):  # released meanwhile, or no links on such a disk
                    link(twin / SOURCE_FILE, path)
                    return _reference(entry.facts, path, owned=True)
        return None

    def _run_local(self, media: MediaFolder, source: Source) -> SourceRef | Reject:
        fetched = media.fetch(source)
        if isinstance(fetched, Reject):
            return fetched
        if (drifted := _drift(source, fetched.sha256)) is not None:
            return drifted
        facts = {
            "container": fetched.container,
            "size_bytes": fetched.size_bytes,
            "sha256": fetched.sha256,
        }
        fingerprint = _local_fingerprint(fetched.path)
        if fingerprint is not None:
            self._store.put(self.name, fingerprint, facts=facts)
        return _reference(facts, fetched.path, owned=False)


@dataclass(slots=True)
class _Turn:
    """Who downloads from an address, and how many are there for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: int = 0


def _fetcher(config: FetchConfig) -> Fetcher:
    # The HTTP library takes half a second to import, which local files need not pay.
    from sign_etl.media.fetch import Fetcher

    return Fetcher(config)


def forget(setup: Setup, source: Source) -> int:
    """Remove a downloaded source from the store and from the build, kept bytes too.

    Returns:
        Number of objects that the store lost.
    """
    fingerprint = _fingerprint(source)
    if fingerprint is None:
        return 0
    store = setup.open_store()
    entry = store.get(StageName.FETCH.value, fingerprint)
    blob = Blob(entry.facts["sha256"], entry.facts["size_bytes"]) if entry else None
    kept = blob is not None and store.has(blob)
    if blob is not None:
        store.drop(blob)
    store.forget(StageName.FETCH.value, fingerprint)
    shutil.rmtree(_place(Path(setup.sources), fingerprint, source), ignore_errors=True)
    return int(kept)


def release(source: SourceRef) -> None:
    """Remove the bytes of a source that the build owns, after its last clip."""
    if source.owned:
        path = Path(source.path)
        path.unlink(missing_ok=True)
        _remove_empty(path.parent)


def _reference(facts: Mapping[str, Any], path: Path, owned: bool) -> SourceRef:
    known = facts["sha256"], facts["size_bytes"], facts["container"]
    return SourceRef(*known, str(path), owned, facts.get("retrieved_at"))


def _drift(source: Source, sha256: str) -> Reject | None:
    """A reject where these are not the bytes that a lock names."""
    if source.sha256 is None or source.sha256 == sha256:
        return None
    detail = f"sha256 {sha256[:12]} instead of {source.sha256[:12]}"
    return Reject(StageName.FETCH, Reason.LOCK_DRIFT, detail)


def _fingerprint(source: Source) -> str | None:
    return digest(["fetch", VERSION, source.url]) if source.url else None


def _place(sources: Path, fingerprint: str, source: Source) -> Path:
    """The folder of a download: of two sources with one address each has its own."""
    return sources / f"{fingerprint}-{digest([source.id])[:12]}"


def _local_fingerprint(path: Path) -> str | None:
    """Hashing 600,000 files again for every run is hours; size and time of change tell enough."""
    try:
        facts = path.stat()
        if path.is_dir():
            return digest(["local-frames", VERSION, str(path.absolute()), state_of(path)])
    except OSError:
        return None
    return digest(["local", VERSION, str(path.absolute()), facts.st_size, facts.st_mtime_ns])


def _remove_empty(folder: Path) -> None:
    sweep(folder)  # a kill may have left a note's temporary file
    try:
        folder.rmdir()
    except OSError:  # a validator file or the like remains: harmless
        pass

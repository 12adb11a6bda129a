"""`fetch`: a source's bytes, from the network into the store or as a file that is there already."""

from __future__ import annotations

import threading
from pathlib import Path

from sign_etl.core.canonical import digest
from sign_etl.core.files import disk_errors
from sign_etl.core.store import Store
from sign_etl.media.fetch import Fetcher
from sign_etl.media.fetched import Fetched
from sign_etl.media.local import MediaFolder
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.item import SourceRef
from sign_etl.stages.setup import Setup

VERSION = "1"


class FetchStage:
    """Thread-safe: one instance serves all downloads of a process and shares its host limits."""

    name = StageName.FETCH.value

    def __init__(self, setup: Setup) -> None:
        self._store = setup.open_store()
        self._media = MediaFolder(Path(setup.media)) if setup.media else None
        self._fetcher = Fetcher(setup.choices().fetch)

    def look(self, source: Source) -> SourceRef | None:
        """What the store knows of the source; its bytes may have been released since."""
        path = self._local(source)
        fingerprint = _local_fingerprint(path) if path else _fingerprint(source)
        return None if fingerprint is None else look(self._store, fingerprint, path)

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
        partial = self._store.root / "partial" / fingerprint
        with disk_errors(self._store.root):
            partial.mkdir(parents=True, exist_ok=True)
            fetched = self._fetcher.fetch(source, partial, stop=stop)
            if isinstance(fetched, Reject):
                return fetched
            facts = {"container": fetched.container, "size_bytes": fetched.size_bytes}
            entry = self._store.put(
                self.name,
                fingerprint,
                facts=facts,
                files={"source": fetched.path},
                known={"source": fetched.sha256},
            )
            _remove_empty(partial)
        path = self._store.path(entry.blobs["source"])
        return SourceRef(fetched.sha256, fetched.size_bytes, fetched.container, str(path), True)

    def close(self) -> None:
        """Close connections."""
        self._fetcher.close()

    def _local(self, source: Source) -> Path | None:
        return self._media.find(source) if self._media else None

    def _run_local(self, media: MediaFolder, source: Source) -> SourceRef | Reject:
        fetched = media.fetch(source)
        if isinstance(fetched, Reject):
            return fetched
        facts = {
            "container": fetched.container,
            "size_bytes": fetched.size_bytes,
            "sha256": fetched.sha256,
        }
        fingerprint = _local_fingerprint(fetched.path)
        if fingerprint is not None:
            self._store.put(self.name, fingerprint, facts=facts)
        return _reference(fetched)


def look(store: Store, fingerprint: str, path: Path | None) -> SourceRef | None:
    """The source that the store knows under `fingerprint`; `path` if it is a local file."""
    entry = store.get(StageName.FETCH.value, fingerprint)
    if entry is None:
        return None
    facts = entry.facts
    if path is not None:
        return SourceRef(facts["sha256"], facts["size_bytes"], facts["container"], str(path), False)
    blob = entry.blobs["source"]
    return SourceRef(
        blob.sha256, blob.size_bytes, facts["container"], str(store.path(blob)), owned=True
    )


def _reference(fetched: Fetched) -> SourceRef:
    return SourceRef(
        fetched.sha256, fetched.size_bytes, fetched.container, str(fetched.path), owned=False
    )


def _fingerprint(source: Source) -> str | None:
    return digest(["fetch", VERSION, source.url]) if source.url else None


def _local_fingerprint(path: Path) -> str | None:
    """Hashing 600,000 files again for every run is hours; size and time of change tell enough."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return digest(["local", VERSION, str(path.absolute()), facts.st_size, facts.st_mtime_ns])


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:  # a validator file or the like remains: harmless
        pass

"""A store on object storage, with a folder of this machine in front of it.

Objects and actions have the names of the local store. What a stage made is written here first and
then there, objects before their action, so whoever finds an action finds its objects. The folder in
front is a cache: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sign_etl.core.canonical import sha256_bytes, sha256_file
from sign_etl.core.files import atomic_open, publish
from sign_etl.core.places import cache_folder
from sign_etl.core.remote import Remote, fetched_whole
from sign_etl.core.store import Blob, Entry, Store, encoded


class RemoteStore(Store):
    """See `Store`.

    Safe for many writers: of two that make the same entry, the first one counts (where the storage
    knows conditional writes), so that both get equal bytes.

    Args:
        url: of a folder, as fsspec knows it.

    Raises:
        UsageError, MissingExtraError: see `Remote`.
    """

    def __init__(self, url: str) -> None:
        self.remote = Remote(url)
        name = hashlib.sha256(self.remote.url.encode("utf-8")).hexdigest()[:16]
        super().__init__(cache_folder() / "near" / name)
        self.url = self.remote.url

    def get(self, stage: str, fingerprint: str) -> Entry | None:
        """See `Store`."""
        found = super().get(stage, fingerprint)
        if found is not None:
            return found
        data = self.remote.get(self._name(self._action_path(stage, fingerprint)))
        if data is None:
            return None
        with atomic_open(self._action_path(stage, fingerprint), durable=False) as file:
            file.write(data)
        return super().get(stage, fingerprint)

    def adopt(self, path: Path, sha256: str | None = None) -> Blob:
        """See `Store`."""
        blob = super().adopt(path, sha256)
        place = self._place(blob)
        if self.remote.size(self._name(place)) != blob.size_bytes:
            self.remote.upload(place, self._name(place))
        return blob

    def path(self, blob: Blob) -> Path:
        """See `Store`; brings the bytes here where they are only there."""
        place = self._place(blob)
        if not super().has(blob):
            fetched_whole(
                self.remote, self._name(place), self.root / "scratch", lambda p: self._keep(p, blob)
            )
        return place

    def has(self, blob: Blob) -> bool:
        """See `Store`."""
        return super().has(blob) or (
            self.remote.size(self._name(self._place(blob))) == blob.size_bytes
        )

    def by_digest(self, sha256: str) -> bytes | None:
        """See `Store`."""
        found = super().by_digest(sha256)
        if found is not None:
            return found
        there = self.remote.get(self._name(self._object_path(sha256)))
        return there if there is not None and sha256_bytes(there) == sha256 else None

    def drop(self, blob: Blob) -> None:
        """See `Store`."""
        super().drop(blob)
        self.remote.remove(self._name(self._place(blob)))

    def forget(self, stage: str, fingerprint: str) -> None:
        """See `Store`."""
        super().forget(stage, fingerprint)
        self.remote.remove(self._name(self._action_path(stage, fingerprint)))

    def check(self) -> None:
        """See `Store`."""
        super().check()
        self.remote.put("check", b"sign-etl")
        self.remote.remove("check")

    def _record(self, entry: Entry) -> Entry:
        # There first: what is only here, nobody else would ever find.
        name = self._name(self._action_path(entry.stage, entry.fingerprint))
        if not self.remote.create(name, encoded(entry)):
            winner = self.get(entry.stage, entry.fingerprint)
            if winner is not None and self.complete(winner):
                return winner
            # An entry without its bytes helps nobody: ours takes its place.
            self.remote.put(name, encoded(entry))
        return super()._record(entry)

    def _keep(self, path: Path, blob: Blob) -> None:
        # Damaged on its way or there: then it is not here, and its reader finds nothing.
        if path.stat().st_size == blob.size_bytes and sha256_file(path) == blob.sha256:
            place = self._place(blob)
            place.parent.mkdir(parents=True, exist_ok=True)
            publish(path, place, durable=False)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

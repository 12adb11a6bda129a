"""What `normalise` and `import` share: both make a clip of foreign bytes, in a child they own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from sign_etl.core.files import disk_errors
from sign_etl.core.guard import Guard
from sign_etl.core.store import Entry
from sign_etl.schema.outcome import Reject
from sign_etl.stages.item import Item
from sign_etl.stages.lost import still_there
from sign_etl.stages.setup import Setup


class CutStage(ABC):
    """A stage whose output depends on the source's bytes, the clip's span and the settings.

    Attributes:
        name: of the stage.
        blob: name of its file in the store.
        file: name of that file while it is written.
    """

    name: str
    blob: str
    file: str

    def __init__(self, setup: Setup, guard: Guard) -> None:
        self._store = setup.open_store()
        self._guard = guard

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self.name, self._fingerprint(item))
        if entry is None:
            return None
        if entry.reject is not None:
            return item.rejected(Reject.from_json(dict(entry.reject)))
        return self._made(item, entry) if self._store.complete(entry) else None

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        fingerprint = self._fingerprint(item)
        with disk_errors(self._store.root), self._store.scratch() as scratch:
            out = scratch / self.file
            facts = self._cut(item, out)
            if isinstance(facts, Reject):
                assert item.source is not None
                still_there(Path(item.source.path), scratch)
                if facts.reason.from_bytes:
                    self._store.put(self.name, fingerprint, facts={}, reject=facts.to_json())
                return item.rejected(facts)
            entry = self._store.put(self.name, fingerprint, facts=facts, files={self.blob: out})
        return self._made(item, entry)

    def interrupt(self) -> None:
        """See `Stage`."""
        self._guard.interrupt()

    def close(self) -> None:
        """See `Stage`."""
        self._guard.close()

    @abstractmethod
    def _cut(self, item: Item, out: Path) -> dict[str, Any] | Reject:
        """Write the clip to `out`; its facts, or why not."""

    @abstractmethod
    def _made(self, item: Item, entry: Entry) -> Item:
        """`item` with what the store has of it."""

    @abstractmethod
    def _fingerprint(self, item: Item) -> str:
        """Of all that decides about the output."""

"""What `pose` and `features` share: a model looks at normalised clips, in a child they own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sign_etl.core.files import disk_errors
from sign_etl.core.guard import Breach, Guard
from sign_etl.core.store import Blob, Entry
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.item import Item
from sign_etl.stages.lost import still_there
from sign_etl.stages.setup import Setup


class ModelStage(ABC):
    """A stage whose output depends on the normalised clip, the model and its options.

    Attributes:
        kind: which stage; its name holds the model's, too.
        blob: name of its file in the store.
    """

    kind: StageName
    blob: str

    def __init__(self, setup: Setup, model: str, guard: Guard) -> None:
        self.name = f"{self.kind.value}:{model}"
        self._model = model
        self._folder = f"{self.kind.value}-{model}"
        self._store = setup.open_store()
        self._guard = guard
        self._ready = False

    def applies(self, item: Item) -> bool:
        """See `Stage`."""
        return item.clip.source.keypoints is None

    def look(self, item: Item) -> Item | None:
        """See `Stage`."""
        entry = self._store.get(self._folder, self._fingerprint(item))
        if entry is None or not self._store.complete(entry):
            return None
        return self._made(item, entry)

    def run(self, item: Item) -> Item:
        """See `Stage`."""
        [made] = self.run_many([item])
        return made

    def run_many(self, items: Sequence[Item]) -> list[Item]:
        """See `BatchStage`; a clip that ends the child takes none of its neighbours along."""
        if not self._ready:
            # Workers may be on other machines than the one that looked at the model before.
            self._check()
            self._ready = True
        with disk_errors(self._store.root), self._store.scratch() as scratch:
            outs = [scratch / f"{number}.npy" for number in range(len(items))]
            clips = [
                self._asked(item) | {"out": str(out)} for item, out in zip(items, outs, strict=True)
            ]
            reply = self._guard.call(
                self._request() | {"clips": clips},
                wall_s=self._wall_s(max(clip["frames"] for clip in clips)),
            )
            if not isinstance(reply, Breach):
                return [
                    self._made(item, self._put(item, facts, out))
                    for item, facts, out in zip(items, reply["clips"], outs, strict=True)
                ]
            still_there(*(Path(clip["video"]) for clip in clips), scratch)
        if len(items) > 1:  # one of them is to blame, and which is found out by trying
            return [self.run(item) for item in items]
        reject = Reject(self.kind, Reason(reply.reason), f"{self._model}: {reply.detail}")
        return [items[0].rejected(reject, reply.stderr)]

    def interrupt(self) -> None:
        """See `Stage`."""
        self._guard.interrupt()

    def close(self) -> None:
        """See `Stage`."""
        self._guard.close()

    def _put(self, item: Item, facts: Mapping[str, Any], out: Path) -> Entry:
        # Times differ between runs and have no place in the store.
        stable = {name: value for name, value in facts.items() if name != "ms"}
        return self._store.put(
            self._folder, self._fingerprint(item), facts=stable, files={self.blob: out}
        )

    def _video(self, item: Item) -> tuple[Blob, Mapping[str, Any]]:
        """What `normalise` made of the clip, and its facts."""
        assert item.video is not None
        return item.video.blobs["video"], item.video.facts["video"]

    @abstractmethod
    def _check(self) -> None:
        """Whether the model of the build is here.

        Raises:
            AccessError: it is not, or another one is.
        """

    @abstractmethod
    def _request(self) -> dict[str, Any]:
        """What the child must know besides the clips."""

    @abstractmethod
    def _asked(self, item: Item) -> dict[str, Any]:
        """What the child must know of a clip, `video` (a path) and `frames` among it."""

    @abstractmethod
    def _wall_s(self, frames: int) -> float:
        """How long a call may take whose longest clip has so many frames."""

    @abstractmethod
    def _made(self, item: Item, entry: Entry) -> Item:
        """`item` with what the store has of it."""

    @abstractmethod
    def _fingerprint(self, item: Item) -> str:
        """Of all that decides about the output."""

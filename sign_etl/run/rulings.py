"""What is decided about clips before anything is tried: by a lock, by revocations, by `retry`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from sign_etl.core.files import write_json
from sign_etl.reader.lock import Lock
from sign_etl.run.journal import Result
from sign_etl.run.lock import result_from
from sign_etl.schema.clip import Clip, Source
from sign_etl.schema.outcome import Outcome, Reason, Reject, StageName
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.stages.item import SourceRef
from sign_etl.stages.setup import Setup

REVOKED_FILE = "revoked.json"
REVOKED = Reject(StageName.FETCH, Reason.REVOKED)


@dataclass(frozen=True, slots=True)
class Tombstones:
    """What was revoked in a build, for good.

    Attributes:
        sources: ids of sources, with all clips that they ever get.
        keys: of single clips.
    """

    sources: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()

    def __contains__(self, clip: Clip) -> bool:
        return clip.key in self.keys or clip.source.id in self.sources

    @classmethod
    def load(cls, build: Path) -> Tombstones:
        """Those of a build; none where it has no file of them."""
        try:
            value = json.loads(_path(build).read_bytes())
        except FileNotFoundError:
            return cls()
        return cls(frozenset(value["sources"]), frozenset(value["keys"]))

    def save(self, build: Path) -> None:
        """Write them into the state of a build."""
        value = {"sources": sorted(self.sources), "keys": sorted(self.keys)}
        write_json(_path(build), value)

    def over(self, sources: Iterable[str], keys: Iterable[str]) -> Tombstones:
        """These and more."""
        return Tombstones(self.sources | frozenset(sources), self.keys | frozenset(keys))


@dataclass(frozen=True, slots=True)
class Demand:
    """What the bytes of a source must be."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Rulings:
    """All that is decided beforehand.

    Attributes:
        revoked: what must not come back.
        lock: whose dead clips are not asked for, and whose bytes are demanded.
        retried: reasons whose rejects are tried again; None for all that may come back.
    """

    revoked: Tombstones = field(default_factory=Tombstones)
    lock: Lock | None = None
    retried: frozenset[Reason] | None = None

    def over(
        self, clips: Iterable[Clip], known: Mapping[str, Result]
    ) -> tuple[Demand | None, dict[str, Result]]:
        """The rulings over the clips of one source.

        Args:
            clips: of one source.
            known: results of earlier runs.

        Returns:
            What its bytes must be, and the results of those clips that are not to be tried.
        """
        demand: Demand | None = None
        ruled: dict[str, Result] = {}
        for clip in clips:
            if clip in self.revoked:
                ruled[clip.key] = Result(clip.key, REVOKED)
                continue
            if self.lock is not None:
                demand = self._locked(self.lock, clip, demand, ruled)
            result = known.get(clip.key) if self.retried is not None else None
            reject = result.reject if result is not None else None
            if result is not None and reject and reject.reason not in (self.retried or ()):
                ruled[clip.key] = result
        return demand, ruled

    def _locked(
        self, lock: Lock, clip: Clip, demand: Demand | None, ruled: dict[str, Result]
    ) -> Demand | None:
        line = lock.get(clip.key)
        if line is None:  # a lock of this very plan has all its clips
            ruled[clip.key] = Result(clip.key, _drifted("not in the lock"))
            return demand
        if line["outcome"] != Outcome.WRITTEN:
            ruled[clip.key] = result_from(line)
            return demand
        own = Demand(line["sha256"], line["size_bytes"])
        if demand is not None and own != demand:
            ruled[clip.key] = Result(clip.key, _drifted("several files in the lock"))
            return demand
        return own


NO_RULINGS: Final = Rulings()


def met(
    demand: Demand | None, source: Source, fetched: SourceRef | None, setup: Setup
) -> tuple[Source, SourceRef | None, SourceRef | None]:
    """Lay a demand on a source.

    Args:
        demand: what its bytes must be, None for whatever they are.
        source: the source.
        fetched: what the store knows of it.
        setup: of the build.

    Returns:
        The source with the demand; `fetched` if it meets it; and where it does not, a reference to
        bytes that nobody has here, which is enough to look into the store for their outputs.
    """
    if demand is None:
        return source, fetched, None
    source = replace(source, sha256=demand.sha256)
    if fetched is not None and fetched.sha256 == demand.sha256:
        return source, fetched, None
    nowhere = Path(setup.sources) / demand.sha256
    locked = SourceRef(demand.sha256, demand.size_bytes, "", str(nowhere), owned=False)
    return source, None, locked


def _drifted(detail: str) -> Reject:
    return Reject(StageName.FETCH, Reason.LOCK_DRIFT, detail)


def _path(build: Path) -> Path:
    return build / STATE_FOLDER / REVOKED_FILE

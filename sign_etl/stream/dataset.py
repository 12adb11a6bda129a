"""Samples by row: bytes by offset, decoded by the views. Torch's DataLoader runs it in workers."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import VerifyError
from sign_etl.stream.base import BadSample, SampleError, SampleFacts, SampleRng, View
from sign_etl.stream.index import Index, TextColumn
from sign_etl.stream.storage import Storage

Check = Literal["first", "always", "never"]
TEXTS = ("key", "text", "gloss", "language", "signer")
"""Columns of the index that every batch carries."""


class Entry(NamedTuple):
    """One micro-batch that is wanted: what travels to a worker.

    Attributes:
        step: number of the optimizer step.
        slot: number of the micro-batch in the step.
        epoch: of the plan.
        ids: (B,) rows of the index; none for a filler.
        visits: (B,) how often each was seen before.
    """

    step: int
    slot: int
    epoch: int
    ids: NDArray[np.int64]
    visits: NDArray[np.int32]


@dataclass(slots=True)
class Fetched:
    """A micro-batch before it is padded: the samples that could be read.

    Attributes:
        entry: what was wanted.
        ids: (B,) rows of the samples in here.
        arrays: by view, B arrays (T, ...).
        texts: text columns of the index, B values each.
        bad: samples that were dropped.
    """

    entry: Entry
    ids: NDArray[np.int64]
    arrays: dict[str, list[NDArray[Any]]]
    texts: dict[str, list[str]]
    bad: tuple[BadSample, ...]


class SampleDataset:
    """A map-style data set over rows of an index; `__getitems__` takes a whole micro-batch.

    Travels to workers by fork or pickle; open files stay behind.

    Args:
        index: what there is.
        views: by name.
        seed: of the random generators of samples.
        check: when to compare the crc32 of what is read: at a sample's first visit (the first
            epoch, as a rule), always, or never.
    """

    def __init__(
        self, index: Index, views: Mapping[str, View], *, seed: int = 0, check: Check = "first"
    ) -> None:
        self.index = index
        self.views = dict(views)
        self.seed = seed
        self.check = check
        self.storage = Storage(index.sources)
        self._members = {name: view.members(index) for name, view in self.views.items()}
        self._texts = {name: TextColumn.of(index.column(name)) for name in TEXTS}

    def __len__(self) -> int:
        """N, the samples of the index."""
        return len(self.index)

    def __getitem__(self, row: int) -> dict[str, NDArray[Any]]:
        """One sample at its first visit: an array (T, ...) for each view, or its several ones.

        Raises:
            SampleError: it is damaged.
        """
        return self._sample(next(self._facts([int(row)], self._texts["key"].take([row]))), 0)

    def __getitems__(self, entry: Entry) -> Fetched:
        """The samples of a micro-batch, damaged ones dropped."""
        rows = entry.ids.tolist()
        texts = {name: column.take(rows) for name, column in self._texts.items()}
        arrays: dict[str, list[NDArray[Any]]] = {}
        good: list[int] = []
        bad: list[BadSample] = []
        samples = zip(self._facts(rows, texts["key"]), entry.visits.tolist(), strict=True)
        for place, (facts, visit) in enumerate(samples):
            try:
                sample = self._sample(facts, visit)
            except SampleError as error:
                bad.append(self._bad(facts, error, entry.epoch))
                continue
            good.append(place)
            for name, array in sample.items():
                arrays.setdefault(name, []).append(array)
        if bad:
            texts = {name: [values[p] for p in good] for name, values in texts.items()}
        ids = entry.ids[good] if bad else entry.ids
        return Fetched(entry, ids, arrays, texts, tuple(bad))

    def _facts(self, rows: Sequence[int], keys: Sequence[str]) -> Iterator[SampleFacts]:
        # Column by column: a number taken out of an array alone costs as much as a whole column.
        index = self.index
        sources = index.shard_source[index.shard[rows]].tolist()
        columns = (index.frames, index.fps, index.width, index.height)
        return map(SampleFacts, rows, keys, sources, *(c[rows].tolist() for c in columns))

    def _sample(self, facts: SampleFacts, visit: int) -> dict[str, NDArray[Any]]:
        sample: dict[str, NDArray[Any]] = {}
        for name, view in self.views.items():
            wanted = self._members[name][facts.source]
            read = partial(self._read, facts, visit)
            data = read(wanted) if isinstance(wanted, str) else tuple(map(read, wanted))
            made = view.read(data, facts, SampleRng(self.seed, visit, facts.key, name))
            sample |= made if isinstance(made, Mapping) else {name: made}
        return sample

    def _read(self, facts: SampleFacts, visit: int, member: str) -> bytes:
        columns, row = self.index.members.get(member), facts.id
        size = -1 if columns is None else int(columns.size_bytes[row])
        if columns is None or size < 0:
            raise SampleError("missing", member)
        shard = self.index.shards[self.index.shard[row]]
        try:
            data = self.storage.read(facts.source, shard, int(columns.offset[row]), size)
        except VerifyError:
            raise SampleError("truncated", member) from None
        if self.check == "always" or (self.check == "first" and visit == 0):
            expected = int(columns.crc32[row])
            if expected >= 0 and zlib.crc32(data) != expected:
                raise SampleError("crc", member)
        return data

    def _bad(self, facts: SampleFacts, error: SampleError, epoch: int) -> BadSample:
        return BadSample(
            build=self.index.sources[facts.source].name,
            shard=self.index.shards[self.index.shard[facts.id]],
            key=facts.key,
            ext=error.ext,
            error=error.error,
            epoch=epoch,
        )


def source_names(index: Index, ids: Sequence[int]) -> tuple[list[str], list[str]]:
    """Build and shard of each row."""
    shards = index.shard[list(ids)].tolist()
    builds = [index.sources[int(index.shard_source[shard])].name for shard in shards]
    return builds, [index.shards[shard] for shard in shards]

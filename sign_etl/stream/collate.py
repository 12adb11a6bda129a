"""Samples of different lengths to one batch: padded, masked, and never empty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sign_etl.stream.base import Batch, View
from sign_etl.stream.dataset import Fetched, source_names
from sign_etl.stream.index import Index
from sign_etl.stream.padding import pad
from sign_etl.stream.ring import Ring


class Collate:
    """Makes a `Batch` of what the data set fetched.

    Args:
        index: of the samples.
        views: by name.
        pad_multiple: T of a batch is a multiple of this.
        ring: where workers leave their batches; default in shared memory made for each.
    """

    def __init__(
        self,
        index: Index,
        views: Mapping[str, View],
        pad_multiple: int = 1,
        ring: Ring | None = None,
    ) -> None:
        self._index = index
        self._ring = ring
        self._multiple = pad_multiple
        self._placeholders: dict[str, NDArray[Any]] = {}
        for name, view in views.items():
            made = view.placeholder(index)
            self._placeholders |= made if isinstance(made, Mapping) else {name: made}

    def __call__(self, fetched: Fetched) -> Batch:
        """The batch of `fetched`, with one placeholder of weight 0 where nothing was fetched."""
        index, texts, entry = self._index, fetched.texts, fetched.entry
        ids, arrays = fetched.ids, fetched.arrays
        builds, shards = source_names(index, ids.tolist())
        label_id = index.label_id[ids].astype(np.int64)
        weight = torch.from_numpy(index.weight[ids])
        if not len(ids):
            arrays = {name: [array] for name, array in self._placeholders.items()}
            texts = {name: [""] for name in texts}
            builds, shards, weight = [""], [""], torch.zeros(1)
            ids, label_id = np.array([-1]), np.array([-1])
        worker = torch.utils.data.get_worker_info()
        ring = self._ring if worker is not None else None
        if ring is not None and worker is not None:
            ring.begin(worker.id)
        empty = None if ring is None else ring.empty
        padded = {name: pad(each, self._multiple, empty) for name, each in arrays.items()}
        batch = Batch(
            step=entry.step,
            slot=entry.slot,
            epoch=entry.epoch,
            ids=torch.from_numpy(np.ascontiguousarray(ids)),
            views={name: tensor for name, (tensor, _) in padded.items()},
            masks={name: mask for name, (_, mask) in padded.items()},
            label_id=torch.from_numpy(label_id),
            weight=weight,
            text=texts["text"],
            gloss=texts["gloss"],
            language=texts["language"],
            signer=texts["signer"],
            key=texts["key"],
            build=builds,
            shard=shards,
            bad=fetched.bad,
        )
        return batch if ring is None else batch.changed(ring.place)

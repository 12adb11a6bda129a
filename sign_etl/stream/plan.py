"""The order of an epoch: a pure function of index, rows, lengths, options, seed and epoch.

    shards permuted -> windows of shards -> samples permuted in their window -> sorted by length
    band -> cut into micro-batches by a frame budget -> neighbours joined to steps -> steps permuted
    in their window

A step is a list of micro-batches of one length band: rank r of W computes micro-batches r, r + W,
and so on, whatever W is. Nothing but the number of the step has to be kept.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.canonical import canonical_json
from sign_etl.core.errors import ConfigError
from sign_etl.stream.cut import Cut, cut_windows
from sign_etl.stream.mixture import draw
from sign_etl.stream.order import bits_for, order_by, permuted, random_keys, shuffle_quality
from sign_etl.stream.pk import pk_batches

if TYPE_CHECKING:
    from sign_etl.stream.index import Index

_FROM_ONE = ("samples", "micro_batches", "window_shards", "pad_multiple", "repeat")
PLAN_VERSION = 1
"""Raised when equal arguments give another order than before."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How samples are put together.

    Attributes:
        frames: budget of a micro-batch, its padded frames: samples times longest; 0 for none. A
            single longer sample is a micro-batch of its own.
        samples: at most so many in a micro-batch; without `frames`, exactly so many.
        micro_batches: of a step, over all ranks; 8 splits evenly on 1, 2, 4 or 8.
        window_shards: shards that are mixed; larger shuffles better and needs more of a cache.
        band: relative width of a length band; 0 sorts by length exactly.
        quadratic: T frames cost T + T * T / quadratic, as attention does; 0 for T alone.
        pad_multiple: T of a batch is a multiple of this.
        classes: P of batches of P classes with `samples // classes` samples each, for metric
            learning; 0 for ordinary ones.
        shuffle: False keeps the order of shards and sorts by length, for evaluation.
        epoch_samples: size of an epoch; 0 for as many as there are.
        repeat: how often a sample stands in its micro-batch, each time augmented anew.
        temperature: of a mixture: a source of n samples has the share n ** (1 / temperature). 1 is
            as they are, large is the same for all. Small sources then come again in an epoch.
    """

    frames: int = 0
    samples: int = 32
    micro_batches: int = 8
    window_shards: int = 16
    band: float = 0.04
    quadratic: int = 0
    pad_multiple: int = 1
    classes: int = 0
    shuffle: bool = True
    epoch_samples: int = 0
    repeat: int = 1
    temperature: float = 1.0

    def __post_init__(self) -> None:
        least = dict.fromkeys(_FROM_ONE, 1)
        for name in ("frames", "quadratic", "classes", "epoch_samples", "band", *least):
            value, first = getattr(self, name), least.get(name, 0)
            if value < first:
                wrong = f"`{name}` of the batching begins at {first}, not at {value}"
                raise ConfigError(wrong, hint=f"set it to {first} or more, or leave it out")
        if not self.temperature > 0:
            wrong = f"`temperature` of the batching is above 0, not {self.temperature:g}"
            raise ConfigError(wrong, hint="1 takes builds by their sizes, a large one all alike")
        if self.classes and self.samples // self.classes < 2:
            wrong = f"batches of {self.samples} samples hold no two of {self.classes} classes each"
            raise ConfigError(wrong, hint="`samples` is at least twice `classes`")


@dataclass(frozen=True, slots=True)
class Plan:
    """The order of one epoch.

    Attributes:
        ids: (M,) rows of the index in the order in which they are trained on.
        visits: (M,) how often each was seen before; the epoch, unless a mixture repeats some.
        bounds: (B + 1,) where micro-batches begin in `ids`.
        steps: (S + 1,) where steps begin in the micro-batches.
        step_samples: (S,) samples of each step, all ranks together.
        step_weight: (S,) the sum of their weights.
        step_frames: (S,) frames of each step without padding.
        padding_efficiency: frames over padded frames.
        plan_hash: 32 hex digits that bind data, options, seed, epoch and this very order.
        seed: of the order.
        epoch: counted from 0.
    """

    ids: NDArray[np.int64]
    visits: NDArray[np.int32]
    bounds: NDArray[np.int64]
    steps: NDArray[np.int64]
    step_samples: NDArray[np.int64]
    step_weight: NDArray[np.float64]
    step_frames: NDArray[np.int64]
    padding_efficiency: float
    plan_hash: str
    seed: int
    epoch: int

    def __len__(self) -> int:
        """S, the number of steps."""
        return len(self.steps) - 1

    def micro_batch(self, number: int) -> slice:
        """Where the samples of a micro-batch stand in `ids` and `visits`."""
        return slice(int(self.bounds[number]), int(self.bounds[number + 1]))

    def slots(self, step: int, rank: int, world_size: int) -> list[int | None]:
        """Micro-batches that a rank computes in a step; None where it has one less than others.

        Equally many on every rank, so that collective operations meet.
        """
        first, end = int(self.steps[step]), int(self.steps[step + 1])
        each = -(-(end - first) // world_size)
        mine = [first + rank + turn * world_size for turn in range(each)]
        return [number if number < end else None for number in mine]

    def shuffle_quality(self) -> float:
        """0 for storage order, about 1 for a full random permutation; see `stream.order`."""
        places = np.empty(len(self.ids), np.int64)
        places[np.argsort(self.ids, kind="stable")] = np.arange(len(self.ids))
        return shuffle_quality(places)


def make_plan(
    index: Index,
    rows: NDArray[np.int64],
    lengths: NDArray[np.integer],
    batching: Batching,
    *,
    seed: int,
    epoch: int,
) -> Plan:
    """The order of `epoch`.

    Args:
        index: what there is.
        rows: (M,) rows of it that take part, ascending.
        lengths: (N,) time steps of every sample of the index, as the model will get them.
        batching: how they are put together.
        seed: of everything random.
        epoch: counted from 0.

    Raises:
        ConfigError: batches of classes are wanted, and there are too few.
    """
    if batching.classes:
        drawn = pk_batches(index.label_id, rows, batching, seed, epoch)
        ids, visits, cut = drawn.ids, np.full(len(drawn.ids), epoch, np.int32), drawn.cut
    else:
        ids, visits, windows = _windows(index, rows, batching, seed, epoch)
        bands = _bands(lengths[ids], batching)
        keys = _keys(ids, visits, batching, seed, epoch)
        order = _sorted(windows, bands, keys)
        ids, visits = ids[order], visits[order]
        cut = cut_windows(windows[order], bands[order], lengths[ids], batching)
    bounds, steps, places = _permute_steps(cut, batching, seed, epoch)
    if places is not None:
        ids, visits = ids[places], visits[places]
    return _finish(index, ids, visits, bounds, steps, lengths, batching, seed, epoch)


def _windows(
    index: Index, rows: NDArray[np.int64], batching: Batching, seed: int, epoch: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """Samples of the epoch, their visits, and the window of each."""
    if batching.temperature != 1 or batching.epoch_samples:
        return draw(index, rows, batching, seed, epoch)
    count = len(index.shards)
    rank = np.arange(count)
    if batching.shuffle:
        rank[permuted(count, seed, epoch, "shards")] = np.arange(count)
    windows = (rank // batching.window_shards)[index.shard[rows]]
    return rows, np.full(len(rows), epoch, np.int32), windows


def _keys(
    ids: NDArray[np.int64],
    visits: NDArray[np.int32],
    batching: Batching,
    seed: int,
    epoch: int,
) -> NDArray[np.uint64]:
    if not batching.shuffle:
        return np.zeros(len(ids), np.uint64)
    # A sample that comes twice in an epoch of a mixture has a key for each time.
    twice = visits.astype(np.int64) - int(visits.min(initial=0))
    return random_keys(ids + (twice << 40), seed, epoch, "samples")


def _bands(lengths: NDArray[np.integer], batching: Batching) -> NDArray[np.int64]:
    """The length band of each sample; longer samples have larger numbers."""
    whole = np.maximum(lengths.astype(np.int64), 1)
    if not batching.band:
        return whole
    # Steps of integers, no logarithms: their last digit differs between processors.
    edges, longest = [1], int(whole.max(initial=1))
    while edges[-1] <= longest:
        edges.append(max(edges[-1] + 1, int(edges[-1] * (1 + batching.band))))
    return np.searchsorted(np.array(edges), whole, side="right")


def _sorted(
    windows: NDArray[np.int64],
    bands: NDArray[np.int64],
    keys: NDArray[np.uint64],
) -> NDArray[np.int64]:
    if not len(windows):
        return np.zeros(0, np.int64)
    width = int(bands.max()) + 1
    groups = windows * width + bands
    return order_by(groups, keys, bits_for(int(groups.max()) + 1))


def _permute_steps(
    cut: Cut, batching: Batching, seed: int, epoch: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64] | None]:
    """Steps in their final order: bounds of micro-batches, of steps, and the places of samples."""
    sizes = np.diff(cut.bounds)
    # A step never reaches over the end of a window: its last one may have fewer micro-batches.
    changes = np.flatnonzero(np.diff(cut.windows)) + 1
    begins = np.concatenate([[0], changes]) if len(sizes) else np.zeros(0, np.int64)
    begin = np.repeat(begins, np.diff(np.append(begins, len(sizes))))
    firsts = np.flatnonzero((np.arange(len(sizes)) - begin) % batching.micro_batches == 0)
    counts = np.diff(np.append(firsts, len(sizes)))
    if not batching.shuffle:
        return cut.bounds, np.append(firsts, len(sizes)), None
    keys = random_keys(np.arange(len(firsts)), seed, epoch, "steps")
    windows = cut.windows[firsts]
    order = order_by(windows, keys, bits_for(int(windows.max(initial=0)) + 1))
    micro = _ranges(firsts[order], counts[order])
    places = _ranges(cut.bounds[:-1][micro], sizes[micro])
    return _sums(sizes[micro]), _sums(counts[order]), places


def _finish(
    index: Index,
    ids: NDArray[np.int64],
    visits: NDArray[np.int32],
    bounds: NDArray[np.int64],
    steps: NDArray[np.int64],
    lengths: NDArray[np.integer],
    batching: Batching,
    seed: int,
    epoch: int,
) -> Plan:
    frames = _sums(np.maximum(lengths[ids], 1))
    sample_bounds = bounds[steps]
    padded = 0
    if len(bounds) > 1:
        longest = np.maximum.reduceat(np.maximum(lengths[ids], 1), bounds[:-1]).astype(np.int64)
        multiple = batching.pad_multiple
        padded = int((-(-longest // multiple) * multiple * np.diff(bounds)).sum())
    options = asdict(batching)
    if batching.repeat == 1:  # older plans have none
        del options["repeat"]
    head = [PLAN_VERSION, index.dataset_hash, options, seed, epoch]
    hasher = hashlib.sha256(canonical_json(head).encode())
    for array in (ids, visits, bounds, steps):
        hasher.update(np.ascontiguousarray(array.astype("<i4")).data)
    return Plan(
        ids=ids,
        visits=visits,
        bounds=bounds,
        steps=steps,
        step_samples=np.diff(sample_bounds),
        step_weight=np.diff(_sums(index.weight[ids], np.float64)[sample_bounds]),
        step_frames=np.diff(frames[sample_bounds]),
        padding_efficiency=float(frames[len(ids)] / padded) if padded else 1.0,
        plan_hash=hasher.hexdigest()[:32],
        seed=seed,
        epoch=epoch,
    )


def _sums(values: NDArray[Any], dtype: Any = np.int64) -> NDArray[Any]:
    """Running sums with a 0 in front."""
    return np.concatenate([np.zeros(1, dtype), np.cumsum(values, dtype=dtype)])


def _ranges(firsts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers `first, first + 1, ...` of every range, one range after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(firsts - ends + counts, counts)

"""Batches of workers through memory that is used again and again."""

from __future__ import annotations

import gc
import multiprocessing
import os
import pickle
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pose_build import write_pose_build

torch = pytest.importorskip("torch")
from sign_etl.stream import ring as rings  # noqa: E402
from sign_etl.stream.index import open_index  # noqa: E402
from sign_etl.stream.loader import Stream  # noqa: E402
from sign_etl.stream.plan import Batching  # noqa: E402
from sign_etl.stream.pose_view import PoseView  # noqa: E402
from sign_etl.stream.ring import Ring  # noqa: E402

needs_memfd = pytest.mark.skipif(
    not hasattr(os, "memfd_create"), reason="the system has no anonymous files in memory"
)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    lengths = [5 + (7 * number) % 23 for number in range(40)]
    build = write_pose_build(tmp_path_factory.mktemp("ring") / "build", lengths)
    return Stream(open_index([build]), {"pose": PoseView()}, Batching(samples=2))


def taken(stream: Stream, workers: int) -> list[Any]:
    with stream.loader(workers=workers) as loader:
        return [batch for step in loader.epoch(0) for batch in step]


def same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        torch.equal(a.ids, b.ids)
        and torch.equal(a.views["pose"], b.views["pose"])
        and torch.equal(a.masks["pose"], b.masks["pose"])
        for a, b in zip(one, other, strict=True)
    )


@needs_memfd
def test_batches_stay_when_their_slots_are_written_again(stream: Stream) -> None:
    with stream.loader(workers=1) as loader:
        ring = loader._ring
        assert ring is not None
        batches = [batch for step in loader.epoch(0) for batch in step]
        assert len(batches) > 4 * (3 + 1)  # each slot was used several times
        tensors = [b.ids for b in batches] + [b.views["pose"] for b in batches]
        assert not any(ring.holds(tensor) for tensor in tensors)
    assert same(taken(stream, 0), batches)


def test_an_epoch_left_half_way_does_not_spoil_the_next(stream: Stream) -> None:
    with stream.loader(workers=2) as loader:
        left = (batch for step in loader.epoch(1) for batch in step)
        for _ in range(5):
            next(left)
        again = [batch for step in loader.epoch(0) for batch in step]
    assert same(taken(stream, 0), again)


@pytest.mark.parametrize("slot_bytes", [64, 4096, 32768])
def test_what_finds_no_room_travels_as_torch_sends_it(
    stream: Stream, slot_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rings, "Ring", partial(Ring, slot_bytes=slot_bytes))
    assert same(taken(stream, 0), taken(stream, 1))


def test_without_such_memory_batches_are_the_same(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create", raising=False)
    assert same(taken(stream, 0), taken(stream, 1))


def _fill(ring: Ring, results: Any) -> None:
    ring.begin(0)
    made = ring.empty((3, 5), torch.float16)
    assert made is not None
    made.fill_(1.5)
    results.put(pickle.dumps([ring.place(made), ring.place(torch.arange(7))]))


@needs_memfd
def test_a_worker_that_was_not_forked_has_the_same_memory() -> None:
    context = multiprocessing.get_context("spawn")
    ring = Ring(1, 2, 1 << 16)
    results = context.Queue()
    worker = context.Process(target=_fill, args=(ring, results))
    worker.start()
    sent = results.get(timeout=120)
    worker.join()
    assert len(sent) < 500  # places, not bytes
    halves, numbers = pickle.loads(sent)
    assert torch.equal(halves, torch.full((3, 5), 1.5, dtype=torch.float16))
    assert torch.equal(numbers, torch.arange(7))
    assert ring.holds(halves)
    assert ring.holds(numbers)


@needs_memfd
def test_its_files_are_closed(stream: Stream) -> None:
    def files() -> list[str]:
        gc.collect()
        names = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
        return [os.readlink(name) for name in names if Path(name).exists()]

    before = sum("sign-etl-batches" in name for name in files())
    for _ in range(3):
        taken(stream, 1)
    assert sum("sign-etl-batches" in name for name in files()) == before

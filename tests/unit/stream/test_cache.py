"""The shard cache: several processes at once, dead leaders, eviction by the plan."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest
from pose_build import write_pose_build

from sign_etl.stream import cache as cache_module
from sign_etl.stream.cache import LEADER, FetchError, ShardCache
from sign_etl.stream.index import open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching, make_plan
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.prefetch import Prefetcher
from sign_etl.stream.schedule import Schedule

NAMES = [f"train/{number}.tar" for number in range(6)]
SIZE = 3000


class Slow:
    """Copies slowly and says so in a log; in one process it stops in the middle for ever."""

    def __init__(self, origin: Path, log: Path, hang: bool = False, pause_s: float = 0.02) -> None:
        self.origin, self.log, self.hang, self.pause_s = origin, log, hang, pause_s

    def __call__(self, name: str, target: Path) -> None:
        with self.log.open("a") as file:
            file.write(f"{os.getpid()} {name}\n")
        data = (self.origin / name).read_bytes()
        target.write_bytes(data[:1000])
        while self.hang:
            time.sleep(0.05)
        time.sleep(self.pause_s)
        target.write_bytes(data)


def fill(folder: Path, fetch: Slow) -> None:
    cache = ShardCache(folder, dict.fromkeys(NAMES, SIZE), fetch)
    for name in NAMES:
        cache.ensure(name)


def fill_slowly(folder: Path, fetch: Slow, seconds: float) -> None:
    is_dead = cache_module._is_dead

    def slowly(note: Path) -> bool:
        dead = is_dead(note)
        if dead:
            time.sleep(seconds)
        return dead

    cache_module._is_dead = slowly  # this process was forked: nobody else sees it
    fill(folder, fetch)


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    for number, name in enumerate(NAMES):
        (tmp_path / "far" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "far" / name).write_bytes(bytes([number]) * SIZE)
    return tmp_path / "far"


def test_t9_four_processes_fill_it_and_one_is_killed(origin: Path, tmp_path: Path) -> None:
    log, near = tmp_path / "log", tmp_path / "near"
    log.touch()
    context = multiprocessing.get_context("fork")
    doomed = context.Process(target=fill, args=(near, Slow(origin, log, hang=True)))
    doomed.start()
    while not log.read_text():  # it leads, and hangs in the middle of the first shard
        time.sleep(0.01)
    others = [context.Process(target=fill, args=(near, Slow(origin, log))) for _ in range(3)]
    for process in others:
        process.start()
    assert doomed.pid is not None
    os.kill(doomed.pid, signal.SIGKILL)
    doomed.join()
    for process in others:
        process.join(240)
    assert [process.exitcode for process in others] == [0, 0, 0]
    for number, name in enumerate(NAMES):
        assert (near / name).read_bytes() == bytes([number]) * SIZE
    fetched = [line.split()[1] for line in log.read_text().splitlines()]
    assert sorted(fetched) == sorted([NAMES[0], *NAMES])  # each once, but for the dead one's
    assert not list(near.rglob(f"*{LEADER}*"))


def test_who_is_slow_to_act_on_a_dead_note_fetches_nothing_twice(
    origin: Path, tmp_path: Path
) -> None:
    """Between reading a note as dead and acting on it, others may have led, fetched and gone."""
    log, near = tmp_path / "log", tmp_path / "near"
    for name in NAMES:
        note = near / f"{name}{LEADER}0"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text("another-host 1")
        os.utime(note, (1, 1))
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=fill_slowly, args=(near, Slow(origin, log, pause_s=0.2), seconds))
        for seconds in (0.0, 0.1, 0.15, 0.4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0] * 4
    fetched = [line.split()[1] for line in log.read_text().splitlines()]
    assert sorted(fetched) == NAMES
    assert not list(near.rglob(f"*{LEADER}*"))


def test_a_silent_leader_elsewhere_is_replaced(origin: Path, tmp_path: Path) -> None:
    cache = ShardCache(tmp_path, dict.fromkeys(NAMES, SIZE), Slow(origin, tmp_path / "log"))
    note = tmp_path / f"{NAMES[0]}{LEADER}0"
    note.parent.mkdir()
    note.write_text("another-host 1")
    os.utime(note, (1, 1))
    assert cache.ensure(NAMES[0]).stat().st_size == SIZE
    assert not note.exists()


def test_what_cannot_be_had_is_told(origin: Path, tmp_path: Path) -> None:
    cache = ShardCache(
        tmp_path, {NAMES[0]: SIZE + 1, "train/none.tar": 1}, Slow(origin, tmp_path / "log")
    )
    for name, why in ((NAMES[0], "another size"), ("train/none.tar", "missing")):
        with pytest.raises(FetchError, match=why):
            cache.ensure(name)
    assert [p.name for p in (tmp_path / "train").iterdir()] == []


def test_a_schedule_knows_what_is_needed_last(tmp_path: Path) -> None:
    index = open_index([write_pose_build(tmp_path / "b", [5] * 48, shard_clips=4)])
    batching = Batching(samples=2, micro_batches=2, window_shards=2)
    plan = make_plan(index, np.arange(48), index.frames, batching, seed=0, epoch=0)
    schedule = Schedule(index, plan, 0)
    for step in range(len(plan)):
        schedule.step = step
        rest = [
            index.shards[s] for s in index.shard[plan.ids[int(plan.step_samples[:step].sum()) :]]
        ]
        order = list(dict.fromkeys(rest))
        firsts = [schedule.next_use(name) for name in order]
        assert firsts == sorted(firsts)
        assert firsts[0] == step
        done = set(index.shards) - set(order)
        spared = schedule.farthest_first(index.shards)
        assert set(spared[: len(done)]) == done
        assert sorted(schedule.upcoming(step)) == sorted(order)


def test_fetching_ahead_keeps_to_the_limit(tmp_path: Path) -> None:
    build = write_pose_build(tmp_path / "b", [5] * 48, shard_clips=4)
    index = open_index([build])
    sizes = dict(index.sources[0].shard_sizes)
    limit = 4 * max(sizes.values())
    log = tmp_path / "log"
    cache = ShardCache(tmp_path / "near", sizes, Slow(build, log), limit_bytes=limit)
    batching = Batching(samples=2, micro_batches=2, window_shards=2)
    plan = make_plan(index, np.arange(48), index.frames, batching, seed=0, epoch=0)
    fetcher = Prefetcher(cache, index, plan, 0, ahead=4)
    for step in range(len(plan)):
        fetcher.reached(step)
        while fetcher.turn():
            here = sum(path.stat().st_size for path in (tmp_path / "near").rglob("*.tar"))
            assert here <= limit
        first = int(plan.step_samples[:step].sum())
        for row in plan.ids[first : first + int(plan.step_samples[step])]:
            assert cache.has(index.shards[index.shard[row]])
    fetched = [line.split()[1] for line in log.read_text().splitlines()]
    assert sorted(fetched) == sorted(sizes)  # nothing was evicted that was needed again


def test_a_loader_of_a_remote_build_fetches_ahead_and_says_what_fails(tmp_path: Path) -> None:
    build = write_pose_build(tmp_path / "b", [5] * 48, shard_clips=4)
    files = fsspec.filesystem("memory")
    for path in build.rglob("*"):
        if path.is_file():
            files.pipe_file(f"/ahead/{path.relative_to(build).as_posix()}", path.read_bytes())
    batching = Batching(samples=2, micro_batches=2, window_shards=2)
    near, far = (
        Stream(open_index([where], cache=tmp_path / "near"), {"pose": PoseView()}, batching)
        for where in (build, "memory://ahead")
    )
    keys = []
    for stream in (near, far):
        with stream.loader() as loader:
            keys.append([key for step in loader.epoch(0) for b in step for key in b.key])
    assert keys[0] == keys[1]
    assert len(list((tmp_path / "near").rglob("*.tar"))) == 12
    for path in (tmp_path / "near").rglob("*.tar"):
        path.unlink()
        files.rm_file(f"/ahead/train/{path.name}")
    with far.loader() as loader, pytest.raises(FetchError, match="missing"):
        for step in loader.epoch(1):
            list(step)

"""What the loader promises to a training run: resume, ranks, workers, damage, exactly once."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from pose_build import write_pose_build

from sign_etl.reader.shards import ShardFiles
from sign_etl.stream.base import BudgetError, Filters
from sign_etl.stream.cursor import Cursor, ResumeError
from sign_etl.stream.index import open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.quarantine import Budget, Quarantine
from sign_etl.stream.transforms_pose import transforms

torch = pytest.importorskip("torch")
from toy_training import make_stream, read_log, run_ranks  # noqa: E402

LENGTHS = [5 + (7 * number) % 23 for number in range(64)]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pose_build(tmp_path_factory.mktemp("stream") / "build", LENGTHS)


@pytest.fixture(scope="module")
def alone(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one rank that nobody disturbed."""
    out = tmp_path_factory.mktemp("stream") / "alone"
    run_ranks(build, out)
    return out


def weights(out: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(out / "checkpoint.pt", weights_only=True)["model"]
    return state


def test_the_toy_learns(alone: Path) -> None:
    log = read_log(alone)
    assert log[max(log)]["loss"] < 0.8 * log[1]["loss"]


def test_t1_killed_and_resumed_ends_with_the_same_weights(
    build: Path, alone: Path, tmp_path: Path
) -> None:
    steps = max(read_log(alone))
    run_ranks(build, tmp_path / "run", kill_at=steps // 2 + 1)
    assert max(read_log(tmp_path / "run")) == steps // 2 + 1
    run_ranks(build, tmp_path / "run")
    for name, tensor in weights(alone).items():
        assert torch.equal(tensor, weights(tmp_path / "run")[name]), name


@pytest.mark.parametrize("world_size", [2, 4])
def test_t2_ranks_share_the_same_steps(
    build: Path, alone: Path, tmp_path: Path, world_size: int
) -> None:
    run_ranks(build, tmp_path / "run", world_size=world_size)
    one, many = read_log(alone), read_log(tmp_path / "run")
    assert one.keys() == many.keys()
    for step in one:
        assert one[step]["ids"] == many[step]["ids"]
        assert one[step]["loss"] == pytest.approx(many[step]["loss"], abs=1e-5)


def test_a_run_goes_on_with_another_number_of_ranks(
    build: Path, alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    run_ranks(build, out, kill_at=3)
    run_ranks(build, out, world_size=2)
    one, both = read_log(alone), read_log(out)
    assert {step: one[step]["ids"] for step in one} == {step: both[step]["ids"] for step in both}
    assert both[max(both)]["loss"] == pytest.approx(one[max(one)]["loss"], abs=1e-5)


def test_t3_batches_do_not_depend_on_workers(build: Path) -> None:
    stream = make_stream(build)
    taken = {}
    for workers in (0, 1, 2):
        with stream.loader(workers=workers) as loader:
            # The same workers serve several epochs.
            taken[workers] = [b for epoch in (0, 1) for s in loader.epoch(epoch) for b in s]
    for workers in (1, 2):
        for one, other in zip(taken[0], taken[workers], strict=True):
            assert torch.equal(one.views["pose"], other.views["pose"])
            assert torch.equal(one.masks["pose"], other.masks["pose"])
            assert (one.key, one.step, one.slot) == (other.key, other.step, other.slot)
    first = {key: b.views["pose"][row] for b in taken[0] for row, key in enumerate(b.key)}
    again = next(b for b in taken[0] if b.epoch == 0)
    assert not torch.equal(
        again.views["pose"][0], first[again.key[0]][: again.views["pose"].shape[1]]
    )


def test_a_step_that_is_left_early_does_not_shift_the_next(build: Path) -> None:
    stream = make_stream(build)
    with stream.loader(rank=0, world_size=2) as loader:
        whole = [[batch.key for batch in step] for step in loader.epoch(0)]
        hasty = [next(iter(step)).key for step in loader.epoch(0)]
    assert hasty == [step[0] for step in whole]


def test_t6_a_sample_costs_one_read_of_its_member(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why the loader is fast; how fast, beside others, `tests/benchmarks/bench_loader.py` says."""
    sizes = []
    for path in build.rglob("*.tar"):
        with tarfile.open(path) as tar:
            sizes += [member.size for member in tar if member.name.endswith(".npy")]
    assert len(sizes) == len(LENGTHS)
    read, original = [], ShardFiles.read

    def counted(self: ShardFiles, shard: str, offset: int, size_bytes: int) -> bytes:
        read.append(size_bytes)
        return original(self, shard, offset, size_bytes)

    monkeypatch.setattr(ShardFiles, "read", counted)
    with make_stream(build).loader() as loader:
        for step in loader.epoch(0):
            list(step)
    assert sorted(read) == sorted(sizes)


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_t7_every_sample_comes_once(build: Path, world_size: int) -> None:
    stream = make_stream(build)
    seen: list[int] = []
    sizes = []
    for rank in range(world_size):
        with stream.loader(rank=rank, world_size=world_size) as loader:
            sizes.append([])
            for step in loader.epoch(1):
                batches = list(step)
                sizes[-1].append((step.number, len(batches), step.weight))
                for batch in batches:
                    real = batch.weight > 0
                    assert bool((real == (batch.ids >= 0)).all())
                    seen += batch.ids[real].tolist()
    assert sorted(seen) == list(range(len(LENGTHS)))
    assert all(each == sizes[0] for each in sizes)  # equally many batches on every rank


def test_t8_a_cursor_is_small_and_resuming_reads_no_data(build: Path, tmp_path: Path) -> None:
    stream = make_stream(build)
    cursor = stream.cursor(1, 3)
    assert len(json.dumps(cursor.to_json())) < 300
    with stream.loader() as loader:
        wanted = [b.key for step in loader.epoch(1) for b in step if step.number >= 3]
    moved = tmp_path / "moved"
    shutil.copytree(build, moved)
    later = make_stream(moved)
    for shard in moved.rglob("*.tar"):
        shard.rename(shard.with_suffix(".away"))
    epoch, step = later.resume(Cursor.from_json(json.loads(json.dumps(cursor.to_json()))))
    for shard in moved.rglob("*.away"):
        shard.rename(shard.with_suffix(".tar"))
    with later.loader() as loader:
        assert [b.key for each in loader.epoch(epoch, start=step) for b in each] == wanted


def test_other_data_or_options_are_refused(build: Path, tmp_path: Path) -> None:
    stream = make_stream(build)
    cursor = stream.cursor(1, 3)
    other = make_stream(write_pose_build(tmp_path / "b", LENGTHS, seed=1))
    with pytest.raises(ResumeError, match="the data is not"):
        other.resume(cursor)
    changed = Stream(stream.index, {"pose": PoseView()}, Batching(samples=3), seed=3)
    with pytest.raises(ResumeError, match="the order of samples"):
        changed.resume(cursor)
    assert changed.resume(cursor, allow_change=True) == (1, 0)
    with pytest.raises(ResumeError, match="another version"):
        Cursor.from_json({**cursor.to_json(), "version": 99})


def damaged(build: Path, out: Path) -> tuple[Path, list[str]]:
    """A copy with one member of other bytes, and one that is no array but has the right crc32."""
    import zlib

    import pyarrow as pa
    from pose_build import TABLE_FILES

    from sign_etl.core.canonical import sha256_file
    from sign_etl.schema.tables import INDEX, read_table, write_table

    shutil.copytree(build, out)
    rows = read_table(out / "index.parquet", INDEX).to_pylist()
    keys = []
    for row, forged in ((rows[5], False), (rows[40], True)):
        keys.append(row["key"])
        member = next(each for each in row["members"] if each["name"] == "made.npy")
        with (out / row["shard"]).open("r+b") as file:
            file.seek(member["offset"])
            file.write(b"not numpy")
            file.seek(member["offset"])
            data = file.read(member["size_bytes"])
        if forged:
            member["crc32"] = zlib.crc32(data)
    write_table(out / "index.parquet", pa.Table.from_pylist(rows, INDEX))
    manifest = json.loads((out / "manifest.json").read_bytes())
    for name in TABLE_FILES:
        manifest["files"][name] = {
            "sha256": sha256_file(out / name),
            "size_bytes": (out / name).stat().st_size,
        }
    (out / "manifest.json").write_text(json.dumps(manifest))
    return out, keys


@pytest.mark.parametrize("workers", [0, 1])
def test_t4_damaged_samples_are_dropped_written_down_and_left_out_next_time(
    build: Path, tmp_path: Path, workers: int
) -> None:
    broken, keys = damaged(build, tmp_path / "b")
    path = tmp_path / "run" / "quarantine.jsonl"
    stream = Stream(
        open_index([broken]), {"pose": PoseView()}, Batching(samples=4), quarantine=Quarantine(path)
    )
    before = stream.plan(0).plan_hash
    with stream.loader(workers=workers) as loader:
        first = [key for step in loader.epoch(0) for b in step for key in b.key]
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert stream.plan(0).plan_hash == before
        second = stream.plan(1)
    assert len(first) == len(LENGTHS) - 2
    assert not set(first) & set(keys)
    found = {(line["key"], line["ext"], line["error"], line["epoch"]) for line in lines}
    assert found == {(keys[0], "made.npy", "crc", 0), (keys[1], "made.npy", "decode", 0)}
    assert len(second.ids) == len(LENGTHS) - 2
    # Another process that resumes in epoch 1 finds the same plan in the file.
    again = Stream(
        open_index([broken]), {"pose": PoseView()}, Batching(samples=4), quarantine=Quarantine(path)
    )
    assert again.plan(1).plan_hash == second.plan_hash
    assert again.plan(0).plan_hash == before


def test_t4_a_truncated_shard_ends_the_run_with_a_word(build: Path, tmp_path: Path) -> None:
    shutil.copytree(build, tmp_path / "b")
    shard = sorted((tmp_path / "b").rglob("*.tar"))[0]
    with shard.open("r+b") as file:
        file.truncate(shard.stat().st_size // 2)
    stream = Stream(open_index([tmp_path / "b"]), {"pose": PoseView()}, Batching(samples=4))
    with stream.loader() as loader, pytest.raises(BudgetError) as error:
        for step in loader.epoch(0):
            list(step)
    assert "truncated" in str(error.value.hint)
    assert stream.quarantine.records[0].shard == shard.relative_to(tmp_path / "b").as_posix()


def test_a_micro_batch_of_damaged_samples_is_a_placeholder(build: Path, tmp_path: Path) -> None:
    broken, keys = damaged(build, tmp_path / "b")
    quarantine = Quarantine(budget=Budget(at_least=99))
    stream = Stream(
        open_index([broken]), {"pose": PoseView()}, Batching(samples=1), quarantine=quarantine
    )
    with stream.loader() as loader:
        empty = [b for step in loader.epoch(0) for b in step if b.bad]
    assert sorted(b.bad[0].key for b in empty) == sorted(keys)
    for batch in empty:
        assert batch.views["pose"].shape == (1, 1, 54, 3)
        assert batch.weight.tolist() == [0.0]
        assert bool(batch.masks["pose"].all())


def test_faults_of_the_program_are_not_bad_samples(build: Path) -> None:
    class Wrong(PoseView):
        def read(self, *_: Any) -> Any:
            raise ZeroDivisionError

    stream = Stream(open_index([build]), {"pose": Wrong()}, Batching())
    with stream.loader() as loader, pytest.raises(ZeroDivisionError):
        list(next(loader.epoch(0)))


def test_batches_say_what_is_in_them(build: Path) -> None:
    index = open_index([build])
    stream = Stream(index, {"pose": PoseView()}, Batching(samples=4, pad_multiple=8))
    with stream.loader() as loader:
        batch = next(iter(next(loader.epoch(0))))
    pose, mask = batch.views["pose"], batch.masks["pose"]
    assert pose.dtype == torch.float32
    assert pose.shape[1] % 8 == 0
    assert mask.sum(1).tolist() == index.frames[batch.ids.numpy()].tolist()
    assert not pose[~mask].any()
    assert bool(torch.isfinite(pose).all())
    assert batch.text[0].startswith("sentence ")
    assert batch.language == ["zxx"] * 4
    assert {batch.build[0], batch.shard[0].partition("/")[0]} == {"poses", "train"}
    keys = index.column("key").take(batch.ids.numpy()).to_pylist()
    assert batch.key == keys
    assert batch.label_id.tolist() == index.label_id[batch.ids.numpy()].tolist()


def test_two_builds_in_one_stream(build: Path, tmp_path: Path) -> None:
    other = write_pose_build(
        tmp_path / "o",
        [9] * 8,
        name="others",
        classes=6,
        kind="holistic-75",
        splits=("train", "val"),
    )
    index = open_index([build, other])
    assert index.labels == tuple(f"word-{number:03d}" for number in range(6))
    view = PoseView(layout="spoter-54")
    stream = Stream(
        index, {"pose": view}, Batching(samples=4, epoch_samples=40, temperature=1e9),
        filters=Filters(splits=("train",)),
    )  # fmt: skip
    builds = []
    with stream.loader() as loader:
        for step in loader.epoch(0):
            for batch in step:
                assert batch.views["pose"].shape[2:] == (54, 3)
                builds += batch.build
    assert (builds.count("poses"), builds.count("others")) == (20, 20)


def test_augmentation_is_the_same_for_the_same_visit_only(build: Path) -> None:
    view = PoseView(transforms=transforms([{"name": "noise", "sigma": 1.0}]))
    stream = Stream(open_index([build]), {"pose": view}, Batching(samples=1, shuffle=False))
    with stream.loader() as loader:
        runs = [[b.views["pose"] for s in loader.epoch(e) for b in s] for e in (0, 0, 1)]
    assert all(torch.equal(one, two) for one, two in zip(runs[0], runs[1], strict=True))
    assert not any(torch.equal(one, two) for one, two in zip(runs[0], runs[2], strict=True))

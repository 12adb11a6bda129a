"""A small training program for tests of the loader: any number of ranks, gloo, resume."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_bytes
from sign_etl.stream.cursor import Cursor
from sign_etl.stream.index import open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.transforms_pose import transforms

EPOCHS = 2
AUGMENTATION = [
    {"name": "mirror"},
    {"name": "noise", "sigma": 0.05},
    {"name": "temporal", "method": "random_subset", "frames": 10},
]


def make_stream(build: Path) -> Stream:
    """Short micro-batches in steps of four, augmented."""
    return Stream(
        open_index([build]),
        {"pose": PoseView(transforms=transforms(AUGMENTATION))},
        Batching(frames=60, samples=6, micro_batches=4, window_shards=2),
        seed=3,
    )


def run_ranks(build: Path, out: Path, *, world_size: int = 1, kill_at: int | None = None) -> None:
    """Train in `world_size` processes, from the checkpoint in `out` on where there is one.

    Args:
        build: to train on.
        out: folder for checkpoint and log.
        world_size: number of ranks.
        kill_at: rank 0 sends itself SIGKILL in the middle of this step, counted over all epochs.
    """
    out.mkdir(exist_ok=True)
    # Forks as torch's own workers are: each other way costs an import of torch for every rank.
    context = multiprocessing.get_context("fork")
    ranks = [
        context.Process(target=train, args=(build, out, rank, world_size, kill_at))
        for rank in range(world_size)
    ]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join(280)
    codes = [process.exitcode for process in ranks]
    assert codes == [0 if kill_at is None else -signal.SIGKILL] * world_size, codes


def train(build: Path, out: Path, rank: int, world_size: int, kill_at: int | None) -> None:
    """One rank: a linear model of mean coordinates, gradients summed over the ranks."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    if world_size > 1:
        # A rank whose partner was killed does not wait for it: the meeting file is of this run.
        meeting = f"file://{out}/meet-{world_size}-{kill_at}"
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world_size)
    stream = make_stream(build)
    torch.manual_seed(0)
    model = torch.nn.Linear(3, len(stream.index.labels))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    epoch, first, done = _restore(out, stream, model, optimizer)
    with stream.loader(rank=rank, world_size=world_size) as loader:
        for current in range(epoch, EPOCHS):
            for step in loader.epoch(current, start=first):
                optimizer.zero_grad()
                loss, ids = torch.zeros(1), []
                for batch in step:
                    if done == kill_at:
                        os.kill(os.getpid(), signal.SIGKILL)
                    pose, mask = batch.views["pose"], batch.masks["pose"]
                    mean = (pose * mask[..., None, None]).sum((1, 2)) / mask.sum(1)[:, None] / 54
                    each = torch.nn.functional.cross_entropy(
                        model(mean), batch.label_id.clamp(min=0), reduction="none"
                    )
                    part = (each * batch.weight).sum() / step.weight
                    part.backward()
                    loss += part.detach()
                    ids += batch.ids[batch.ids >= 0].tolist()
                if world_size > 1:
                    for parameter in model.parameters():
                        dist.all_reduce(parameter.grad)
                    dist.all_reduce(loss)
                optimizer.step()
                done += 1
                _log(out, rank, {"done": done, "loss": loss.item(), "ids": ids})
                if rank == 0:
                    _save(out, model, optimizer, stream.cursor(current, step.number + 1), done)
            first = 0
    if world_size > 1:
        dist.destroy_process_group()


def read_log(out: Path) -> dict[int, dict[str, Any]]:
    """Loss and sorted sample rows by step, all ranks together."""
    steps: dict[int, dict[str, Any]] = {}
    for path in sorted(out.glob("log-*.jsonl")):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            known = steps.setdefault(record["done"], {"loss": record["loss"], "ids": []})
            known["ids"] = sorted(known["ids"] + record["ids"])
    return steps


def _log(out: Path, rank: int, record: dict[str, Any]) -> None:
    with (out / f"log-{rank}.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")


def _save(out: Path, model: Any, optimizer: Any, cursor: Cursor, done: int) -> None:
    import io

    import torch

    buffer = io.BytesIO()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "done": done}
    torch.save({**state, "cursor": cursor.to_json()}, buffer)
    write_bytes(out / "checkpoint.pt", buffer.getvalue())


def _restore(out: Path, stream: Stream, model: Any, optimizer: Any) -> tuple[int, int, int]:
    import torch

    path = out / "checkpoint.pt"
    if not path.exists():
        return 0, 0, 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    epoch, step = stream.resume(Cursor.from_json(state["cursor"]))
    return epoch, step, int(state["done"])

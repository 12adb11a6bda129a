"""How long a training waits for its data: steps from the loader beside the same batches in memory.

The loop's own parts (recipe, view with normalisation and augmentation, loader, task, optimizer) run
on keypoints with the lengths of MS-ASL. Both ways train on the same micro-batches, in turns.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_build import write_pose_build

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from sign_etl.tasks import setup  # noqa: E402
from sign_etl.tasks.optimise import make_optimizer, parameter_groups  # noqa: E402

RUNS = int(os.environ.get("SIGN_ETL_BENCH_RUNS", "5"))
CLIPS = int(os.environ.get("SIGN_ETL_BENCH_TRAIN_CLIPS", "512"))
RECIPE = """
schema: sign-etl/training/1
name: train-step
task: {name: islr}
model: {name: spoter, encoder_layers: 2, decoder_layers: 2, feedforward: 512}
data:
  view:
    name: pose
    layout: spoter-54
    transforms:
      - name: spoter-normalise
  augment:
    - name: spoter-augment
    - name: time-warp
  noise: 0.005
batch: {samples: 32, frames: 4096}
trackers: []
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of whole-body keypoints, and the recipe."""
    out = tmp_path_factory.mktemp("train-step")
    lengths = np.clip(np.random.default_rng(0).lognormal(np.log(62), 0.45, CLIPS + 32), 16, 200)
    write_pose_build(
        out / "build",
        lengths.astype(int).tolist(),
        shard_clips=64,
        classes=20,
        splits=("train", "val"),
        kind="coco-wholebody-133",
    )
    (out / "recipe.yaml").write_text(RECIPE)
    return out


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("workers", [0, 1])
def test_steps_with_the_loader(folder: Path, record: list[dict[str, Any]], workers: int) -> None:
    config = setup.load_recipe(folder / "recipe.yaml")
    opened = setup.open_training(config, [str(folder / "build")], folder / "run")
    torch.manual_seed(0)
    model = opened.task.build().train()
    groups = parameter_groups(model.named_parameters(), opened.task.depth, config.optimizer)
    optimizer = make_optimizer(groups, config.optimizer)

    def train(steps: Iterable[Any]) -> tuple[float, float]:
        """Seconds of a pass in all, and of waiting for its batches."""
        began, waited, iterator = time.perf_counter(), 0.0, iter(steps)
        while True:
            asked = time.perf_counter()
            step = next(iterator, None)
            batches = list(step or ())  # a step reads when it is asked for its batches
            waited += time.perf_counter() - asked
            if step is None:
                return time.perf_counter() - began, waited
            for batch in batches:
                losses = opened.task.step(model, batch)
                (losses.loss_sum / losses.weight).backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    ratios, waits, cached_s, loaded_s = [], [], [], []
    with opened.train.loader(workers=workers) as loader:
        kept = [list(step) for step in loader.epoch(0)]
        train(kept)
        for turn in range(RUNS):
            ways = [kept, loader.epoch(0)]
            order = (0, 1) if turn % 2 else (1, 0)
            taken = {way: train(ways[way]) for way in order}
            cached_s.append(taken[0][0] / len(kept))
            loaded_s.append(taken[1][0] / len(kept))
            ratios.append(taken[1][0] / taken[0][0])
            waits.append(taken[1][1] / taken[1][0])
    record.append(
        {
            "benchmark": "train-step",
            "mode": f"{workers} workers",
            "steps": len(kept),
            "cached_step_s": statistics.median(cached_s),
            "loader_step_s": statistics.median(loaded_s),
            "loader_over_cached": statistics.median(ratios),
            "waiting_share": statistics.median(waits),
        }
    )

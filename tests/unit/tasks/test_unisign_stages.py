"""Uni-Sign through the loop: the second stage begins with the first one and looks at hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("accelerate")
pytest.importorskip("transformers")

from tiny_build import LABELS, write_tiny_build
from tiny_mt5 import write_tiny_mt5

from sign_etl.core.canonical import sha256_file
from sign_etl.core.content import load_program
from sign_etl.core.errors import ConfigError
from sign_etl.tasks.checkpoint import find_checkpoint, read_json, read_records, read_weights
from sign_etl.tasks.outside import outside
from sign_etl.tasks.setup import load_recipe, open_training
from sign_etl.tasks.trained import open_run

train = load_program("train")
evaluate = load_program("evaluate")
POSE = {"layout": "unisign-69", "transforms": [{"name": "unisign-normalise"}]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of six clips with videos and keypoints, and a language model."""
    folder = tmp_path_factory.mktemp("unisign")
    write_tiny_build(folder / "build", clips=6, shard_clips=3)
    write_tiny_mt5(folder / "mt5", LABELS, width=16)
    return folder


def recipe(world: Path, view: dict[str, Any], **settings: Any) -> Path:
    values = {
        "schema": "sign-etl/training/1",
        "name": "tiny",
        "task": {"name": "slt", "target": "label", "max_new_tokens": 4, "beams": 1},
        "model": {
            "name": "unisign",
            "language_model": str(world / "mt5"),
            "graph_width": 8,
            "hand_weights": "random",
        },
        "data": {"view": view},
        "batch": {"samples": 3},
        "epochs": 1,
        "log_steps": 1,
        "trackers": [],
        **settings,
    }
    path = world / f"{view['name']}.yaml"
    path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    return path


def test_the_stages_follow_one_another(world: Path) -> None:
    data = [str(world / "build")]
    first = load_recipe(recipe(world, {"name": "pose", **POSE}))
    train.train(first, data, world / "first")
    view = {"name": "crop", "pose": POSE, "size": 32, "share": 0.3}
    second = load_recipe(recipe(world, view, init={"run": str(world / "first")}))
    told: list[str] = []
    train.train(second, data, world / "second", say=told.append)
    before = read_weights(find_checkpoint(world / "first"))
    assert f"took {len(before)} of" in told[0]
    after = read_weights(find_checkpoint(world / "second"))
    assert set(before) < set(after)
    assert {name.partition(".")[0] for name in set(after) - set(before)} == {"hands"}
    # Its first step opens the gate: the pictures are not left aside.
    assert after["hands.fusion.gate_out.weight"].any()
    losses = [r["metrics"]["loss"] for r in read_records(world / "second" / "metrics.jsonl")[:1]]
    assert np.isfinite(losses).all()
    folder = world / "second" / "results" / "val"
    said, found = sha256_file(folder / "predictions.csv"), read_json(folder / "metrics.json")
    assert evaluate.evaluate(world / "second", data, "val") == found["metrics"]
    assert sha256_file(folder / "predictions.csv") == said
    assert read_json(world / "second" / "build.json")["preprocessing"]["share_of_each_hand"] == 0.3
    trained = open_run(world / "second", data)
    with pytest.raises(ConfigError, match="pictures of hands cannot be exported") as caught:
        outside(trained, "clip")
    assert "first stage" in (caught.value.hint or "")


def test_crops_reach_the_model(world: Path, tmp_path: Path) -> None:
    view = {"name": "crop", "pose": POSE, "size": 32, "share": 1.0}
    opened = open_training(load_recipe(recipe(world, view)), [str(world / "build")], tmp_path)
    with opened.train.loader() as loader:
        batch = next(batch for step in loader.epoch(0) for batch in step)
    crops = opened.task._crops(batch)
    clips, frames = crops.mask.shape
    assert crops.pictures.shape == (clips, frames, 2, 3, 32, 32)
    assert crops.pictures.dtype.is_floating_point
    seen = (crops.joints[..., 2] > 0).any(-1)
    assert seen.any()
    inside = crops.joints[..., :2][crops.joints[..., 2] > 0]
    assert float(inside.min()) > -0.5
    assert float(inside.max()) < 1.5
    assert (crops.places < batch.masks["pose"].sum(1, keepdim=True)).all()

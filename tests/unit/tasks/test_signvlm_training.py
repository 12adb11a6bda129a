"""SignVLM through the loop: frozen parts stay out of files, few-shot, and zero-shot by names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("accelerate")
pytest.importorskip("transformers")

from safetensors.numpy import load_file
from tiny_build import LABELS, write_tiny_build
from tiny_clip import write_tiny_clip

from sign_etl.core.canonical import sha256_file
from sign_etl.core.content import load_program
from sign_etl.core.errors import UsageError
from sign_etl.stream.base import Filters
from sign_etl.stream.index import open_index
from sign_etl.tasks.checkpoint import find_checkpoint, read_json
from sign_etl.tasks.setup import load_recipe, open_training

train = load_program("train")
evaluate = load_program("evaluate")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 clips of 6 classes with videos, half of them for validation."""
    out = tmp_path_factory.mktemp("signvlm") / "build"
    return write_tiny_build(out, clips=18, shard_clips=6)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("clip"), [*LABELS, "a photo of the sign"])


@pytest.fixture
def recipe(tmp_path: Path, clip: Path) -> Callable[..., Path]:
    def write(model: dict[str, Any], **settings: Any) -> Path:
        values = {
            "schema": "sign-etl/training/1",
            "name": "tiny",
            "task": {"name": "islr"},
            "model": {"clip": str(clip), **model},
            "data": {
                "view": {
                    "name": "clip",
                    "sampler": {"name": "uniform", "frames": 4, "stride": 2},
                    "size": 32,
                    "normalise": "clip",
                },
                **settings.pop("data", {}),
            },
            "epochs": 2,
            "log_steps": 1,
            "trackers": [],
            **settings,
        }
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
        return path

    return write


def test_it_trains_and_goes_on_and_keeps_the_tower_out(
    build: Path, recipe: Callable[..., Path], tmp_path: Path
) -> None:
    config = load_recipe(recipe({"name": "signvlm", "layers": 2, "frames": 4}, ema=0.5))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train.train(config, [str(build)], whole)
    stop = train.StopRequest()
    stop.set()
    with pytest.raises(train.SignEtlError):  # after the first step
        train.train(config, [str(build)], parts, stop=stop)
    train.train(config, [str(build)], parts, resume=True)
    files = [find_checkpoint(run, last=True) / "model.safetensors" for run in (whole, parts)]
    assert sha256_file(files[0]) == sha256_file(files[1])
    weights = load_file(files[0])
    assert [name for name in weights if name.startswith("tower")] == ["tower.digest"]
    assert weights["tower.digest"].any()
    found = evaluate.evaluate(whole, [str(build)], "val")
    assert found == evaluate.evaluate(whole, [str(build)], "val")


def test_few_shots_are_the_same_ones_again(
    build: Path, recipe: Callable[..., Path], tmp_path: Path
) -> None:
    index = open_index([build])
    chosen = {
        (shots, seed): index.rows(Filters(filled="label", shots=shots, seed=seed)).tolist()
        for shots in (1, 2, 5)
        for seed in (0, 1)
    }
    for (shots, _), rows in chosen.items():
        counts = np.bincount(index.label_id[rows], minlength=6)
        assert counts.tolist() == [min(shots, 3)] * 6
    assert set(chosen[1, 0]) < set(chosen[2, 0]) < set(chosen[5, 0])
    assert chosen[1, 0] != chosen[1, 1]
    assert index.rows(Filters(shots=1)).tolist() == chosen[1, 0]
    nameless = replace(index, label_id=np.full(len(index), -1, np.int32))
    with pytest.raises(UsageError, match="no sample has a class"):
        nameless.rows(Filters(shots=1))
    path = recipe({"name": "signvlm", "layers": 1, "frames": 4}, data={"shots": 1})
    opened = open_training(load_recipe(path), [str(build)], tmp_path)
    with opened.train.loader() as loader:
        learned = [row for step in loader.epoch(0) for batch in step for row in batch.ids.tolist()]
    everything = index.rows(Filters(splits=("train",))).tolist()
    assert len(learned) == len(set(index.label_id[everything]))
    assert set(learned) < set(everything)


def test_zero_shot_learns_nothing_and_knows_the_names(
    build: Path, recipe: Callable[..., Path], tmp_path: Path
) -> None:
    prompts = ["a photo of the sign {label}"]
    path = recipe({"name": "clip-zero-shot", "prompts": prompts}, epochs=0)
    run = tmp_path / "run"
    train.train(load_recipe(path), [str(build)], run)
    weights = load_file(find_checkpoint(run) / "model.safetensors")
    assert set(weights) == {"scale", "class_vectors", "clip.digest"}
    assert weights["class_vectors"].shape == (6, 16)
    assert np.allclose(np.linalg.norm(weights["class_vectors"], axis=1), 1, atol=1e-5)
    found = evaluate.evaluate(run, [str(build)], "val")
    assert found == read_json(run / "results" / "val" / "metrics.json")["metrics"]
    train.train(load_recipe(path), [str(build)], run, resume=True)
    assert len(list((run / "checkpoints").glob("step-*"))) == 1

"""Several builds in one training: which clips count, and what must be the same in all of them."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_build import write_pose_build

from sign_etl.core.content import load_program

pytest.importorskip("accelerate")
import torch

from sign_etl.cli import main as cli
from sign_etl.core.errors import ConfigError
from sign_etl.schema.document import DocumentError
from sign_etl.stream.feat_view import FeatView
from sign_etl.stream.index import open_index
from sign_etl.tasks.devices import make_accelerator, restore_scaler, scaler_state
from sign_etl.tasks.islr import Islr
from sign_etl.tasks.mae_pose import MaePose
from sign_etl.tasks.mae_video import MaeVideo
from sign_etl.tasks.running import begin, save
from sign_etl.tasks.seen import check_features, other_rates
from sign_etl.tasks.setup import load_recipe, open_training
from sign_etl.tasks.slt import Slt

RECIPE = """
schema: sign-etl/training/1
name: tiny
task: {name: mae-pose}
model: {name: pose-mae, layers: 1, feedforward: 8}
data:
  view: {name: pose, layout: spoter-54, source_layout: spoter-54}
batch: {samples: 4, micro_batches: 2}
epochs: 1
trackers: []
"""
NAMES = {"task.name": "islr", "model": "{name: spoter, encoder_layers: 1, decoder_layers: 1}"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe; 8 clips with classes, and 6 of sentences, which have none."""
    folder = tmp_path_factory.mktemp("together")
    (folder / "tiny.yaml").write_text(RECIPE)
    write_pose_build(folder / "signs", [5] * 8, splits=("train", "val"), name="signs")
    (folder / "sentences").mkdir()
    for split in ("train", "val"):
        with tarfile.open(folder / "sentences" / f"set-{split}-0.tar", "w") as tar:
            for number in range(3):
                points = io.BytesIO()
                np.save(points, np.ones((5, 54, 3), np.float32))
                for ext, data in (("npy", points.getvalue()), ("txt", b"good morning")):
                    entry = tarfile.TarInfo(f"{split}{number}.{ext}")
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
    assert cli.run(["index", str(folder / "sentences"), "--quiet"]) == 0
    return folder


def test_who_names_nothing_learns_from_clips_without_a_class(folder: Path) -> None:
    both = [str(folder / "signs"), str(folder / "sentences")]
    drawing = open_training(load_recipe(folder / "tiny.yaml"), both, folder / "run")
    for stream in (drawing.train, drawing.select):
        assert np.bincount(stream.index.source[stream.rows]).tolist() == [4, 3]
    names = load_recipe(folder / "tiny.yaml", [f"{key}={value}" for key, value in NAMES.items()])
    naming = open_training(names, both, folder / "run")
    assert np.bincount(naming.train.index.source[naming.train.rows]).tolist() == [4]


def test_it_is_evaluated_on_a_build_of_other_classes(folder: Path, tmp_path: Path) -> None:
    both = [str(folder / "signs"), str(folder / "sentences")]
    config, run = load_recipe(folder / "tiny.yaml"), tmp_path / "run"
    save(begin(config, both, run, resume=False, say=lambda _: None))
    found = load_program("evaluate").evaluate(run, [str(folder / "sentences")], "val")
    assert found["rmse"] > 0


def test_the_rate_follows_the_clips_of_a_step(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    rates = []
    for number, settings in enumerate(([], ["optimizer.base_batch=32"])):
        config = load_recipe(folder / "tiny.yaml", ["optimizer.lr=0.4", *settings])
        run = begin(
            config, [str(folder / "signs")], tmp_path / str(number), resume=False, say=said.append
        )
        rates.append(max(group["base_lr"] for group in run.optimizer.param_groups))
    assert rates == pytest.approx([0.4, 0.4 * 8 / 32])
    assert said == ["peak learning rate 0.1 for steps of 8 clips"]


def test_the_scale_of_losses_is_kept(folder: Path, tmp_path: Path) -> None:
    """Of fp16 on GPUs; the scaler is torch's own, here on the processor."""
    config = load_recipe(folder / "tiny.yaml")
    first, second = (make_accelerator(config, tmp_path) for _ in range(2))
    assert scaler_state(first) == {}
    first.scaler, second.scaler = (torch.amp.GradScaler("cpu", scale) for scale in (4.0, 65536.0))
    restore_scaler(second, scaler_state(first))
    assert second.scaler.get_scale() == 4.0
    restore_scaler(second, {})
    assert second.scaler.get_scale() == 4.0


def test_another_frame_rate_is_told(folder: Path) -> None:
    index = open_index([folder / "signs", folder / "sentences"])
    assert other_rates(index, 25.0) == other_rates(index, 26.0) == other_rates(index, 0.0) == ""
    assert other_rates(index, 12.5).startswith("frames a second: signs has 25, most")


def test_features_of_another_network_are_refused(folder: Path) -> None:
    index = open_index([folder / "signs"])

    def of(network: str | None) -> Any:
        sets = {} if network is None else {"clip": network, "other": "xx"}
        return replace(index, sources=(replace(index.sources[0], networks=sets),))

    learned = [{"name": "a", "features": {"clip": "b16"}}, {"name": "tars of others"}]
    check_features(FeatView("clip"), of("b16"), learned, "the run `r`")
    check_features(FeatView("clip"), of(None), learned, "the run `r`")
    check_features(FeatView("clip"), of("b32"), [{"name": "old"}], "the run `r`")
    check_features(FeatView("other"), of("b32"), learned, "the run `r`")
    with pytest.raises(ConfigError, match=r"of signs are of another network .* the run `r`"):
        check_features(FeatView("clip"), of("b32"), learned, "the run `r`")


def test_a_network_is_its_files_and_options(tmp_path: Path) -> None:
    build = write_pose_build(tmp_path / "b", [5] * 2)
    made: dict[str, Any] = {
        "backend": "clip", "version": "1", "size": 512,
        "options": {"tokens": "cls"}, "weights": {"model.safetensors": "ab" * 32},
    }  # fmt: skip
    digests = []
    for change in ({}, {"weights": {"model.safetensors": "cd" * 32}}, {"options": {}}, {}):
        manifest = json.loads((build / "manifest.json").read_text())
        manifest["features"] = {"clip": {**made, **change}}
        (build / "manifest.json").write_text(json.dumps(manifest))
        [source] = open_index([build]).sources
        digests.append(source.networks["clip"])
    assert digests[0] == digests[3]
    assert len(set(digests)) == 3


def test_a_mistyped_option_of_a_task_is_told_for_trainings(folder: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        load_recipe(folder / "tiny.yaml", ["task.joint=0.5"])
    hint = caught.value.problems[0].hint or ""
    assert hint.startswith("did you mean `joints`?")
    assert "pipeline" not in hint
    assert "train list" in hint


def test_tasks_say_what_they_are() -> None:
    """What a class says about itself is not overwritten when an instance is made."""
    nothing: Any = None
    made = [kind(nothing, nothing, nothing, 0) for kind in (Islr, Slt, MaePose, MaeVideo)]
    assert [task.half for task in made] == [True, False, True, True]
    assert [task.needs for task in made] == ["label", "text", "", ""]

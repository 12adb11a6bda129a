"""One recipe, many runs: signers held out in turn, few shots, and what their table says."""

from __future__ import annotations

import csv
import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
import yaml

pytest.importorskip("accelerate")
pytest.importorskip("transformers")

from tiny_build import write_tiny_build

from sign_etl.app.train import split_to_ask
from sign_etl.core.content import load_program
from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.schema.document import read_document
from sign_etl.schema.training import parse_training
from sign_etl.stream.index import open_index
from sign_etl.tasks.setup import learned_signers, load_recipe, open_training

evaluate, series = load_program("evaluate"), load_program("series")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 clips of 6 classes by two signers, who have three classes each, in three splits."""
    out = tmp_path_factory.mktemp("series") / "build"
    return write_tiny_build(out, clips=18, shard_clips=6, splits=("train", "val", "test"))


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    tower = {"width": 16, "layers": 1, "heads": 2, "patch": 16, "size": 32}
    sampler = {"name": "uniform", "frames": 2, "stride": 2}
    view = {"name": "clip", "sampler": sampler, "size": 32, "normalise": "clip"}
    values = {
        "schema": "sign-etl/training/1",
        "name": "tiny",
        "task": {"name": "islr"},
        "model": {"name": "signvlm", "random_clip": tower, "layers": 1, "frames": 2},
        "data": {"view": view},
        "batch": {"samples": 2, "epoch_samples": 4},
        "epochs": 1,
        "trackers": [],
    }
    path.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def out(build: Path, recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both signers held out in turn, one clip of each class to learn from."""
    folder = tmp_path_factory.mktemp("runs") / "series"
    arguments = [str(recipe), "--data", str(build), "--out", str(folder), "--hold-out"]
    assert series.main([*arguments, "--shots", "1"]) == 0
    return folder


def written(out: Path) -> dict[str, dict[str, str]]:
    with (out / "results.csv").open(encoding="utf-8", newline="") as file:
        return {row["run"]: row for row in csv.DictReader(file)}


def stamps(out: Path) -> Iterator[tuple[Path, int]]:
    for path in sorted(out.glob("*/results/*/metrics.json")):
        yield path, path.stat().st_mtime_ns


def test_whom_training_never_sees(build: Path, recipe: Path, tmp_path: Path) -> None:
    index = open_index([build])
    signers = np.array(index.column("signer").to_pylist())
    config = load_recipe(recipe, ["data.held_out=s0"])
    assert config.data.held_out == ("s0",)
    opened = open_training(config, [str(build)], tmp_path)
    splits = np.array(index.column("split").to_pylist())
    for stream, split in ((opened.train, "train"), (opened.select, "val")):
        expected = np.flatnonzero((signers == "s1") & (splits == split))
        assert stream.rows.tolist() == expected.tolist()
    assert opened.gallery.rows.tolist() == opened.train.rows.tolist()
    assert opened.facts["learned_clips"] == 3
    with pytest.raises(ConfigError, match="no signer `s7`") as caught:
        learned_signers(load_recipe(recipe, ["data.held_out=[s0, s7]"]), index)
    assert "s0" in (caught.value.hint or "")
    with pytest.raises(ConfigError, match="nobody to learn from"):
        learned_signers(load_recipe(recipe, ["data.held_out=s0,s1"]), index)


def test_each_is_judged_on_all_clips_of_whom_it_never_saw(build: Path, out: Path) -> None:
    runs = written(out)
    assert sorted(runs) == ["without-s0-shots-1-seed-0", "without-s1-shots-1-seed-0"]
    index = open_index([build])
    assert {split_to_ask(out / run) for run in runs} == {"held-out"}
    for signer, row in zip(("s0", "s1"), runs.values(), strict=True):
        assert (row["held_out"], row["split"], row["clips"]) == (signer, "held-out", "9")
        card = (out / row["run"] / "README.md").read_text(encoding="utf-8")
        learned = f"train, at most 1 of each class, drawn by seed 0, without the signers {signer}"
        assert f"Learned from: {learned} ({row['learned_clips']} clip" in card
        assert "## Results on `held-out`, 9 clips" in card
        assert " of them frozen |" in card
        assert "$ sign-etl evaluate again --data BUILD --split held-out" in card
    assert len(index) == 18


def test_the_table_has_mean_and_deviation(out: Path) -> None:
    values = [float(row["loss"]) for row in written(out).values()]
    assert len(set(values)) == 2
    lines = series.results(out, "test")
    summary = series.summary([{**line, "top5": line["loss"]} for line in lines])
    [told] = [row for row in summary if row["metric"] == "top5"]
    assert (told["shots"], told["runs"]) == (1, 2)
    assert told["mean"] == pytest.approx(fmean(values))
    assert told["standard deviation"] == pytest.approx(stdev(values))
    assert (told["least"], told["greatest"]) == (min(values), max(values))
    # What was judged on other clips, or learned by another recipe, has a mean of its own.
    other = [{**lines[0], "split": "test"}, {**lines[0], "recipe": "huge"}]
    apart = series.summary([*lines, *other])
    assert [(row["metric"], row["runs"]) for row in apart if row["metric"].startswith("top1 ")] == [
        ("top1 of huge on held-out", 1),
        ("top1 of tiny on held-out", 2),
        ("top1 of tiny on test", 1),
    ]
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "# tiny, 2 runs" in card
    top1 = fmean(float(row["top1"]) for row in written(out).values())
    assert f"| 1 | 2 | top1 | {100 * top1:.1f} |" in card


def test_what_is_done_is_not_done_again(
    build: Path, recipe: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = dict(stamps(out))
    again = [str(recipe), "--data", str(build), "--out", str(out), "--hold-out", "s0"]
    assert series.main([*again, "--shots", "1", "0"]) == 0
    after = dict(stamps(out))
    assert before.items() <= after.items()
    assert (out / "shots.png").is_file()
    rows = series.summary(series.results(out, "test"))
    assert [row["shots"] for row in rows if row["metric"] == "top1"] == [1, 0]
    assert next(row for row in rows if row["shots"] == 0)["standard deviation"] is None
    assert "| all | 1 | top1 |" in (out / "README.md").read_text(encoding="utf-8")
    # Of several builds: those of all inner folders.
    assert series.main(["--out", str(out.parent), "--table"]) == 0
    assert set(written(out.parent)) == {f"{out.name}/{name}" for name in written(out)}
    capsys.readouterr()
    assert series.main([*again, "--shots", "1", "--set", "optimizer.lr=0.5"]) == 1
    assert "other settings" in capsys.readouterr().err
    other = write_tiny_build(tmp_path / "other", clips=12, splits=("train", "val", "test"))
    again[2] = str(other)
    assert series.main([*again, "--shots", "1"]) == 1
    assert "other data" in capsys.readouterr().err


def test_a_recipe_may_hold_somebody_out_itself(build: Path, recipe: Path, tmp_path: Path) -> None:
    values = yaml.safe_load(recipe.read_text(encoding="utf-8"))
    values["data"]["held_out"] = ["s1"]
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    assert series.main([str(mine), "--data", str(build), "--out", str(tmp_path / "out")]) == 0
    [row] = written(tmp_path / "out").values()
    assert (row["run"], row["split"], row["clips"]) == ("shots-all-seed-0", "held-out", "9")


def test_nobody_was_held_out(build: Path, recipe: Path, tmp_path: Path) -> None:
    config, index = load_recipe(recipe), open_index([build])
    task = open_training(config, [str(build)], tmp_path).task
    with pytest.raises(UsageError, match="held no signer out"):
        evaluate.asked_for(config, index, "held-out", task)
    assert evaluate.asked_for(config, index, "val", task).splits == ("val",)
    without = load_recipe(recipe, ["data.held_out=s0"])
    with pytest.raises(UsageError, match="no split `dev`") as caught:
        evaluate.asked_for(without, index, "dev", task)
    assert caught.value.hint == "--split held-out asks for s0"
    for number in ("002", "[002]"):
        with pytest.raises(ConfigError, match="in quotes where they are digits"):
            load_recipe(recipe, [f"data.held_out={number}"])


def test_what_cannot_be_begun(build: Path, tmp_path: Path) -> None:
    assert series.main(["--out", str(tmp_path)]) == 2
    assert series.main(["--out", str(tmp_path), "--table"]) == 2
    assert series.main(["signvlm/lsa6", "--data", str(build), "--out", str(tmp_path)]) == 2
    asked = Namespace(hold_out=[], data=[str(build)], shots=[0], seeds=[0])
    assert [job.held_out for job in series.jobs(asked)] == [("s0",), ("s1",)]
    asked.hold_out = ["b+a", "c"]
    assert [job.held_out for job in series.jobs(asked)] == [("a", "b"), ("c",)]
    asked.hold_out = None
    assert [job.held_out for job in series.jobs(asked)] == [()]
    job = series.Job(("010a", "010b"), 5, 2)
    assert job.name == "without-010a+010b-shots-5-seed-2"
    assert json.loads(job.settings[-1].partition("=")[2]) == ["010a", "010b"]


PUBLISHED: dict[str, tuple[int, float, int]] = {
    "autsl": (24, 4, 30),
    "karsl100": (16, 16, 30),
    "karsl190": (24, 4, 30),
    "karsl502": (24, 8, 30),
    "lsa64": (32, 4, 60),
    "wlasl100": (24, 4, 25),
}
"""Frames, their distance, and the rate of the videos in which it was meant."""


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_the_recipes_are_the_published_ones(name: str) -> None:
    from sign_etl.core.content import content_dir

    config = parse_training(read_document(content_dir("training") / "signvlm" / f"{name}.yaml"))
    built = "karsl" if name == "karsl502" else name
    pipeline = read_document(content_dir("pipelines") / f"{built}.yaml").values
    frames, apart, rate = PUBLISHED[name]
    view: dict[str, Any] = config.data.view.options
    assert (view["sampler"]["frames"], config.model.options["frames"]) == (frames, frames)
    assert view["sampler"]["stride"] * rate == apart * pipeline["normalise"]["fps"]
    assert (view["normalise"], view["crops"], view["size"]) == ("clip", 3, 224)
    assert config.epochs * config.batch.epoch_samples == 10_000 * config.batch.samples
    assert config.batch.epoch_samples == 2_500 * config.batch.samples
    moving = config.optimizer
    assert (moving.name, moving.lr, moving.weight_decay) == ("adamw", 4e-5, 0.05)
    assert (moving.warmup, moving.min_lr, moving.clip_norm) == (0, 0, 0)
    assert config.data.held_out == (("001",) if name == "lsa64" else ())

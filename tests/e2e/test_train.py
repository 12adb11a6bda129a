"""Training as a process: killed, stopped and gone on with, it ends with the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from process import halted, is_sent, kill_group, sign_etl, start, wait_for
from tiny_build import write_tiny_build

from sign_etl.core.content import load_program
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.core.seams import VARIABLE

pytest.importorskip("accelerate")
from safetensors.numpy import load_file

from sign_etl.tasks.run_folder import claim_run
from sign_etl.tasks.setup import load_recipe

pytestmark = pytest.mark.slow

ENV = {"OMP_NUM_THREADS": "1"}
EPOCHS = 7
RECIPE = f"""
schema: sign-etl/training/1
name: tiny
task: {{name: islr, label_smoothing: 0.1}}
model:
  name: spoter
  encoder_layers: 1
  decoder_layers: 1
  feedforward: 16
data:
  view:
    name: pose
    layout: spoter-54
    transforms:
      - name: spoter-normalise
      - {{name: temporal, method: random_subset, frames: 8}}
  augment:
    - name: spoter-augment
  noise: 0.01
batch: {{samples: 3, micro_batches: 2}}
checkpoint: {{every_steps: 1, keep: 3}}
epochs: {EPOCHS}
ema: 0.9
log_steps: 1
trackers: [tensorboard]
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """18 clips of 6 classes, half of them for validation."""
    out = tmp_path_factory.mktemp("train") / "build"
    return write_tiny_build(out, clips=18, shard_clips=6, keep_video=False)


@pytest.fixture(scope="module")
def recipe(build: Path) -> Path:
    path = build.parent / "tiny.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def whole(build: Path, recipe: Path) -> Path:
    """A run that nobody disturbed."""
    out = build.parent / "whole"
    sign_etl("train", recipe, "--data", build, "--out", out, env=ENV)
    return out


def steps(run: Path) -> list[int]:
    """Steps of the whole checkpoints."""
    return sorted(
        int(path.parent.name.removeprefix("step-"))
        for path in (run / "checkpoints").glob("step-*/COMMITTED")
    )


def held(*arguments: str | Path) -> tuple[subprocess.Popen[str], int]:
    """A run whose program stands still while it writes its third checkpoint, and its process id."""
    process = start(*arguments, env=ENV | {VARIABLE: "files.after-rename@*/COMMITTED#3:halt"})

    def standing() -> list[int]:
        children = psutil.Process(process.pid).children()
        return [child.pid for child in children if halted(child.pid)]

    wait_for(lambda: bool(standing()), process, 900)
    [program] = standing()
    return process, program


def test_killed_and_stopped_it_ends_with_the_same_bytes(
    build: Path, recipe: Path, whole: Path
) -> None:
    run = build.parent / "killed"
    arguments = ("train", recipe, "--data", build, "--out", run, "--resume")
    end = steps(whole)[-1]

    process, _ = held(*arguments)
    kill_group(process)
    killed_at = steps(run)[-1]
    assert killed_at == 2 < end - 2

    process, program = held(*arguments)
    os.kill(process.pid, signal.SIGTERM)
    wait_for(lambda: is_sent(program, signal.SIGTERM), process, 900)  # it is handed on
    os.kill(program, signal.SIGCONT)
    said = process.communicate(timeout=1100)[0]
    assert process.returncode == 75, said
    assert f"going on after {killed_at} steps" in said
    assert "run the same command with --resume" in said
    assert killed_at + 2 < steps(run)[-1] < end

    sign_etl(*arguments, env=ENV)
    assert steps(run) == steps(whole)
    for step in steps(whole):
        for name in ("model.safetensors", "ema.safetensors", "cursor.json", "config.yaml"):
            mine, other = (at / "checkpoints" / f"step-{step:08d}" / name for at in (run, whole))
            assert mine.read_bytes() == other.read_bytes(), f"{step} {name}"
    for name in ("metrics.jsonl", "build.json", "README.md", "results/val/metrics.json"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name


def test_the_run_folder_tells_everything(build: Path, whole: Path) -> None:
    config = yaml.safe_load((whole / "config.yaml").read_text())
    assert config["optimizer"]["name"] == "adamw"  # defaults stand in it too
    records = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    losses = [r["metrics"]["loss"] for r in records if r["kind"] == "train"]
    assert len(losses) == steps(whole)[-1]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
    assert {"top1", "top1_class", "top5"} <= set(records[-1]["metrics"])
    assert (whole / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list(whole.glob("logs/tiny/events.out.tfevents.*"))
    card = (whole / "README.md").read_text()
    assert "CC0-1.0" in card
    assert "spoter-normalise" in card


def test_a_run_is_not_overwritten_and_not_mixed(whole: Path) -> None:
    facts = json.loads((whole / "build.json").read_text())
    config = load_recipe(whole / "config.yaml")
    claim_run(config, facts, whole, resume=True)
    with pytest.raises(UsageError, match="holds a run already"):
        claim_run(config, facts, whole, resume=False)
    with pytest.raises(VerifyError, match="begun with other settings"):
        claim_run(load_recipe(whole / "config.yaml", ["epochs=3"]), facts, whole, resume=True)
    with pytest.raises(VerifyError, match="begun with other data"):
        claim_run(config, facts | {"dataset_hash": "0"}, whole, resume=True)


def test_a_run_is_evaluated(build: Path, whole: Path) -> None:
    done = sign_etl(
        "evaluate", whole, "--data", build, "--split", "train", "--json", env=ENV
    )  # fmt: skip
    reply = json.loads(done.stdout)["data"]
    assert (reply["clips"], reply["damaged"]) == (9, 0)
    assert 0 <= reply["metrics"]["top1"] <= 1
    folder = Path(reply["folder"])
    assert (folder / "confusion.png").is_file()
    assert (folder / "confusion.csv").read_text().startswith("true,predicted,clips\n")
    assert "## Results on `train`, 9 clips" in (whole / "README.md").read_text()


def test_two_processes_learn_what_one_does(build: Path, recipe: Path, whole: Path) -> None:
    run = build.parent / "two"
    fewer = ("--set", "trackers=[]", "--set", "checkpoint.every_steps=0", "--nproc", "2")
    sign_etl("train", recipe, "--data", build, "--out", run, *fewer, env=ENV)
    mine, other = (
        [json.loads(line) for line in (at / "metrics.jsonl").open()] for at in (run, whole)
    )
    assert [(r["kind"], r["step"]) for r in mine] == [(r["kind"], r["step"]) for r in other]
    losses = [[r["metrics"]["loss"] for r in records] for records in (mine, other)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


def test_a_run_in_bf16_that_gets_no_better_ends_early(
    build: Path, recipe: Path, whole: Path
) -> None:
    """At this rate no weight moves, so the second look at `val` is the first without progress."""
    run = build.parent / "early"
    settings = ["precision=bf16", "select.patience=1", "optimizer.lr=1e-12", "trackers=[]"]
    load_program("train").train(load_recipe(recipe, settings), [str(build)], run)
    kinds = [json.loads(line)["kind"] for line in (run / "metrics.jsonl").open()]
    assert kinds.count("val") == 2
    assert kinds.count("train") == 2 * steps(whole)[-1] / EPOCHS
    assert (run / "README.md").is_file()


SHARDED = """
import contextlib
import sys
from pathlib import Path

from sign_etl.core.content import load_program

from sign_etl.app.stopping import StopRequest
from sign_etl.core.errors import Stopped
from sign_etl.tasks.setup import load_recipe

class Fourth(StopRequest):
    looks = 0

    def is_set(self):
        self.looks += 1
        return self.looks == 4

recipe, build, run = sys.argv[1:]
config = load_recipe(Path(recipe), ["parallel=fsdp", "ema=0", "trackers=[]"])
train = load_program("train").train
for resume in (False, True):
    with contextlib.suppress(Stopped):
        train(config, [build], Path(run), resume=resume, stop=Fourth())
"""
"""Two processes that keep a part of the weights each: stopped at step 4, and again at step 8."""


def test_processes_that_share_the_weights_learn_what_one_does(
    build: Path, recipe: Path, whole: Path, tmp_path: Path
) -> None:
    program, run = tmp_path / "sharded.py", build.parent / "sharded"
    program.write_text(SHARDED)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = subprocess.run(
        [sys.executable, *launcher, program, recipe, build, run],
        env={**os.environ, **ENV, "PYTHONPATH": str(Path(__file__).parents[1] / "support")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert steps(run)[-1] == 8
    losses = []
    for folder in (run, whole):
        records = [json.loads(line) for line in (folder / "metrics.jsonl").open()]
        losses.append([r["metrics"]["loss"] for r in records if r["kind"] == "train"][:8])
    assert len(losses[0]) == 8
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)
    mine, other = (
        load_file(next(folder.glob("checkpoints/*/model.safetensors"))) for folder in (run, whole)
    )
    assert {n: w.shape for n, w in mine.items()} == {n: w.shape for n, w in other.items()}


@pytest.mark.ray
@pytest.mark.timeout(1800)
def test_workers_of_a_cluster_learn_what_one_process_does(
    build: Path, recipe: Path, whole: Path
) -> None:
    pytest.importorskip("ray")
    run = build.parent / "cluster"
    fewer = ("--set", "trackers=[]", "--set", "checkpoint.every_steps=0")
    cluster = ("--nproc", "2", "--ray-address", "local")
    process = start("train", recipe, "--data", build, "--out", run, *fewer, *cluster, env=ENV)
    said = process.communicate(timeout=1700)[0]
    assert process.returncode == 0, said
    last = f"checkpoints/step-{steps(whole)[-1]:08d}/model.safetensors"
    mine, other = (load_file(at / last) for at in (run, whole))
    assert mine.keys() == other.keys()
    for name, weights in other.items():
        np.testing.assert_allclose(mine[name], weights, atol=1e-4, err_msg=name)


def test_a_cluster_overwrites_no_run(
    build: Path, recipe: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = load_program("on_ray")
    arguments = (recipe, "--data", build, "--out", whole, "--address", "local")
    assert program.main([*map(str, arguments)]) == 2
    assert "holds a run already" in capsys.readouterr().err

"""Uni-Sign from real clips to sentences: a small language model learns eight of them by heart."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml
from process import sign_etl
from weights import blazepose_weights

from sign_etl.core.content import load_program

pytest.importorskip("accelerate")
pytest.importorskip("transformers")

import torch
from tiny_mt5 import write_tiny_mt5

from sign_etl.app.stopping import StopRequest
from sign_etl.core.errors import Stopped
from sign_etl.tasks.setup import load_recipe

pytestmark = [pytest.mark.slow, pytest.mark.weights, pytest.mark.shared_data]

SENTENCES = (
    "sì, domani piove a Roma",
    "il treno parte alle otto",
    "è una città molto grande",
    "la nuova legge è passata",
    "niente scuola per la neve",
    "il mare è calmo oggi",
    "arriva il presidente",
    "fine del telegiornale",
)
ENV = {"OMP_NUM_THREADS": "1"}
EPOCHS, SAVED = 180, 30
"""Of stage 1, an optimizer step each, and between two checkpoints."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, shared_data: Path) -> Path:
    """A build of eight clips with keypoints of BlazePose, and the language model's folder."""
    blazepose_weights()
    root = tmp_path_factory.mktemp("unisign")
    clips = sorted((shared_data / "svk-clips").glob("*-front.mp4"))[: len(SENTENCES)]
    rows = [
        {
            "id": f"{split}-{clip.stem}",
            "file": clip.name,
            "text": text,
            "gloss": text.upper(),
            "label": text.split()[-1],
            "split": split,
        }
        for split in ("train", "val")
        for clip, text in zip(clips, SENTENCES, strict=True)
    ]
    with (root / "clips.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    sign_etl(
        *("ingest", "folder", "--media", shared_data / "svk-clips"),
        *("--annotations", root / "clips.csv", "--out", root / "build"),
        *("--set", "normalise.fps=4", "--set", "pack.keep_video=false"),
    )
    prompt = "Translate sign language video to Italian: "
    write_tiny_mt5(root / "mt5", [*SENTENCES, *map(str.upper, SENTENCES), prompt], width=64)
    return root


def recipe(world: Path, name: str, **task: object) -> Path:
    """The published recipe, small: everything but sizes and the number of epochs as it stands."""
    base = yaml.safe_load(
        (Path(__file__).parents[2] / "training/unisign" / f"{name}.yaml").read_text()
    )
    base["task"] |= {"language": "Italian", "unit": "word", "max_new_tokens": 40, **task}
    base["model"] |= {"language_model": str(world / "mt5"), "graph_width": 32}
    base["data"]["workers"] = 0
    base["batch"] = {"samples": 8, "micro_batches": 1}
    base["optimizer"] |= {"lr": 3e-3}
    base |= {
        "epochs": EPOCHS,
        "precision": "fp32",
        "trackers": [],
        "checkpoint": {"every_epochs": SAVED, "keep": EPOCHS // SAVED},
        "select": {"every_epochs": EPOCHS},
    }
    path = world / f"{name}.yaml"
    path.write_text(yaml.safe_dump(base, allow_unicode=True), encoding="utf-8")
    return path


def results(run: Path) -> dict[str, float]:
    found = json.loads((run / "results" / "val" / "metrics.json").read_text())
    metrics: dict[str, float] = found["metrics"]
    return metrics


def steps(run: Path) -> list[int]:
    """Steps of the whole checkpoints."""
    return sorted(
        int(path.parent.name.removeprefix("step-"))
        for path in (run / "checkpoints").glob("step-*/COMMITTED")
    )


@pytest.fixture(scope="module")
def whole(world: Path) -> Path:
    """Stage 1, in one go."""
    out = world / "whole"
    settings = recipe(world, "stage1")
    sign_etl("train", settings, "--data", world / "build", "--out", out, env=ENV)
    return out


def test_eight_sentences_by_heart(whole: Path) -> None:
    found = results(whole)
    assert found["exact"] == 1.0
    assert found["bleu4"] == pytest.approx(100)
    assert found["wer"] == 0
    with (whole / "results" / "val" / "predictions.csv").open(encoding="utf-8") as file:
        said = list(csv.DictReader(file))
    assert len(said) == len(SENTENCES)
    assert all(row["prediction"] == row["reference"] for row in said)
    again = sign_etl("evaluate", whole, "--data", whole.parent / "build", "--split", "val", env=ENV)
    assert "tok:13a" in again.stdout


class After(StopRequest):
    """Asks for the end before the step of this number."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def is_set(self) -> bool:
        self.left -= 1
        return self.left <= 0


def test_a_stopped_run_goes_on_exactly(world: Path, whole: Path) -> None:
    """The beginning is enough: each step follows from the one before."""
    torch.set_num_threads(1)
    program, stopped = load_program("train"), world / "stopped"
    config, data = load_recipe(recipe(world, "stage1")), [str(world / "build")]
    for more, done in ((SAVED - 10, SAVED - 10), (15, SAVED + 5)):
        with pytest.raises(Stopped):
            program.train(config, data, stopped, resume=True, stop=After(more))
        assert steps(stopped)[-1] == done
    for name in ("model.safetensors", "cursor.json"):
        mine, other = (run / "checkpoints" / f"step-{SAVED:08d}" / name for run in (whole, stopped))
        assert mine.read_bytes() == other.read_bytes(), name


@pytest.mark.parametrize(
    ("name", "metric", "best", "epochs"),
    [("isolated", "top1", 1.0, 160), ("continuous", "wer", 0.0, 120)],
)
def test_stage_3_begins_with_these_weights(
    world: Path, whole: Path, name: str, metric: str, best: float, epochs: int
) -> None:
    """Other targets."""
    program = load_program("train")
    run = world / name
    settings = (f"init.run={whole}", f"epochs={epochs}", f"select.every_epochs={epochs}")
    words = [word for setting in settings for word in ("--set", setting)]
    paths = map(str, (recipe(world, name), "--data", world / "build", "--out", run))
    assert program.main([*paths, *words]) == 0
    assert results(run)[metric] == pytest.approx(best)

"""Uni-Sign from real clips to sentences: a small language model learns eight of them by heart."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path

import pytest
import yaml
from process import sign_etl, start, wait_for
from weights import blazepose_weights

pytest.importorskip("accelerate")
pytest.importorskip("transformers")

from tiny_mt5 import write_tiny_mt5

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
        *("--set", "normalise.fps=6", "--set", "pack.keep_video=false"),
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
        "epochs": 180,
        "precision": "fp32",
        "trackers": [],
        "checkpoint": {"every_epochs": 60, "keep": 3},
        "select": {"every_epochs": 180},
    }
    path = world / f"{name}.yaml"
    path.write_text(yaml.safe_dump(base, allow_unicode=True), encoding="utf-8")
    return path


def results(run: Path) -> dict[str, float]:
    found = json.loads((run / "results" / "val" / "metrics.json").read_text())
    metrics: dict[str, float] = found["metrics"]
    return metrics


def test_eight_sentences_by_heart_and_resumed_exactly(world: Path) -> None:
    """Stage 1, stopped in the middle and gone on with: the same weights as in one go."""
    settings = recipe(world, "stage1")
    whole = world / "whole"
    sign_etl("train", settings, "--data", world / "build", "--out", whole, env=ENV)
    found = results(whole)
    assert found["exact"] == 1.0
    assert found["bleu4"] == pytest.approx(100)
    assert found["wer"] == 0
    with (whole / "results" / "val" / "predictions.csv").open(encoding="utf-8") as file:
        said = list(csv.DictReader(file))
    assert len(said) == len(SENTENCES)
    assert all(row["prediction"] == row["reference"] for row in said)
    assert "tok:13a" in (whole / "results" / "val" / "signature.json").read_text()

    stopped = world / "stopped"
    arguments = ("train", settings, "--data", world / "build", "--out", stopped, "--resume")
    process = start(*arguments, env=ENV)
    wait_for(
        lambda: (
            (stopped / "metrics.jsonl").exists()
            and len((stopped / "metrics.jsonl").read_text().splitlines()) > 2
        ),
        process,
        120,
    )
    os.kill(process.pid, signal.SIGTERM)
    said_last = process.communicate(timeout=120)[0]
    assert process.returncode == 75, said_last
    sign_etl(*arguments, env=ENV)
    last = sorted((whole / "checkpoints").glob("step-*"))[-1].name
    for name in ("model.safetensors", "cursor.json"):
        mine, other = (run / "checkpoints" / last / name for run in (whole, stopped))
        assert mine.read_bytes() == other.read_bytes(), name

    # Stage 3 begins with these weights: other targets, learned in fewer steps.
    for name, metric, best in (("isolated", "top1", 1.0), ("continuous", "wer", 0.0)):
        run = world / name
        sign_etl(
            *("train", recipe(world, name), "--data", world / "build", "--out", run),
            *(
                "--set",
                f"init.run={whole}",
                "--set",
                "epochs=100",
                "--set",
                "select.every_epochs=100",
            ),
            env=ENV,
        )
        assert results(run)[metric] == pytest.approx(best), name

"""Results over several seeds: what may be compared, and what the card tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.tasks.card import write_card
from sign_etl.tasks.evaluation import write_results
from sign_etl.tasks.spread import write_spread


def run(folder: Path, seed: int, top1: float, **settings: Any) -> Path:
    """A run folder as far as its card reads it."""
    config = {
        "name": folder.name,
        "description": "words",
        "seed": seed,
        "task": {"name": "islr"},
        "model": {"name": "signvlm", "clip": "openai/clip-vit-base-patch16"},
        "data": {"view": {"name": "clip"}, "train": ["train"], "select": "val", "left_out": []},
        "epochs": 3,
        **settings,
    }
    source = {"name": "b", "dataset": "d", "digest": "0" * 64, "licence": "CC0", "language": "svk"}
    build = {
        "dataset_hash": "aa",
        "sources": [source],
        "labels": ["a", "b"],
        "parameters": 5,
        "sign_etl": "1",
        "torch": "2",
    }
    results = folder / "results" / "test"
    results.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "build.json").write_text(json.dumps(build))
    found = {"split": "test", "clips": 9, "metrics": {"top1": top1, "loss": 1.0}}
    (results / "metrics.json").write_text(json.dumps(found))
    return folder


def test_three_seeds_are_told_with_their_spread(tmp_path: Path) -> None:
    runs = [run(tmp_path / f"s{n}", n, top1) for n, top1 in enumerate((0.5, 0.9, 0.7))]
    found = write_spread(runs[0], runs[1:], "test")
    assert found["seeds"] == [0, 1, 2]
    assert found["metrics"]["top1"] == {
        "mean": pytest.approx(0.7),
        "deviation": pytest.approx(0.2),
        "least": 0.5,
        "greatest": 0.9,
    }
    write_card(runs[0])
    card = (runs[0] / "README.md").read_text(encoding="utf-8")
    assert "mean ± deviation (least to greatest) of seeds 0, 1, 2" in card
    assert "| top1 | 50.0 % | - | 70.0 ± 20.0 (50.0 to 90.0) % |" in card
    write_card(runs[1])
    assert "| top1 | 90.0 % | - | clips" in (runs[1] / "README.md").read_text(encoding="utf-8")


def test_other_runs_are_no_seeds(tmp_path: Path) -> None:
    first = run(tmp_path / "first", 0, 0.5)
    longer = run(tmp_path / "longer", 1, 0.5, epochs=9)
    with pytest.raises(ConfigError, match="longer differs from first in epochs"):
        write_spread(first, [longer], "test")
    with pytest.raises(UsageError, match="named twice"):
        write_spread(first, [tmp_path / "x" / ".." / "first"], "test")
    with pytest.raises(UsageError, match="same seed"):
        write_spread(first, [run(tmp_path / "same", 0, 0.4)], "test")
    with pytest.raises(UsageError, match="no results on `val`"):
        write_spread(first, [run(tmp_path / "other", 2, 0.4)], "val")
    strange = run(tmp_path / "strange", 3, 0.4)
    (strange / "build.json").write_text(json.dumps({"dataset_hash": "bb"}))
    with pytest.raises(ConfigError, match="in its data"):
        write_spread(first, [strange], "test")
    fewer = run(tmp_path / "fewer", 4, 0.4)
    found = {"split": "test", "clips": 8, "metrics": {"top1": 0.4}}
    (fewer / "results" / "test" / "metrics.json").write_text(json.dumps(found))
    with pytest.raises(ConfigError, match="evaluated on other clips of `test`"):
        write_spread(first, [fewer], "test")


def test_a_new_evaluation_ends_the_comparison(tmp_path: Path) -> None:
    """What the mean is of must be what stands beside it."""

    class Blank:
        def draw(self, rows: Any, folder: Path) -> None:
            """Draws nothing."""

    runs = [run(tmp_path / f"s{n}", n, 0.5) for n in range(2)]
    write_spread(runs[0], runs[1:], "test")
    task: Any = Blank()
    write_results(runs[0], "test", task, {"top1": 0.25}, {"id": np.arange(4)})
    write_card(runs[0])
    card = (runs[0] / "README.md").read_text(encoding="utf-8")
    assert "| top1 | 25.0 % | 4.6 to 69.9 % | clips" in card
    assert "of seeds" not in card

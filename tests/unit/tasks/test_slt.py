"""Signs to text: clips with nothing to be written, and the table of what was written."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

pytest.importorskip("accelerate")
pytest.importorskip("transformers")

from tiny_build import write_tiny_build

from sign_etl.app.train import checked
from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.stream.base import Batch, Filters
from sign_etl.tasks.setup import Opened, load_recipe, open_training
from sign_etl.tasks.slt import LONGEST_KEY, Slt, as_code_points

POSE = {"layout": "unisign-69", "transforms": [{"name": "unisign-normalise"}]}


def opened(folder: Path, target: str) -> Opened:
    recipe = {
        "schema": "sign-etl/training/1",
        "name": "tiny",
        "task": {"name": "slt", "target": target, "max_new_tokens": 4, "beams": 1},
        "model": {"name": "unisign", "language_model": "random", "graph_width": 8},
        "data": {"view": {"name": "pose", **POSE}},
        "batch": {"samples": 4},
    }
    path = folder / f"{target}.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return open_training(load_recipe(path), [str(folder / "build")], folder / "run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of six clips, three to learn; they have labels and glosses, and no sentences."""
    made = tmp_path_factory.mktemp("slt")
    write_tiny_build(made / "build", clips=6, keep_video=False)
    return made


@pytest.fixture(scope="module")
def glosses(folder: Path) -> Opened:
    return opened(folder, "gloss")


def first_step(found: Opened) -> list[Batch]:
    with found.train.loader() as loader:
        return list(next(iter(loader.epoch(0))))


def test_a_build_without_what_is_to_be_written_is_told_at_once(folder: Path) -> None:
    with pytest.raises(UsageError, match="no sample has a text"):
        opened(folder, "text")


def test_clips_without_anything_to_be_written_take_no_part(glosses: Opened) -> None:
    """Neither in a step, nor in an evaluation."""
    index = glosses.train.index
    found = list(index.column("gloss").to_pylist())
    some = [None, " ", *found[2:]]
    place = index.table.schema.get_field_index("gloss")
    less = replace(index, table=index.table.set_column(place, "gloss", pa.array(some, pa.string())))
    assert glosses.task.needs == "gloss"
    assert index.rows(Filters(filled="gloss")).tolist() == list(range(len(index)))
    assert less.rows(Filters(filled="gloss")).tolist() == list(range(2, len(index)))


def rows(said: list[str], meant: list[str], keys: list[str]) -> dict[str, Any]:
    """As an evaluation keeps them; the random language model writes bytes, three tokens before."""
    written = np.zeros((len(said), 40), np.int64)
    for number, text in enumerate(said):
        data = [byte + 3 for byte in text.encode()]
        written[number, : len(data)] = data
    return {
        "id": np.arange(len(said)),
        "written": written,
        "reference": np.stack([as_code_points(text) for text in meant]),
        "key": np.stack([as_code_points(key, LONGEST_KEY) for key in keys]),
    }


def test_what_was_written_stands_beside_what_was_meant(glosses: Opened, tmp_path: Path) -> None:
    task = glosses.task
    assert isinstance(task, Slt)
    found = rows(["ČAU SVĚTE", "DOM"], ["ČAU SVĚTE", "DŮM"], ["k-0", "k-2"])
    assert task.metrics(found)["exact"] == 0.5
    task.draw(found, tmp_path)
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [
            {"key": "k-0", "reference": "ČAU SVĚTE", "prediction": "ČAU SVĚTE"},
            {"key": "k-2", "reference": "DŮM", "prediction": "DOM"},
        ]


def test_clips_are_known_by_their_keys(glosses: Opened) -> None:
    [batch] = first_step(glosses)
    kept = glosses.task.predict(glosses.task.build().eval(), batch)
    told = ["".join(chr(point) for point in row if point) for row in kept["key"].tolist()]
    assert told == batch.key
    assert all(told)


def test_pictures_that_were_not_kept_are_missed_before_anything_is_trained(folder: Path) -> None:
    """A chain asks so of all of its stages: the second one may begin weeks later."""
    recipe = {
        "schema": "sign-etl/training/1",
        "name": "tiny",
        "task": {"name": "slt", "target": "gloss"},
        "model": {"name": "unisign", "language_model": "random", "hand_weights": "random"},
        "data": {"view": {"name": "pose", **POSE}},
    }
    path = folder / "stage.yaml"
    path.write_text(yaml.safe_dump(recipe))
    data, run = [str(folder / "build")], folder / "stage"
    assert checked(path, data, run, ["epochs=3"]).epochs == 3
    path.write_text(yaml.safe_dump({**recipe, "data": {"view": {"name": "crop", "pose": POSE}}}))
    with pytest.raises(ConfigError, match="no sample has what the views read") as caught:
        checked(path, data, run, [])
    assert "videos" in (caught.value.hint or "")
    assert not run.exists()

"""Runs that nobody has trained: a recipe, a build's facts and random weights, made in a second."""

from __future__ import annotations

from pathlib import Path

import torch
import yaml

from sign_etl.core.files import write_bytes, write_json
from sign_etl.stream.index import open_index
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks import setup

SMALL = {"name": "spoter", "encoder_layers": 1, "decoder_layers": 1, "feedforward": 16}


def write_run(folder: Path, build: Path, task: dict[str, object], **model: object) -> Path:
    """Write a run folder with one checkpoint; returns it.

    Args:
        folder: to create.
        build: of the layout `spoter-54`, or one that can become it.
        task: the task's part of the recipe.
        model: settings of SPOTER that differ from `SMALL`.
    """
    folder.mkdir(parents=True)
    recipe = folder / files.CONFIG
    values = {
        "schema": "sign-etl/training/1",
        "name": "tiny",
        "description": "Never trained",
        "task": task,
        "model": {**SMALL, **model},
        "data": {
            "view": {
                "name": "pose",
                "layout": "spoter-54",
                "transforms": [{"name": "spoter-normalise"}],
            }
        },
    }
    write_bytes(recipe, yaml.safe_dump(values, sort_keys=False).encode())
    config = setup.load_recipe(recipe)
    # As a training leaves it: with every default.
    whole = config.model_dump(mode="json", by_alias=True)
    write_bytes(recipe, yaml.safe_dump(whole, sort_keys=False).encode())
    index = open_index([build])
    opened = setup.open_task(config, index, setup.make_view(config, train=False))
    write_json(folder / files.BUILD, setup.data_facts(index, opened, config))
    torch.manual_seed(0)
    files.write_checkpoint(
        folder, 1, weights=opened.build().state_dict(), ema=None, state={}, cursor={}
    )
    return folder

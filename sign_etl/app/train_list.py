"""The training recipes that come with sign-etl, as `train list` tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.content import content_dir
from sign_etl.schema.document import read_document
from sign_etl.schema.training import TrainConfig, parse_training
from sign_etl.schema.training_chain import parse_chain
from sign_etl.schema.training_replies import RecipePart


def recipe_part(name: str) -> RecipePart:
    """A recipe by its name, FOLDER/FILE without the ending."""
    config = parse_training(read_document(content_dir("training") / f"{name}.yaml"))
    return RecipePart(
        name=name,
        task=config.task.name,
        model=config.model.name,
        description=config.description,
        build=config.build,
        view=config.data.view.name,
        keypoints=_keypoints(config.data.view.options),
        weights=tuple(_weights(config)),
        published=config.published,
    )


def _keypoints(view: Mapping[str, Any]) -> str:
    """Backend or layout that a view reads, empty where any will do."""
    nested = {**view, **dict(view.get("pose", {}))}
    steps = [str(step.get("name", "")) for step in nested.get("transforms", ())]
    implied = "unisign-69" if "unisign-normalise" in steps else ""
    return str(nested.get("backend") or nested.get("layout") or view.get("features") or implied)


def _weights(config: TrainConfig) -> Iterator[str]:
    """Names of published weights that a model begins with."""
    model = config.model.options
    if not model.get("random_clip") and "clip" in model:
        yield str(model["clip"])
    if model.get("language_model", "random") != "random":
        yield str(model["language_model"])
        if config.data.view.name == "crop":
            yield "efficientnet_b0"


def chain_part(name: str) -> RecipePart:
    """A chain of recipes, likewise; what it reads is what its last recipe reads."""
    folder = content_dir("training") / name
    chain = parse_chain(read_document(folder.with_suffix(".yaml")))
    last = recipe_part(f"{Path(name).parent.as_posix()}/{chain.stages[-1].recipe}")
    stages = tuple(stage.recipe for stage in chain.stages)
    return last.model_copy(
        update={
            "name": name,
            "description": chain.description,
            "build": chain.build,
            "stages": stages,
        }
    )

"""The training recipes that come with sign-etl, as `train list` tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.content import content_dir
from sign_etl.core.errors import ConfigError, near_miss
from sign_etl.schema.document import read_document
from sign_etl.schema.training import TrainConfig, parse_training
from sign_etl.schema.training_chain import CHAIN, parse_chain
from sign_etl.schema.training_replies import RecipePart

LIST_HINT = "list them with `sign-etl train list`"


def recipes() -> tuple[RecipePart, ...]:
    """The recipes that come with sign-etl."""
    return tuple(recipe_part(name) for name in recipe_names())


def chains() -> tuple[RecipePart, ...]:
    """The chains of recipes that come with sign-etl, told like recipes."""
    return tuple(chain_part(name) for name in chain_names())


def listed(only: str | None = None) -> tuple[RecipePart, ...]:
    """Recipes and chains, all of them or those of one system.

    Args:
        only: a system, which is the first part of their names, or one of their names.

    Raises:
        ConfigError: there is no such system; a near miss is suggested.
    """
    chained = chain_names()
    names = [*recipe_names(), *chained]
    if only is not None:
        known = [*names, *systems()]
        names = [name for name in names if only in (name, name.partition("/")[0])]
        if not names:
            hint = near_miss(only, known) or f"systems are {', '.join(systems())}"
            raise ConfigError(f"no training system or recipe `{only}`", hint=hint)
    return tuple(chain_part(name) if name in chained else recipe_part(name) for name in names)


def systems() -> list[str]:
    """The systems: folders of recipes."""
    return sorted({name.partition("/")[0] for name in (*recipe_names(), *chain_names())})


def recipe_names() -> list[str]:
    """Names of the recipes, `FOLDER/FILE` without the ending."""
    return _names(chained=False)


def chain_names() -> list[str]:
    """Names of the chains, likewise."""
    return _names(chained=True)


def _names(*, chained: bool) -> list[str]:
    folder = content_dir("training")
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix()
        for path in folder.glob("*/*.yaml")
        if (f"\nschema: {CHAIN}\n" in path.read_text(encoding="utf-8")) is chained
    )


def find_recipe(name: str) -> Path:
    """The file that a name on the command line means.

    Raises:
        ConfigError: there is none; a near miss is suggested.
    """
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"{path}: no such file", hint=LIST_HINT)
        return path
    known = recipe_names() + chain_names()
    if name in known:
        return content_dir("training") / f"{name}.yaml"
    if name in systems():
        count = sum(each.startswith(f"{name}/") for each in known)
        raise ConfigError(
            f"`{name}` is a system of {count} recipes",
            hint=f"see them with `sign-etl train list {name}`, and name one",
        )
    miss = near_miss(name, known + systems())
    raise ConfigError(
        f"unknown training recipe `{name}`", hint=f"{miss} L{LIST_HINT[1:]}" if miss else LIST_HINT
    )


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
        before=config.init.run or "",
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
    if config.data.view.name == "crop" and model.get("hand_weights") != "random":
        yield "efficientnet_b0 of ImageNet"


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
            "before": "",
        }
    )

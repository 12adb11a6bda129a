"""Several trainings by one command, each with the weights of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sign_etl.core.errors import UsageError
from sign_etl.schema.document import read_document
from sign_etl.schema.training_chain import ChainConfig, StageConfig, parse_chain

CARD = "README.md"
"""The last file that a training writes."""
OneTraining = Callable[[Path, Sequence[str], Path, Sequence[str]], int]
"""Trains by a recipe file, builds, run folder and settings; returns the exit code."""


def train_chain(
    path: Path,
    data: Sequence[str],
    out: Path,
    settings: Sequence[str],
    *,
    resume: bool,
    train_one: OneTraining,
) -> tuple[Path, int]:
    """Run the stages of a chain; returns the last run folder and its exit code.

    Args:
        path: of the chain.
        data: builds; `NAME=BUILD` for the stages that call them so, without a name for all.
        out: the stages' run folders come in here.
        settings: `a.b=value` for all stages, `STAGE.a.b=value` for one.
        resume: pass over stages that are done.
        train_one: see `OneTraining`.

    Raises:
        DocumentError: the chain is wrong.
        UsageError: a stage has no build or no recipe.
    """
    chain = parse_chain(read_document(path))
    builds = {stage.name: _builds(chain, stage, data) for stage in chain.stages}
    recipes = {stage.name: _recipe(path, stage) for stage in chain.stages}
    before: Path | None = None
    for stage in chain.stages:
        run = out / stage.name
        if not (resume and (run / CARD).is_file()):
            mine = _settings(chain, stage, settings)
            if before is not None:
                mine = [f"init.run={before}", *mine]
            code = train_one(recipes[stage.name], builds[stage.name], run, mine)
            if code:
                return run, code
        before = run
    return before or out, 0


def _builds(chain: ChainConfig, stage: StageConfig, data: Sequence[str]) -> list[str]:
    names = {each.data for each in chain.stages}
    found = []
    for word in data:
        name, equals, build = word.partition("=")
        if not (equals and name in names):
            found.append(word)
        elif name == stage.data:
            found.append(build)
    if not found:
        raise UsageError(
            f"no build for the stage `{stage.name}`", hint=f"give it: --data {stage.data}=BUILD"
        )
    return found


def _recipe(path: Path, stage: StageConfig) -> Path:
    recipe = path.parent / f"{stage.recipe}.yaml"
    if not recipe.is_file():
        raise UsageError(
            f"the stage `{stage.name}` has no recipe `{stage.recipe}`",
            hint=f"it is looked for beside {path.name}",
        )
    return recipe


def _settings(chain: ChainConfig, stage: StageConfig, settings: Sequence[str]) -> list[str]:
    names = {each.name for each in chain.stages}
    found = []
    for setting in settings:
        name, _, rest = setting.partition(".")
        if name not in names:
            found.append(setting)
        elif name == stage.name:
            found.append(rest)
    return found

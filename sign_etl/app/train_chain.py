"""Several trainings by one command, each with the weights of the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from sign_etl.core.errors import ConfigError, UsageError, VerifyError
from sign_etl.schema.document import read_document
from sign_etl.schema.training import TrainConfig, parse_training
from sign_etl.schema.training_chain import FINISHED, ChainConfig, StageConfig, parse_chain

CONFIG = "config.yaml"
"""The resolved recipe in a run folder."""
OneTraining = Callable[[Path, Sequence[str], Path, Sequence[str]], int]
"""Trains by a recipe file, builds, run folder and settings; returns the exit code."""
Check = Callable[[Path, Sequence[str], Path, Sequence[str]], TrainConfig]
"""Given the same, refuses what cannot be trained; returns the resolved recipe."""


def train_chain(
    path: Path,
    data: Sequence[str],
    out: Path,
    settings: Sequence[str],
    *,
    resume: bool,
    check: Check,
    train_one: OneTraining,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Path, int]:
    """Run the stages of a chain; returns the last run folder and its exit code.

    All stages are checked before the first one runs: the last one may begin weeks later.

    Args:
        path: of the chain.
        data: builds; `NAME=BUILD` for the stages that call them so, without a name for all.
        out: the stages' run folders come in here.
        settings: `a.b=value` for all stages, `STAGE.a.b=value` for one.
        resume: pass over stages that are done.
        check: see `Check`.
        train_one: see `OneTraining`.
        say: told which stage is on.

    Raises:
        DocumentError: the chain is wrong.
        SignEtlError: what `check` says of a stage.
        UsageError: a stage has no build or no recipe, or a setting is of none.
        VerifyError: a stage is done, with other settings.
    """
    chain = parse_chain(read_document(path))
    builds = {stage.name: _builds(chain, stage, data) for stage in chain.stages}
    recipes = {stage.name: _recipe(path, stage) for stage in chain.stages}
    asked: dict[str, list[str]] = {}
    before: Path | None = None
    for stage in chain.stages:
        run, mine = out / stage.name, _settings(chain, stage, settings)
        asked[stage.name] = [*_begin(run, before, resume=resume), *mine]
        config = check(recipes[stage.name], builds[stage.name], run, asked[stage.name])
        if _done(run, resume=resume) and not _made_as(_made_with(run / CONFIG), config):
            raise VerifyError(
                f"the stage `{stage.name}` is done, with other settings",
                hint=f"leave them as they are in {run / CONFIG}, or begin anew with another --out",
            )
        before = run
    for number, stage in enumerate(chain.stages, 1):
        run, done = out / stage.name, _done(out / stage.name, resume=resume)
        where = f"stage {number} of {len(chain.stages)}, `{stage.name}`"
        say(f"{where}: done" if done else where)
        if not done:
            code = train_one(recipes[stage.name], builds[stage.name], run, asked[stage.name])
            if code:
                return run, code
    return before or out, 0


def _done(run: Path, *, resume: bool) -> bool:
    return resume and (run / FINISHED).is_file()


def _begin(run: Path, before: Path | None, *, resume: bool) -> list[str]:
    """Where the weights of a stage come from; a begun one was told it, maybe in another place."""
    if before is None:
        return []
    begun = resume and any((run / "checkpoints").glob("*/COMMITTED"))
    made = _made_with(run / CONFIG) if begun else None
    told = made.init.run if made is not None else None
    again = told is not None and Path(told).name == before.name
    return [f"init.run={told if again else before}"]


def _made_as(made: TrainConfig | None, config: TrainConfig) -> bool:
    """Whether a run has the settings that are asked for; a new wording of a recipe is none."""
    return made is not None and made.identity() == config.identity()


def _made_with(path: Path) -> TrainConfig | None:
    """The settings of a run; None where there are none, or none that are still known."""
    try:
        return parse_training(read_document(path)) if path.is_file() else None
    except ConfigError:
        return None


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
    known = {field.alias or name for name, field in TrainConfig.model_fields.items()}
    found = []
    for setting in settings:
        name, _, rest = setting.partition(".")
        if name not in names:
            if name.partition("=")[0] not in known:
                raise UsageError(
                    f"`--set {setting}`: `{name}` is no stage, and no setting of a recipe",
                    hint=f"the stages of `{chain.name}` are {', '.join(sorted(names))}",
                )
            found.append(setting)
        elif name == stage.name:
            found.append(rest)
    return found

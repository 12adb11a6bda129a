"""Finding, checking and copying pipelines: what a name or a file on the command line means."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.core.content import content_dir
from sign_etl.core.errors import ConfigError, UsageError, near_miss
from sign_etl.core.files import atomic_open
from sign_etl.core.registry import Registry
from sign_etl.pose.base import BACKENDS
from sign_etl.recipes.base import RECIPES
from sign_etl.schema.config import checked_options, load_pipeline, parse_pipeline
from sign_etl.schema.document import (
    Document,
    DocumentError,
    Problem,
    overlaid,
    read_document,
    with_settings,
)
from sign_etl.schema.pipeline import Pipeline
from sign_etl.schema.replies import (
    CheckedPart,
    PipelinePart,
    PipelinesList,
    PipelinesShow,
    ProblemPart,
)

LIST_HINT = "list them with `sign-etl datasets list` and `sign-etl pipelines list`"


@dataclass(frozen=True, slots=True)
class Found:
    """A pipeline by name.

    Attributes:
        source: its file, or its text where it is made up for a recipe.
        origin: what messages call it.
    """

    source: Path | str
    origin: str

    @property
    def text(self) -> str:
        """The text itself."""
        return self.source if isinstance(self.source, str) else self.source.read_text("utf-8")


def find(name: str) -> Found:
    """What `name` stands for: a file, a bundled pipeline, or a data set with default choices.

    Raises:
        ConfigError: nothing of these; a near miss is suggested.
    """
    path = Path(name).expanduser()
    if path.is_dir() and (len(path.parts) > 1 or name not in {*_files(), *RECIPES.names()}):
        raise ConfigError(
            f"`{name}` is a folder and no data set",
            hint=f"videos of your own: sign-etl ingest folder --media {shlex.quote(name)}",
        )
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        return Found(path, str(path))
    files = _files()
    if name in files:
        return Found(files[name], f"pipelines/{files[name].name}")
    if name in RECIPES.names():
        text = f"name: {name}\ndataset:\n  recipe: {name}\n"
        return Found(text, f"the default pipeline of `{name}`")
    if path.is_file():
        return Found(path, name)
    miss = near_miss(name, sorted({*files, *RECIPES.names()}))
    raise ConfigError(
        f"unknown data set `{name}`", hint=f"{miss} L{LIST_HINT[1:]}" if miss else LIST_HINT
    )


def load(
    name: str, settings: Iterable[str] = (), *, dataset: Mapping[str, Any] | None = None
) -> Pipeline:
    """The pipeline that `name` stands for, checked with the options of recipe and pose backends.

    Args:
        name: see `find`.
        settings: `a.b=value`, laid over it.
        dataset: options of the recipe from the command line (`media`, `annotations`,
            `media_kind`), laid over its `dataset:`; None values are skipped.

    Raises:
        ConfigError: unknown name, or all that is wrong with the settings.
    """
    found = find(name)
    document = with_settings(read_document(found.source, origin=found.origin), settings)
    for option, value in (dataset or {}).items():
        if value is not None:
            place = f"--{option.replace('_', '-')} {value}"
            document = overlaid(document, ("dataset", option), value, place)
    return resolve(document)


def resolve(document: Document) -> Pipeline:
    """The pipeline that a document describes, its plug-ins' options checked too.

    Raises:
        ConfigError: all that is wrong.
    """
    problems: list[Problem] = []
    pipeline = None
    try:
        pipeline = parse_pipeline(document)
    except DocumentError as error:
        problems += error.problems
    problems += _recipe_problems(document)
    problems += _pose_problems(document)
    problems += _feature_problems(document)
    if pipeline is not None and pipeline.quality.backend not in (None, *pipeline.pose):
        place = document.place(("quality", "backend"))
        problems.append(
            Problem(
                f"{place}: `quality.backend` is `{pipeline.quality.backend}`, "
                "which `pose` does not run",
                near_miss(str(pipeline.quality.backend), list(pipeline.pose))
                or f"`pose` has {', '.join(pipeline.pose) or 'none'}; leave the setting out",
            )
        )
    if pipeline is None or problems:
        raise DocumentError(problems, document.origin)
    return pipeline


def bundled() -> dict[str, Pipeline]:
    """The pipelines that come with sign-etl, by name."""
    return {name: load_pipeline(path) for name, path in _files().items()}


def pipelines() -> PipelinesList:
    """The pipelines that come with sign-etl, for `pipelines list`.

    Example:
        >>> "wlasl100" in [part.name for part in pipelines().pipelines]
        True
    """
    return PipelinesList(
        pipelines=tuple(
            PipelinePart(
                name=name,
                dataset=pipeline.dataset.recipe,
                poses=tuple(pipeline.pose),
                description=pipeline.description,
            )
            for name, pipeline in bundled().items()
        )
    )


def show(name: str, settings: Iterable[str] = ()) -> PipelinesShow:
    """A pipeline with all its settings, the defaults too.

    Args:
        name: see `find`.
        settings: `key=value` overrides.

    Raises:
        ConfigError: a wrong name or setting.

    Example:
        >>> show("folder", ["normalise.fps=30"]).pipeline["normalise"]["fps"]
        30.0
    """
    return PipelinesShow(
        origin=find(name).origin,
        pipeline=load(name, settings).model_dump(mode="json", by_alias=True),
    )


def copy(name: str, out: Path | None, *, force: bool = False) -> Path:
    """Write a pipeline's file, comments included, to be edited.

    Args:
        name: see `find`.
        out: a file or a folder; default `NAME.yaml` here.
        force: replace a file.

    Raises:
        UsageError: there is a file already.

    Example:
        >>> copy("folder", Path("mine.yaml")).name
        'mine.yaml'
    """
    found = find(name)
    path = out or Path(f"{Path(name).stem}.yaml")
    if path.is_dir():
        path = path / f"{Path(name).stem}.yaml"
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="give --force to replace it")
    with atomic_open(path) as file:
        if isinstance(found.source, Path):
            with found.source.open("rb") as source:
                shutil.copyfileobj(source, file)
        else:
            file.write(found.source.encode("utf-8"))
    return path


def check(name: str) -> CheckedPart:
    """Whether a pipeline is valid, and all that is wrong with it.

    Args:
        name: see `find`.

    Example:
        >>> check("folder").valid
        True
    """
    problems: tuple[Problem, ...] = ()
    try:
        load(name)
    except DocumentError as error:
        problems = error.problems
    except ConfigError as error:
        problems = (Problem(error.message, error.hint),)
    return CheckedPart(
        file=name,
        valid=not problems,
        format="sign-etl/pipeline/1",
        problems=tuple(ProblemPart(message=one.message, hint=one.hint) for one in problems),
    )


def _files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(content_dir("pipelines").glob("*.yaml"))}


def _recipe_problems(document: Document) -> list[Problem]:
    dataset = document.values.get("dataset")
    name = dataset.get("recipe") if isinstance(dataset, dict) else None
    if not isinstance(dataset, dict) or not isinstance(name, str):
        return []  # told by the pipeline's own check
    options = {key: value for key, value in dataset.items() if key not in ("recipe", "name")}
    hint = f"see `sign-etl datasets info {name}`"
    return _plugin_problems(RECIPES, name, options, document, ("dataset",), ("recipe",), hint)


def _pose_problems(document: Document) -> list[Problem]:
    poses = document.values.get("pose")
    if isinstance(poses, tuple):
        poses = {name: {} for name in poses if isinstance(name, str)}
    problems: list[Problem] = []
    for name, options in poses.items() if isinstance(poses, dict) else ():
        if isinstance(options, dict):
            hint = f"see `sign-etl pose info {name}`"
            path = ("pose", name)
            problems += _plugin_problems(BACKENDS, name, options, document, path, (), hint)
    return problems


def _feature_problems(document: Document) -> list[Problem]:
    from sign_etl.features.base import BACKENDS as EXTRACTORS

    sets = document.values.get("features")
    if isinstance(sets, tuple):
        sets = {name: {} for name in sets if isinstance(name, str)}
    problems: list[Problem] = []
    for name, options in sets.items() if isinstance(sets, dict) else ():
        backend = options.get("backend", name) if isinstance(options, dict) else None
        if isinstance(backend, str):
            own = {key: value for key, value in options.items() if key != "backend"}
            path, inside = ("features", name), ("backend",) if "backend" in options else ()
            hint = "see `sign-etl help features`"
            problems += _plugin_problems(EXTRACTORS, backend, own, document, path, inside, hint)
        elif isinstance(options, dict):
            place = document.place(("features", name, "backend"))
            hint = "write a name that `sign-etl help features` tells"
            problems.append(Problem(f"{place}: `backend` must be a text", hint))
    return problems


def _plugin_problems(
    registry: Registry[Any],
    name: str,
    options: dict[str, Any],
    document: Document,
    path: tuple[str, ...],
    name_path: tuple[str, ...],
    hint: str,
) -> list[Problem]:
    try:
        plugin = registry.get(name)
    except ConfigError as error:
        return [Problem(f"{document.place((*path, *name_path))}: {error.message}", error.hint)]
    return checked_options(plugin.options, options, document, path, hint=hint)

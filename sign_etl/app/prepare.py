"""From a request to everything that a run needs: pipeline, recipe, plan and setup of the stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sign_etl.app.access import Access, bring, look
from sign_etl.app.pipelines import load
from sign_etl.core.canonical import digest
from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.core.places import cache_folder, default_store, weights_folder
from sign_etl.core.store import open_store
from sign_etl.pose.base import BACKENDS
from sign_etl.recipes.base import RECIPES, Recipe, RecipeOptions
from sign_etl.run.plan import Plan
from sign_etl.run.planning import make_plan
from sign_etl.schema.pipeline import Pipeline
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.stages.setup import FeatureSetup, PoseSetup, Setup


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """What to build, as the command line says it.

    Attributes:
        pipeline: name of a pipeline or data set, or a YAML file.
        out: the build folder; default `builds/NAME`.
        media: folder with files already on disk.
        annotations: the annotation file.
        media_kind: whether those files are `raw` or `trimmed`.
        limit: only the first so many clips of the canonical order.
        splits: only these splits.
        runner: `local` or `ray`.
        ray_address: of a Ray cluster; default a cluster of this machine's own.
        store: URL of the store; default in the user's cache folder.
        update: change a build that another pipeline made.
        settings: `key=value` overrides of the pipeline.
        jobs: worker slots of the local runner, CPUs of a Ray cluster of our own.
        allow_private_hosts: hosts that may have private addresses; True for all.
        accept_licence: data sets whose terms the user accepts.
        shards: only the shards with these numbers (first and last), beside other such runs.
        locked: build the bytes that a lock names, and nothing else.
        lock: that lock; default the build's own, or the one beside the pipeline.
    """

    pipeline: str
    out: Path | None = None
    media: Path | None = None
    annotations: Path | None = None
    media_kind: str | None = None
    limit: int | None = None
    splits: tuple[str, ...] = ()
    runner: str = "local"
    ray_address: str | None = None
    store: str | None = None
    update: bool = False
    settings: tuple[str, ...] = ()
    jobs: int | None = None
    allow_private_hosts: tuple[str, ...] | bool = False
    accept_licence: tuple[str, ...] = ()
    shards: tuple[int, int] | None = None
    locked: bool = False
    lock: Path | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request, resolved.

    Attributes:
        pipeline: the choices.
        recipe: the data set.
        options: its options.
        setup: what the stages need.
        plan: every requested clip.
        build: the build folder.
        access: how the media are had.
        synonyms: raw label -> the data set's own canonical word.
    """

    pipeline: Pipeline
    recipe: Recipe
    options: RecipeOptions
    setup: Setup
    plan: Plan
    build: Path
    access: Access
    synonyms: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A request whose data set is known, before its annotations are read.

    Attributes:
        pipeline: the choices.
        recipe: the data set.
        access: how its media are had, with its options.
    """

    pipeline: Pipeline
    recipe: Recipe
    access: Access


def resolve(request: IngestRequest) -> Resolved:
    """Find pipeline and data set of a request; nothing is downloaded.

    Raises:
        ConfigError: a wrong name or setting.
    """
    flags = {
        "media": request.media,
        "annotations": request.annotations,
        "media_kind": request.media_kind,
    }
    pipeline = with_flags(load(request.pipeline, request.settings, dataset=flags), request)
    recipe = RECIPES.get(pipeline.dataset.recipe)
    options = recipe.options(pipeline.dataset.options)
    return Resolved(pipeline, recipe, look(recipe, options, request.accept_licence))


def prepare(
    request: IngestRequest,
    *,
    weights: bool = True,
    download: bool = True,
    tell: Callable[[str], None] | None = None,
) -> Prepared:
    """Resolve a request: bring archives and annotations, read them and make the plan.

    Args:
        request: what to build.
        weights: False where nothing will run: then model files may be missing.
        download: False where only annotations are fetched, and nothing is refused.
        tell: hears of long downloads.

    Raises:
        ConfigError: a wrong name or setting.
        AnnotationError: the annotations cannot be read.
        AccessError: model files, annotations or media must be brought by a person, or a licence
            accepted.
        MissingExtraError: a backend is not installed.
    """
    resolved = resolve(request)
    pipeline, recipe, access = resolved.pipeline, resolved.recipe, resolved.access
    if download:
        access = bring(recipe, access, pipeline.fetch, tell=tell)
    options = access.options
    root = index_folder(recipe, options)
    fetch_index(recipe, root, options, pipeline)
    dataset = pipeline.dataset.name or recipe.name
    plan = make_plan(
        pipeline,
        recipe.clips(root, options, dataset),
        dataset=dataset,
        recipe=(recipe.name, recipe.version),
        labels=recipe.labels(root, options),
    )
    imported = recipe.keypoints(options)
    media = recipe.media(root, options)
    if download and media is None and plan.table["url"].null_count == len(plan):
        raise AccessError(
            f"the annotations of `{recipe.name}` name no address of a video",
            hint=recipe.card.how_to or "get the files, and give their folder with --media DIR",
        )
    build = request.out or Path("builds") / pipeline.name
    setup = Setup(
        pipeline=pipeline.model_dump(mode="json", by_alias=True),
        store=open_store(request.store or default_store()).url,
        recipe=recipe.name,
        sources=str((build / STATE_FOLDER / "sources").absolute()),
        media=str(media.absolute()) if media else None,
        weights=str(weights_folder()),
        # No model is needed where all keypoints are there already.
        poses=tuple(
            pose_setup(name, raw, weights=weights)
            for name, raw in pipeline.pose.items()
            if plan.table["keypoints"].null_count
        ),
        imported=imported if plan.table["keypoints"].null_count < len(plan) else None,
        features=tuple(
            feature_setup(name, raw, weights=weights)
            for name, raw in pipeline.features.items()
            if plan.table["keypoints"].null_count
        ),
    )
    synonyms = recipe.synonyms(root, options)
    return Prepared(pipeline, recipe, options, setup, plan, build, access, synonyms)


def with_flags(pipeline: Pipeline, request: IngestRequest) -> Pipeline:
    """The pipeline with what the command line says on top."""
    changes: dict[str, Any] = {}
    if request.limit is not None or request.splits:
        select = pipeline.select.model_dump() | (
            {"limit": request.limit} if request.limit is not None else {}
        )
        changes["select"] = select | ({"splits": request.splits} if request.splits else {})
    if request.allow_private_hosts:
        changes["fetch"] = pipeline.fetch.model_dump() | {
            "allow_private_hosts": request.allow_private_hosts
        }
    return Pipeline.model_validate(pipeline.model_dump(by_alias=True) | changes)


def index_folder(recipe: Recipe, options: RecipeOptions) -> Path:
    """Where the recipe's annotation files are cached, one folder for each set of options."""
    relevant = options.model_dump(mode="json", exclude={"media", "media_kind"})
    name = digest([recipe.version, relevant])[:12]
    return cache_folder() / "index" / recipe.name / name


def fetch_index(recipe: Recipe, root: Path, options: RecipeOptions, pipeline: Pipeline) -> None:
    """Bring the annotation files of a recipe into `root`."""

    def get(url: str, path: Path, *, sha256: str | None = None) -> None:
        # Imported for the download itself: most annotation files are at hand.
        from sign_etl.media.fetch import Fetcher

        fetcher = Fetcher(pipeline.fetch)
        try:
            fetcher.get(url, path, sha256=sha256)
        finally:
            fetcher.close()

    root.mkdir(parents=True, exist_ok=True)
    recipe.fetch_index(root, options, get)


def pose_setup(name: str, raw: dict[str, Any], *, weights: bool) -> PoseSetup:
    """A backend with checked options and, where they are there, the digests of its model files.

    Raises:
        MissingExtraError: its libraries are not installed (only where `weights` are wanted).
        AccessError: its model files are missing (likewise).
    """
    from sign_etl.pose import weights as model_files

    backend = BACKENDS.get(name)
    options = backend.options(raw)
    if weights:
        if backend.extra is not None and not model_files.installed(backend):
            raise MissingExtraError(f"backend `{name}`", backend.extra)
        model_files.ensure(backend, options, weights_folder())
    return PoseSetup(
        name=name,
        version=backend.version,
        layout=backend.layout(options),
        options=options.model_dump(mode="json"),
        weights={
            file.name: file.sha256
            for file in backend.weights(options, weights_folder())
            if file.sha256 is not None
        },
        annotation_bound=backend.annotation_bound,
        uses_bbox=backend.uses_bbox,
    )


def feature_setup(name: str, raw: dict[str, Any], *, weights: bool) -> FeatureSetup:
    """A set of features with checked options and, where it is there, the digests of its model.

    Raises:
        MissingExtraError: its libraries are not installed (only where `weights` are wanted).
        AccessError: its model files are missing (likewise).
    """
    from sign_etl.features.base import BACKENDS as EXTRACTORS
    from sign_etl.features.weights import digests

    backend = EXTRACTORS.get(raw.get("backend", name))
    options = backend.options({key: value for key, value in raw.items() if key != "backend"})
    found: dict[str, str] = {}
    size = 0
    try:
        found, size = digests(backend, options), backend.size(options)
    except (AccessError, MissingExtraError):
        if weights:
            raise
    return FeatureSetup(
        name=name,
        backend=backend.name,
        version=backend.version,
        size=size,
        options=options.model_dump(mode="json"),
        weights=found,
    )

"""Small real inputs for tests of plan, engine and stages: clips, pipelines, setups, videos."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from media import VideoSpec, write_video

from sign_etl.core.store import Store
from sign_etl.recipes.base import RECIPES
from sign_etl.run import engine
from sign_etl.run.events import EventLog
from sign_etl.run.finish import publish
from sign_etl.run.journal import Journal
from sign_etl.run.local import LocalRunner
from sign_etl.run.plan import Plan
from sign_etl.run.planning import make_plan
from sign_etl.run.rulings import NO_RULINGS, Rulings
from sign_etl.schema.clip import Clip, Source, clip_key
from sign_etl.schema.pipeline import Pipeline
from sign_etl.schema.records import ManifestRecord
from sign_etl.stages.setup import PoseSetup, Setup

DATASET = "tiny"
RECIPE = ("folder", "1")


def make_clip(name: str, *, source: str | None = None, **facts: Any) -> Clip:
    """A clip called `name`; its source is a file of that name unless `source` says another."""
    source_id = source or f"{name}.mp4"
    span = facts.get("start_s", 0.0), facts.get("end_s")
    media = facts.pop("media", None) or Source(source_id, names=(source_id,))
    return Clip(clip_key(DATASET, name, source_id, *span), DATASET, name, media, **facts)


def make_pipeline(**settings: Any) -> Pipeline:
    """A pipeline without pose, at 64 pixels; settings as in a pipeline file."""
    base: dict[str, Any] = {
        "name": DATASET,
        "dataset": {"recipe": "folder", "name": DATASET},
        "pose": {},
        "normalise": {"short_side": 64},
    }
    return Pipeline.model_validate(base | settings)


def plan_of(
    clips: Iterable[Clip],
    pipeline: Pipeline | None = None,
    labels: Sequence[str] | None = None,
    **settings: Any,
) -> Plan:
    """The plan of these clips; settings as `make_pipeline` takes them."""
    pipeline = pipeline or make_pipeline(**settings)
    return make_plan(pipeline, clips, dataset=DATASET, recipe=RECIPE, labels=labels)


def make_setup(
    folder: Path,
    pipeline: Pipeline | None = None,
    *,
    media: Path | None = None,
    poses: tuple[PoseSetup, ...] = (),
    recipe: str = "folder",
) -> Setup:
    """A setup whose store and sources are below `folder`."""
    pipeline = pipeline or make_pipeline()
    return Setup(
        pipeline=pipeline.model_dump(mode="json", by_alias=True),
        store=str(folder / "store"),
        recipe=recipe,
        sources=str(folder / "build" / ".sign-etl" / "sources"),
        media=str(media) if media else None,
        weights=str(folder / "weights"),
        poses=poses,
    )


def truth_setup(**changes: Any) -> PoseSetup:
    """The backend that knows the joints of the demo."""
    facts: dict[str, Any] = {
        "name": "truth",
        "version": "1",
        "layout": "holistic-75",
        "options": {},
        "weights": {},
        "annotation_bound": True,
    }
    return PoseSetup(**(facts | changes))


def write_videos(folder: Path, names: Iterable[str], *, frames: int = 5, **spec: Any) -> Path:
    """A folder with a small video for each name; returns the folder.

    Each has a frame more than the one before, so that no two have equal bytes.
    """
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_video(
            path, VideoSpec(**({"count": frames + number, "width": 96, "height": 64} | spec))
        )
    return folder


CARD = RECIPES.get("folder").card
"""The card that a tiny build is published with."""


@dataclass
class TinyRun:
    """A plan with its setup, build folder and journal; `run` and `publish` as `ingest` does."""

    plan: Plan
    setup: Setup
    build: Path
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def journal(self) -> Journal:
        """The journal of the build, opened anew."""
        return Journal(self.build / ".sign-etl" / "journal.jsonl")

    @property
    def store(self) -> Store:
        """The store."""
        return self.setup.open_store()

    def run(self, *, jobs: int = 1, rulings: Rulings = NO_RULINGS) -> None:
        """Bring every clip to its end, on the local runner."""
        engine.run(
            self.plan,
            self.setup,
            self.build,
            self.journal,
            lambda: LocalRunner(self.setup, jobs=jobs),
            stop=self.stop,
            events=EventLog(self.build / ".sign-etl" / "events.jsonl"),
            rulings=rulings,
        )

    def publish(self) -> ManifestRecord:
        """Publish what was run."""
        return publish(
            self.plan, self.setup, self.build, self.journal, recipe_version="1", card=CARD
        )

    def copy(self, folder: Path) -> TinyRun:
        """The same run with a build and a store of its own."""
        shutil.copytree(Path(self.setup.store).parent, folder)
        setup = replace(
            self.setup,
            store=str(folder / "store"),
            sources=str(folder / "build" / ".sign-etl" / "sources"),
        )
        return TinyRun(self.plan, setup, folder / "build")


def tiny_run(folder: Path, clips: Iterable[Clip], media: Path, **settings: Any) -> TinyRun:
    """A run over `clips` with files of `media`, with nothing done yet."""
    pipeline = make_pipeline(**settings)
    setup = make_setup(folder, pipeline, media=media)
    return TinyRun(plan_of(clips, pipeline), setup, folder / "build")

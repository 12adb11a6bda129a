"""A trained run, opened to be used: its recipe, its weights, and the data that it looks at now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import MODELS
from sign_etl.schema.layouts import LAYOUTS, layout
from sign_etl.schema.training import TrainConfig
from sign_etl.stream.base import View
from sign_etl.stream.index import Index, open_index
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.transforms_pose import Pose
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks import setup
from sign_etl.tasks.base import TASKS, DataFacts, Task


@dataclass(frozen=True)
class Trained:
    """A run's best weights, or those of one checkpoint.

    Attributes:
        config: the recipe.
        checkpoint: its folder.
        facts: `build.json`: what it has learned from.
        digest: sha256 of the weights' file.
        task: as it was trained, with the classes of the training.
        model: with the weights, set to evaluation.
        view: preprocessing, without augmentation.
        layout: name of the keypoint layout that the model sees.
        points: K, C of what the model sees.
        index: the data, where some were given.
    """

    config: TrainConfig
    checkpoint: Path
    facts: dict[str, Any]
    digest: str
    task: Task
    model: nn.Module
    view: View
    layout: str
    points: tuple[int, int]
    index: Index | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names of the training."""
        return tuple(self.facts["labels"])

    @property
    def licences(self) -> tuple[str, ...]:
        """Of the data that the model has learned from, each once."""
        return tuple(sorted({str(source["licence"]) for source in self.facts["sources"]}))


def open_run(run: Path, data: Sequence[str] = ()) -> Trained:
    """Open a run; the classes of `data` need not be those that it has learned.

    Args:
        run: a run folder, or a checkpoint in it.
        data: builds that it is to look at; without any, the recipe must tell the layout.

    Raises:
        UsageError: no checkpoint, no build.
        VerifyError: a checkpoint is damaged.
        ConfigError: the layout is not known, or run and data do not go together.
    """
    best = files.find_checkpoint(run)
    marker = files.read_json(best / files.MARKER)
    config = setup.load_recipe(best / files.CONFIG)
    facts = files.read_json(best / files.BUILD)
    view = setup.make_view(config, train=False)
    index = open_index(data) if data else None
    if index is not None:
        # One output a class: those of the training count, whatever the data hold.
        known = replace(index, labels=tuple(facts["labels"]))
        task = setup.open_task(config, known, view)
        kind = setup.layout_of(config, index)
        shape = view.placeholder(index).shape
    else:
        kind, shape = _seen(config, view)
        task = _task(config, facts, kind, shape)
    model = task.build()
    model.load_state_dict(files.read_weights(best))
    return Trained(
        config=config,
        checkpoint=best,
        facts=facts,
        digest=str(marker[files.EMA if files.EMA in marker else files.MODEL]),
        task=task,
        model=model.eval(),
        view=view,
        layout=kind,
        points=(int(shape[1]), int(shape[2]) - 1),
        index=index,
    )


def _seen(config: TrainConfig, view: View) -> tuple[str, tuple[int, ...]]:
    """Layout and shape (1, K, C + 1) behind the view, from the recipe alone."""
    first = config.data.view.options.get("layout")
    if not isinstance(view, PoseView) or first not in LAYOUTS:
        raise ConfigError(
            "the recipe does not tell the layout of the keypoints",
            hint="give a build that the run can look at: --data BUILD",
        )
    start = layout(str(first))
    pose = Pose(_nothing(start.size, start.channels), start)
    for step in view.transforms:
        pose = step(pose, _no_draw)
    return pose.layout.name, pose.keypoints.shape


def _nothing(points: int, channels: int) -> Any:
    import numpy as np

    return np.zeros((1, points, channels), np.float32)


def _no_draw() -> Any:
    import numpy as np

    return np.random.Generator(np.random.Philox(key=0))


def _task(config: TrainConfig, facts: dict[str, Any], kind: str, shape: tuple[int, ...]) -> Task:
    plugin, model = TASKS.get(config.task.name), MODELS.get(config.model.name)
    return plugin.open(
        plugin.options(config.task.options),
        model,
        model.options(config.model.options),
        DataFacts(
            points=shape[1],
            channels=shape[2] - 1,
            layout=kind,
            labels=tuple(facts["labels"]),
            left_out=config.data.left_out,
            seed=config.seed,
        ),
    )

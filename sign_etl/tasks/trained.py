"""A trained run, opened to be used: its recipe, its weights, and the data that it looks at now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import MODELS, Inputs, Keypoints
from sign_etl.schema.layouts import LAYOUTS, layout
from sign_etl.schema.training import TrainConfig
from sign_etl.stream.base import View
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.index import Index
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.transforms_pose import Pose
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks import setup
from sign_etl.tasks.base import TASKS, DataFacts, Task
from sign_etl.tasks.seen import (
    check_features,
    check_policy,
    frames_of,
    inputs_of,
    keypoints_of,
)


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
        layout: name of the keypoint layout that the model sees, empty where it sees pictures.
        inputs: sizes of what the model sees.
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
    inputs: Inputs
    index: Index | None = None

    @property
    def points(self) -> tuple[int, int]:
        """K, C of what the model sees.

        Raises:
            ConfigError: it sees no keypoints.
        """
        if not isinstance(self.inputs, Keypoints):
            raise ConfigError(
                f"the run `{self.config.name}` does not look at keypoints",
                hint="take a run whose `data.view.name` is pose",
            )
        return self.inputs.points, self.inputs.channels

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
        ConfigError: the layout is not known, the run was trained with another preprocessing, or run
            and data do not go together.
    """
    best = files.find_checkpoint(run)
    marker = files.read_json(best / files.MARKER)
    config = setup.load_recipe(best / files.CONFIG)
    facts = files.read_json(best / files.BUILD)
    view = setup.make_view(config, train=False)
    check_policy(view, facts.get("preprocessing", {}), config.name)
    index = setup.open_data(config, data) if data else None
    if index is not None:
        learned, whose = facts.get("sources", ()), f"the run `{config.name}`"
        check_features(view, index, learned, whose)
        # One output a class: those of the training count, whatever the data hold.
        known = replace(index, labels=tuple(facts["labels"]))
        task = setup.open_task(config, known, view)
        kind = setup.layout_of(config, index)
        inputs = inputs_of(view, index)
    else:
        kind, inputs = _seen(config, view)
        task = _task(config, facts, kind, inputs)
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
        inputs=inputs,
        index=index,
    )


def _seen(config: TrainConfig, view: View) -> tuple[str, Inputs]:
    """Layout and sizes behind the view, from the recipe alone."""
    if isinstance(view, ClipView):
        return "", frames_of(view)
    first = config.data.view.options.get("layout")
    if not isinstance(view, PoseView) or first not in LAYOUTS:
        raise ConfigError(
            "the recipe does not tell what the model sees",
            hint="give a build that the run can look at: --data BUILD",
        )
    start = layout(str(first))
    pose = Pose(_nothing(start.size, start.channels), start)
    for step in view.transforms:
        pose = step(pose, _no_draw)
    return pose.layout.name, keypoints_of(pose.keypoints.shape)


def _nothing(points: int, channels: int) -> Any:
    import numpy as np

    return np.zeros((1, points, channels), np.float32)


def _no_draw() -> Any:
    import numpy as np

    return np.random.Generator(np.random.Philox(key=0))


def _task(config: TrainConfig, facts: dict[str, Any], kind: str, inputs: Inputs) -> Task:
    plugin, model = TASKS.get(config.task.name), MODELS.get(config.model.name)
    return plugin.open(
        plugin.options(config.task.options),
        model,
        model.options(config.model.options),
        DataFacts(
            inputs=inputs,
            view=config.data.view.name,
            layout=kind,
            labels=tuple(facts["labels"]),
            left_out=config.data.left_out,
            seed=config.seed,
        ),
    )

"""A model as those see it who run it elsewhere: what goes in, and what the run itself would say.

Four inputs are to be had, see `sign_etl.schema.exported.Input`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Frames
from sign_etl.models.pose_encoder import Positions
from sign_etl.schema.exported import Input
from sign_etl.schema.layouts import LAYOUTS, Layout, layout
from sign_etl.stream.pose_view import PoseView
from sign_etl.stream.transforms_pose import Pose
from sign_etl.tasks.base import Exportable
from sign_etl.tasks.graph_steps import Clip, Prepared, graph_steps, prepared_input
from sign_etl.tasks.outside_video import TURNS, drawn, frames_face, said
from sign_etl.tasks.trained import Trained

MOST_FRAMES = 4096
"""Longest clip of an exported model, unless it has learned fewer positions."""

Tensors: TypeAlias = dict[str, Tensor]
Said: TypeAlias = Tensor | tuple[Tensor, ...]
"""What a model says: one output, or several."""


@dataclass(frozen=True)
class Outside:
    """A model as its users will see it.

    Attributes:
        face: module, example, names and free axes.
        input: which of the inputs.
        kind: layout of what goes in; None where it is not known.
        example: inputs for a clip of so many frames.
        truth: what the run's own model says, by the way of an evaluation; a tuple where it has
            several outputs.
        longest: frames that it can take.
        lengths: of the clips on which it is compared; none for the usual ones.
    """

    face: Exportable
    input: Input
    kind: Layout | None
    example: Callable[[int], Tensors]
    truth: Callable[[Tensors], Said]
    longest: int
    lengths: tuple[int, ...] = ()


def outside(trained: Trained, input: Input, source: str | None = None) -> Outside:
    """A run's model with one of the inputs.

    Args:
        trained: the run.
        input: which of them.
        source: layout of the keypoints, for `keypoints`; default that of the data, else of the
            recipe.

    Raises:
        ConfigError: the preprocessing cannot be in a graph, or the model takes other inputs.
    """
    face, model = trained.task.export(trained.model), trained.model
    if isinstance(trained.inputs, Frames):
        face.module.eval()
        shown = frames_face(face, trained.inputs, input, trained.config.task.name)
        return Outside(
            shown, input, None, lambda n: drawn(shown, n), lambda x: said(model, x, shown.outputs),
            trained.inputs.frames, TURNS,
        )  # fmt: skip
    if list(face.example) != ["points", "mask"]:
        raise ConfigError(
            f"a model of the task `{trained.config.task.name}` on the view "
            f"`{trained.config.data.view.name}` cannot be exported",
            hint="take a run of the task `islr` or `metric` on the view `pose` or `clip`",
        )
    face.module.eval()
    output_shapes(face)
    longest = _longest(trained.model)
    kind = LAYOUTS.get(trained.layout)
    if input == "keypoints":
        return _with_keypoints(trained, face, source, longest)
    if input == "batch":
        return Outside(face, input, kind, lambda n: _batch(face, n), _model(face), longest)
    single = Exportable(
        module=Clip(face.module).eval(),
        example={"points": face.example["points"]},
        outputs=face.outputs,
        dynamic={"points": {1: "frames"}},
    )
    return Outside(single, input, kind, lambda n: _clip(face, n), _model(face), longest)


def can_prepare(trained: Trained, source: str | None = None) -> bool:
    """Whether the input `keypoints` is to be had."""
    try:
        outside(trained, "keypoints", source)
    except ConfigError:
        return False
    return True


def _with_keypoints(
    trained: Trained, face: Exportable, source: str | None, longest: int
) -> Outside:
    view = trained.view
    first = layout(source or _source_layout(trained))
    steps = graph_steps(view.transforms, first) if isinstance(view, PoseView) else None
    scored = face.example["points"].shape[-1] != trained.points[1]
    if steps is None or scored or not isinstance(view, PoseView):
        raise ConfigError(
            "the preprocessing of this run cannot be part of a graph",
            hint="export with --input clip, which takes points that are normalised already",
        )

    def truth(inputs: Tensors) -> Tensor:
        width, height = (int(side) for side in inputs["size"])
        pose = Pose(inputs["keypoints"][0].numpy().copy(), first, width, height)
        for step in view.transforms:
            pose = step(pose, _no_draw)
        points = torch.from_numpy(np.nan_to_num(pose.keypoints[None, ..., :-1]))
        return _run(face, points, torch.ones(points.shape[:2], dtype=torch.bool))

    prepared = Exportable(
        module=Prepared(face.module, steps).eval(),
        example=prepared_input(first, 32),
        outputs=face.outputs,
        dynamic={"keypoints": {1: "frames"}},
    )
    return Outside(prepared, "keypoints", first, lambda n: prepared_input(first, n), truth, longest)


def _no_draw() -> Any:
    raise ConfigError(
        "a step of the preprocessing draws lots, so it cannot be part of a graph",
        hint="export with --input clip, which takes points that are normalised already",
    )


def _source_layout(trained: Trained) -> str:
    options = trained.config.data.view.options
    if trained.index is not None:
        source = trained.index.sources[0]
        backend = options.get("backend") or next(iter(source.layouts), "")
        if backend in source.layouts:
            return source.layouts[backend]
    return str(options.get("layout") or options.get("source_layout") or trained.layout)


def parts(found: Said) -> tuple[Tensor, ...]:
    """The outputs of a model, also where it is one."""
    return found if isinstance(found, tuple) else (found,)


def output_shapes(face: Exportable) -> list[tuple[int, ...]]:
    """Of the outputs for the example.

    Raises:
        ConfigError: the model takes something else.
    """
    try:
        with torch.no_grad():
            return [tuple(each.shape) for each in parts(face.module(*face.example.values()))]
    except TypeError:
        raise ConfigError(
            "the model takes more than points and a mask, so it cannot be exported",
            hint="take a run of the task `islr` or `metric`; this one: `sign-etl evaluate`",
        ) from None


def _longest(model: nn.Module) -> int:
    learned = [
        len(each.vectors)
        for each in model.modules()
        if isinstance(each, Positions) and each.kind == "learned"
    ]
    return min([MOST_FRAMES, *learned])


def _clip(face: Exportable, frames: int) -> Tensors:
    draw = torch.Generator().manual_seed(frames)
    shape = (1, frames, *face.example["points"].shape[2:])
    return {"points": torch.rand(shape, generator=draw) - 0.5}


def _batch(face: Exportable, frames: int) -> Tensors:
    draw = torch.Generator().manual_seed(frames)
    shape = (3, frames, *face.example["points"].shape[2:])
    points = torch.rand(shape, generator=draw) - 0.5
    lengths = torch.tensor([frames, -(-frames // 2), 1])
    mask = torch.arange(frames)[None] < lengths[:, None]
    return {"points": torch.where(mask[..., None, None], points, 0.0), "mask": mask}


def _model(face: Exportable) -> Callable[[Tensors], Tensor]:
    def truth(inputs: Tensors) -> Tensor:
        points = inputs["points"]
        mask = inputs.get("mask", torch.ones(points.shape[:2], dtype=torch.bool))
        return _run(face, points, mask)

    return truth


@torch.no_grad()
def _run(face: Exportable, points: Tensor, mask: Tensor) -> Tensor:
    out: Tensor = face.module(points, mask)
    return out

"""A model on pictures as those see it who run it elsewhere: T frames of one size.

| input | shape | gives |
|---|---|---|
| `clip` | `frames` (batch, T, 3, H, W), normalised | what the model gives, all outputs |
| `views` | `input` (batch, views, 3, T, H, W), normalised | mean probabilities of the views |

The second one is the signature of the files that were published with Slovo, so that their programs
run it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Frames
from sign_etl.schema.exported import Input
from sign_etl.tasks.base import Exportable

TURNS = (1, 2, 3)
"""Clips, and views, at which file and torch are compared."""
BATCH = {0: "batch"}


class Plain(nn.Module):
    """A model on frames, which needs no mask.

    Args:
        model: takes frames (B, T, 3, H, W) and a mask (B, T).
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The model's outputs for frames (B, T, 3, H, W), all of them real."""
        # Made of the frames, so that the number of clips stays free.
        mask = torch.ones_like(frames[:, :, 0, 0, 0], dtype=torch.bool)
        out: Tensor | tuple[Tensor, ...] = self.model(frames, mask)
        return out


class Views(nn.Module):
    """Probabilities of several views of a video, as published.

    Args:
        model: takes frames (B, T, 3, H, W) and a mask (B, T), gives scores.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.plain = Plain(model)

    def forward(self, views: Tensor) -> Tensor:
        """Mean probabilities (B, classes) of views (B, V, 3, T, H, W)."""
        shape = views.shape
        found = self.plain(views.flatten(0, 1).transpose(1, 2))
        scores = found[0] if isinstance(found, tuple) else found
        apart = scores.softmax(-1).reshape(shape[0], shape[1], -1)
        mean: Tensor = apart.mean(1)
        return mean


def frames_face(face: Exportable, given: Frames, input: Input, task: str) -> Exportable:
    """What an exporter sees of a model on frames.

    Args:
        face: as the task gives it.
        given: sizes of the model's input.
        input: `clip` or `views`.
        task: its name.

    Raises:
        ConfigError: such a model has no input of that kind.
    """
    if not given.frames:
        raise ConfigError(
            "a model on clips of any length cannot be exported", hint="give the sampler `frames`"
        )
    if input == "clip":
        return Exportable(
            module=Plain(face.module).eval(),
            example={"frames": face.example["frames"]},
            outputs=face.outputs,
            dynamic={"frames": BATCH},
        )
    if input != "views" or task != "islr":
        raise ConfigError(
            f"a model on pictures has no input `{input}`"
            if input != "views"
            else f"the task `{task}` gives no probabilities",
            hint="export it with --input clip",
        )
    shape = (1, 1, 3, given.frames, given.height, given.width)
    return Exportable(
        module=Views(face.module).eval(),
        example={"input": torch.zeros(shape)},
        outputs=("output",),
        dynamic={"input": {0: "batch", 1: "views"}},
    )


def drawn(face: Exportable, turn: int) -> dict[str, Tensor]:
    """Random pictures for an exported model, `turn` on each free axis."""
    draw = torch.Generator().manual_seed(turn)
    made = {}
    for name, example in face.example.items():
        shape = [turn if axis in face.dynamic[name] else n for axis, n in enumerate(example.shape)]
        made[name] = torch.rand(shape, generator=draw) * 4 - 2
    return made


@torch.no_grad()
def said(
    model: nn.Module, inputs: dict[str, Tensor], outputs: Sequence[str] = ("output",)
) -> Tensor | tuple[Tensor, ...]:
    """What the run's own model says, clip by clip, by the way of an evaluation.

    Args:
        model: of the run.
        inputs: see the table.
        outputs: names of the outputs of the file; with two of them the model draws boundaries.
    """
    if "frames" in inputs:
        frames = inputs["frames"]
        if len(outputs) > 1:
            pairs = [model(clip[None], _all(clip[None]), boundary=True) for clip in frames]
            return tuple(torch.cat(each) for each in zip(*pairs, strict=True))
        return torch.cat([_one(model, clip[None]) for clip in frames])
    videos = inputs["input"].transpose(2, 3)
    means = [
        torch.stack([_one(model, view[None])[0].softmax(-1) for view in video]).mean(0)
        for video in videos
    ]
    return torch.stack(means)


def _one(model: nn.Module, frames: Tensor) -> Tensor:
    out: Tensor = model(frames, _all(frames))
    return out


def _all(frames: Tensor) -> Tensor:
    return torch.ones(frames.shape[:2], dtype=torch.bool)

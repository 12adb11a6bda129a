"""From a batch to what a model takes: coordinates, features, or normalised pictures."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Features, Frames, Inputs, Keypoints, Triple
from sign_etl.stream.base import Batch

VIEW = "pose"
"""The view of keypoints."""


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What a task knows about the data.

    Attributes:
        inputs: what the view gives.
        view: its name, that of its tensors in a batch too.
        layout: name of the keypoint layout, empty where there is none.
        labels: class names; a `label_id` is a position in here.
        left_out: class names that training does not see.
        seed: of the training.
    """

    inputs: Inputs
    labels: tuple[str, ...]
    layout: str = ""
    view: str = VIEW
    left_out: tuple[str, ...] = ()
    seed: int = 0

    @property
    def keypoints(self) -> Keypoints:
        """What the view gives, where these are keypoints.

        Raises:
            ConfigError: they are not.
        """
        if not isinstance(self.inputs, Keypoints):
            raise ConfigError(
                f"the task learns from keypoints, the view is `{self.view}`",
                hint="set `data.view.name: pose`",
            )
        return self.inputs


def inputs(batch: Batch, facts: DataFacts) -> tuple[Tensor, Tensor]:
    """What a model takes of a batch, and the mask (B, T).

    Returns:
        Of `pose` coordinates (B, T, K, C), the score is off; of `clip` pictures (B, T, 3, H, W),
        normalised, 0 where they are padding; of `feat` features (B, T, D).
    """
    values, mask = batch.views[facts.view], batch.masks[facts.view]
    if isinstance(facts.inputs, Frames):
        pictures = normalised(values, facts.inputs.mean, facts.inputs.std)
        return pictures * mask[..., None, None, None], mask
    return (values[..., :-1] if facts.view == VIEW else values), mask


def normalised(pictures: Tensor, mean: Triple, std: Triple) -> Tensor:
    """Pictures (..., H, W, 3) uint8 as (..., 3, H, W) float32: over 255, less mean, over std."""
    away, by = (torch.tensor(three, device=pictures.device) for three in (mean, std))
    values = pictures.movedim(-1, -3).float()
    return (values - 255 * away[:, None, None]) / (255 * by[:, None, None])


def coordinates(batch: Batch) -> tuple[Tensor, Tensor]:
    """Coordinates (B, T, K, C) and mask (B, T) of a batch; the score, the last channel, is off."""
    return batch.views[VIEW][..., :-1], batch.masks[VIEW]


def example_of(given: Inputs, frames: int = 32) -> tuple[str, Tensor, int]:
    """Name of a model's input, zeros of it for one clip, and its time steps.

    Raises:
        ConfigError: it takes more than one.
    """
    if isinstance(given, Keypoints):
        return "points", torch.zeros(1, frames, given.points, given.channels), frames
    if isinstance(given, Frames):
        frames = given.frames or frames
        return "frames", torch.zeros(1, frames, 3, given.height, given.width), frames
    if isinstance(given, Features):
        return "features", torch.zeros(1, frames, given.size), frames
    raise ConfigError(
        "a model on crops has no one input, so it cannot be exported",
        hint="take a run whose `data.view.name` is pose, clip or feat",
    )

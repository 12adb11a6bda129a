"""Masked pose modelling: hide joints, moments and body parts, and draw them from what is left.

The encoder is the one of the classifiers, so that its weights start one of them
(`init:` in the recipe of the fine-tuning).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.models.base import Inputs, Keypoints, ModelPlugin, expect
from sign_etl.models.pose_encoder import PoseEncoder
from sign_etl.schema.pipeline import Settings


class PoseMaeOptions(Settings):
    """Options of the model `pose-mae`."""

    width: int = Field(default=108, ge=2)
    """Size of a token."""
    heads: int = Field(default=9, ge=1)
    """Attention heads."""
    layers: int = Field(default=4, ge=1)
    """Blocks of the encoder."""
    feedforward: int = Field(default=512, ge=1)
    """Width inside the blocks."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout in the blocks."""
    position: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a frame knows its place."""
    max_frames: int = Field(default=512, ge=1)
    """Longest clip for learned positions."""
    project: bool = False
    """Pass frames through a linear layer, so that `width` is free."""


class PoseMae(nn.Module):
    """The network.

    Args:
        options: see `PoseMaeOptions`.
        points: K.
        channels: C.

    Raises:
        ConfigError: sizes do not fit.
    """

    def __init__(self, options: PoseMaeOptions, *, points: int, channels: int) -> None:
        super().__init__()
        self.points, self.channels = points, channels
        self.hidden = nn.Parameter(torch.zeros(points, channels))
        self.encoder = PoseEncoder(
            points * channels,
            width=options.width,
            heads=options.heads,
            layers=options.layers,
            feedforward=options.feedforward,
            dropout=options.dropout,
            position=options.position,
            max_frames=options.max_frames,
            project=options.project,
        )
        self.draw = nn.Sequential(
            nn.Linear(options.width, options.width),
            nn.GELU(),
            nn.Linear(options.width, points * channels),
        )

    def forward(self, points: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """All coordinates (B, T, K, C), the hidden ones drawn from the others.

        Args:
            points: (B, T, K, C), finite.
            mask: (B, T) bool, True for real frames.
            hidden: (B, T, K) bool, True for joints that the network may not see.
        """
        seen = torch.where(hidden[..., None], self.hidden.to(points.dtype), points)
        drawn: Tensor = self.draw(self.encoder(seen, mask))
        return drawn.reshape(*drawn.shape[:2], self.points, self.channels)


class PoseMaeModel:
    """The plug-in, see `ModelPlugin`."""

    name = "pose-mae"
    title = "Pose transformer that draws hidden joints, for pre-training"
    takes = ("pose",)

    def options(self, raw: Mapping[str, Any]) -> PoseMaeOptions:
        """See `ModelPlugin`."""
        return PoseMaeOptions.model_validate(dict(raw))

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> nn.Module:
        """See `ModelPlugin`; `outputs` has no meaning here."""
        given, chosen = expect(inputs, Keypoints, self.name), PoseMaeOptions.model_validate(options)
        return PoseMae(chosen, points=given.points, channels=given.channels)

    def depth(self, parameter: str, options: BaseModel) -> int:
        """See `ModelPlugin`."""
        chosen = PoseMaeOptions.model_validate(options)
        part, *rest = parameter.split(".")
        if part != "encoder":
            return 0 if part == "hidden" else 1 + chosen.layers
        number = next((int(step) for step in rest if step.isdigit()), None)
        if rest[0] != "blocks":
            return 0
        return chosen.layers if number is None else 1 + number


MODEL: ModelPlugin = PoseMaeModel()

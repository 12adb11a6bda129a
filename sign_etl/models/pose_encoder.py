"""A transformer encoder over frames of keypoints: one token a frame.

SPOTER feeds the K * C numbers of a frame into the transformer as they are, so its width is K * C
(54 joints x 2 = 108). With `project` they pass a linear layer first and any width is possible.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import fitting_heads

Position: TypeAlias = Literal["sinusoidal", "learned", "single"]


class Positions(nn.Module):
    """What tells frames apart.

    `sinusoidal`: sines and cosines of the frame number (Vaswani et al. 2017, section 3.5).
    `learned`: one vector per frame number, up to `max_frames`. `single`: one learned vector for all
    frames, as SPOTER was published: the encoder then cannot know their order.

    Args:
        kind: which of them.
        width: size of a token.
        max_frames: longest sequence for `learned`.
    """

    def __init__(self, kind: Position, width: int, max_frames: int) -> None:
        super().__init__()
        self.kind = kind
        self.width = width
        if kind != "sinusoidal":
            rows = 1 if kind == "single" else max_frames
            first = torch.rand(rows, width) if kind == "single" else torch.randn(rows, width) * 0.1
            self.vectors = nn.Parameter(first)

    def forward(self, tokens: Tensor) -> Tensor:
        """`tokens` (B, T, width) with positions added.

        Raises:
            ConfigError: a sequence is longer than what was learned.
        """
        frames = tokens.shape[1]
        if self.kind == "sinusoidal":
            return tokens + sinusoids(frames, self.width, tokens.device).to(tokens.dtype)
        if self.kind == "single":
            return tokens + self.vectors
        if frames > len(self.vectors):
            raise ConfigError(
                f"a clip has {frames} frames, the model has learned {len(self.vectors)} positions",
                hint="set `model.max_frames` higher, or `model.position: sinusoidal`",
            )
        return tokens + self.vectors[:frames]


def sinusoids(frames: int, width: int, device: torch.device | None = None) -> Tensor:
    """Positions (frames, width): sines in the even columns, cosines in the odd ones."""
    at = torch.arange(frames, device=device, dtype=torch.float32)[:, None]
    rates = torch.exp(
        torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(1e4) / width)
    )
    angles = at * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


class PoseEncoder(nn.Module):
    """Frames of keypoints to contextual tokens.

    Args:
        inputs: K * C, the numbers of a frame.
        width: size of a token; equals `inputs` without `project`.
        heads: of the attention.
        layers: number of blocks (post-norm, ReLU).
        feedforward: width inside a block.
        dropout: everywhere in the blocks.
        position: see `Positions`.
        max_frames: for learned positions.
        project: pass the input through a linear layer.

    Raises:
        ConfigError: the sizes do not fit.
    """

    def __init__(
        self,
        inputs: int,
        *,
        width: int,
        heads: int,
        layers: int,
        feedforward: int,
        dropout: float,
        position: Position,
        max_frames: int,
        project: bool,
    ) -> None:
        super().__init__()
        if not project and width != inputs:
            raise ConfigError(
                f"`model.width` is {width}, but a frame has {inputs} numbers",
                hint=f"set `model.width: {inputs}`, or `model.project: true`",
            )
        if width % heads:
            raise ConfigError(
                f"`model.width` {width} is no multiple of `model.heads` {heads}",
                hint=fitting_heads(width),
            )
        self.input: nn.Module = nn.Linear(inputs, width) if project else nn.Identity()
        self.position = Positions(position, width, max_frames)
        block = nn.TransformerEncoderLayer(width, heads, feedforward, dropout, batch_first=True)
        # Nested tensors would take a second path at evaluation, with other rounding.
        self.blocks = nn.TransformerEncoder(
            block, layers, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        for parameter in self.blocks.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, points: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, T, width).

        Args:
            points: (B, T, K, C) or (B, T, K * C); finite.
            mask: (B, T) bool, True for real frames.
        """
        tokens = self.position(self.input(points.flatten(2)))
        encoded: Tensor = self.blocks(tokens, src_key_padding_mask=~mask)
        return encoded

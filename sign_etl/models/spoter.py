"""SPOTER: a transformer over frames, and one learned query that reads the class out of it.

Bohacek and Hruz, "Sign Pose-based Transformer for Word-level Sign Language Recognition" (WACVW
2022), and its form with an embedding as output. What the published code gets wrong is put right
here: frames carry their position, and padding is masked as bool in the encoder and in the decoder.
`compat: published` brings the single position vector back, so that published weights mean what
they did.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.models.base import Inputs, Keypoints, ModelPlugin, expect
from sign_etl.models.pose_encoder import PoseEncoder, Position
from sign_etl.schema.pipeline import Settings


class SpoterOptions(Settings):
    """Options of the model `spoter`; the defaults are the published sizes."""

    width: int = Field(default=108, ge=2)
    """Size of a token; 108 = 54 joints x (x, y)."""
    heads: int = Field(default=9, ge=1)
    """Attention heads."""
    encoder_layers: int = Field(default=6, ge=1)
    """Blocks of the encoder."""
    decoder_layers: int = Field(default=6, ge=1)
    """Blocks of the decoder."""
    feedforward: int = Field(default=2048, ge=1)
    """Width inside the blocks."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Dropout in the blocks."""
    position: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a frame knows its place; `compat: published` knows none."""
    max_frames: int = Field(default=512, ge=1)
    """Longest clip for learned positions."""
    project: bool = False
    """Pass frames through a linear layer, so that `width` is free."""
    unit_norm: bool = False
    """Divide the output by its length (for embeddings)."""
    compat: Literal["none", "published"] = "none"
    """`published`: one position vector for all frames, as in the published weights."""


class QueryBlock(nn.Module):
    """A decoder block without self-attention: with one query there is nothing to attend to.

    The query is doubled before the first norm (`x + dropout(x)`), as published.

    Args:
        width: size of a token.
        heads: of the attention.
        feedforward: width inside.
        dropout: everywhere.
    """

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.linear1 = nn.Linear(width, feedforward)
        self.linear2 = nn.Linear(feedforward, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, query: Tensor, memory: Tensor, padding: Tensor) -> Tensor:
        """The query (B, 1, width) after one look at `memory` (B, T, width)."""
        query = self.norm1(query + self.dropout(query))
        seen, _ = self.multihead_attn(
            query, memory, memory, key_padding_mask=padding, need_weights=False
        )
        query = self.norm2(query + self.dropout(seen))
        inner = self.dropout(torch.relu(self.linear1(query)))
        out: Tensor = self.norm3(query + self.dropout(self.linear2(inner)))
        return out


class Spoter(nn.Module):
    """The network.

    Args:
        options: see `SpoterOptions`.
        points: K.
        channels: C.
        outputs: number of classes, or size of the embedding.

    Raises:
        ConfigError: sizes do not fit.
    """

    def __init__(self, options: SpoterOptions, *, points: int, channels: int, outputs: int) -> None:
        super().__init__()
        width, heads, inner = options.width, options.heads, options.feedforward
        position: Position = "single" if options.compat == "published" else options.position
        self.unit_norm = options.unit_norm
        self.encoder = PoseEncoder(
            points * channels,
            width=width,
            heads=heads,
            layers=options.encoder_layers,
            feedforward=inner,
            dropout=options.dropout,
            position=position,
            max_frames=options.max_frames,
            project=options.project,
        )
        self.query = nn.Parameter(torch.rand(1, 1, width))
        self.decoder = nn.ModuleList(
            QueryBlock(width, heads, inner, options.dropout) for _ in range(options.decoder_layers)
        )
        for parameter in self.decoder.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, outputs)

    def forward(self, points: Tensor, mask: Tensor) -> Tensor:
        """Class scores or embeddings (B, outputs).

        Args:
            points: (B, T, K, C), normalised, finite.
            mask: (B, T) bool, True for real frames; every row has one at least.
        """
        memory = self.encoder(points, mask)
        query = self.query.expand(memory.shape[0], -1, -1)
        for block in self.decoder:
            query = block(query, memory, ~mask)
        out: Tensor = self.head(self.norm(query[:, 0]))
        return nn.functional.normalize(out, dim=-1) if self.unit_norm else out


class SpoterModel:
    """The plug-in, see `ModelPlugin`."""

    name = "spoter"
    title = "SPOTER: transformer with a class query, for classes or embeddings"
    takes = ("pose",)

    def options(self, raw: Mapping[str, Any]) -> SpoterOptions:
        """See `ModelPlugin`."""
        return SpoterOptions.model_validate(dict(raw))

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> nn.Module:
        """See `ModelPlugin`."""
        chosen = SpoterOptions.model_validate(options)
        given = expect(inputs, Keypoints, self.name)
        return Spoter(chosen, points=given.points, channels=given.channels, outputs=outputs)

    def depth(self, parameter: str, options: BaseModel) -> int:
        """See `ModelPlugin`."""
        chosen = SpoterOptions.model_validate(options)
        part, *rest = parameter.split(".")
        if part == "encoder":
            number = next((int(step) for step in rest if step.isdigit()), None)
            if number is not None and rest[0] == "blocks":
                return 1 + number
            return chosen.encoder_layers if rest[0] == "blocks" else 0
        if part == "decoder":
            return 1 + chosen.encoder_layers + int(rest[0])
        return 1 + chosen.encoder_layers + chosen.decoder_layers


MODEL: ModelPlugin = SpoterModel()

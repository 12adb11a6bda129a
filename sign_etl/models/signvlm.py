"""SignVLM: a frozen CLIP sees the frames, a small decoder reads the sign out of its last blocks.

The decoder is that of EVL (Lin et al., ECCV 2022, arXiv 2208.03550), the use for signs that of
SignVLM (PeerJ CS 11:e3112, 2025); rebuilt from facts. Frames of padding are masked everywhere.
The query begins with small random numbers, as was meant; `compat: published` begins it with zeros,
as the published code does, since its initialisation is never called there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Features, Frames, Inputs, ModelPlugin, expect, fitting_heads
from sign_etl.models.clip_decoder import DecoderBlock, Sizes
from sign_etl.models.clip_loading import (
    RandomTower,
    picture_tower,
    same_weights,
    tower_shape,
)
from sign_etl.models.clip_tower import BlockTokens, ClipTower, TowerShape
from sign_etl.schema.pipeline import Settings

Input = Literal["frames", "stem", "cls"]
QUERY_STD: Final = 0.02


class SignVlmOptions(Settings):
    """Options of the model `signvlm`; sizes that are 0 are those of the tower."""

    clip: str = "openai/clip-vit-large-patch14"
    """Folder or hub name of a CLIP."""
    random_clip: RandomTower | None = None
    """A random tower of these sizes instead, for trials."""
    input: Input = "frames"
    """`frames`: pictures; cached features: `stem`, all tokens that enter the last blocks, or `cls`,
    the class tokens of the last blocks, which know nothing of neighbouring patches."""
    layers: int = Field(default=4, ge=1)
    """Blocks of the decoder, one for each of the tower's last blocks."""
    frames: int = Field(default=24, ge=1)
    """Longest clip, in frames that the view gives."""
    width: int = Field(default=0, ge=0)
    """Inner width of the attention."""
    heads: int = Field(default=0, ge=0)
    """Heads of the attention."""
    mlp_ratio: float = Field(default=4.0, gt=0)
    """Inner width of the blocks, as a multiple of the token."""
    mlp_dropout: float = Field(default=0.5, ge=0, lt=1)
    """Dropout in the blocks."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Dropout before the classes."""
    convolution: bool = True
    """Temporal convolution over each token."""
    position: bool = True
    """Learned temporal positions."""
    neighbours: bool = True
    """Attention between patches of neighbouring frames."""
    compat: Literal["none", "published"] = "none"
    """`published`: the query begins with zeros."""


class SignVlm(nn.Module):
    """The network.

    Args:
        options: see `SignVlmOptions`.
        shape: of the tower.
        tower: frozen; None where class tokens were cached.
        outputs: classes.

    Raises:
        ConfigError: heads do not divide the width.
    """

    def __init__(
        self, options: SignVlmOptions, shape: TowerShape, tower: ClipTower | None, outputs: int
    ) -> None:
        super().__init__()
        attention, heads = options.width or shape.width, options.heads or shape.heads
        if attention % heads:
            raise ConfigError(
                f"`model.width` {attention} is no multiple of `model.heads` {heads}",
                hint=fitting_heads(attention),
            )
        self.input, self.longest = options.input, options.frames
        self.tower = tower
        self.query = nn.Parameter(torch.zeros(shape.width))
        if options.compat == "none":
            nn.init.normal_(self.query, std=QUERY_STD)
        sizes = Sizes(
            width=shape.width,
            attention=attention,
            heads=heads,
            mlp=round(options.mlp_ratio * shape.width),
            dropout=options.mlp_dropout,
            convolution=options.convolution,
            frames=options.frames if options.position else 0,
            grid=shape.grid if options.neighbours and options.input != "cls" else 0,
        )
        self.blocks = nn.ModuleList(DecoderBlock(sizes) for _ in range(options.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.drop = nn.Dropout(options.dropout)
        self.head = nn.Linear(shape.width, outputs)

    def forward(self, clips: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, outputs).

        Args:
            clips: (B, T, 3, S, S) pictures, normalised as CLIP's; or cached features (B, T, D):
                the stem, D = L x C, or class tokens, D = layers x C.
            mask: (B, T) bool, True for real frames.

        Raises:
            ConfigError: more frames than the model has positions for, or other pictures.
        """
        if clips.shape[1] > self.longest:  # of features; of frames, the view was asked before
            raise ConfigError(
                f"the clips have {clips.shape[1]} frames, the model has places for {self.longest}",
                hint="set `model.frames` to the number of frames of the view",
            )
        query = self.query.expand(clips.shape[0], 1, -1)
        for layer, block in zip(self.blocks, self._tokens(clips), strict=True):
            query = layer(query, block, mask)
        scores: Tensor = self.head(self.drop(self.norm(query[:, 0])))
        return scores

    def _tokens(self, clips: Tensor) -> list[BlockTokens]:
        if self.tower is None:
            each = clips.reshape(*clips.shape[:2], len(self.blocks), -1)
            return [BlockTokens(tokens, None, None) for tokens in torch.split(each, 1, 2)]
        flat = clips.flatten(0, 1)
        if self.input == "stem":
            blocks = self.tower.last_blocks(flat.reshape(flat.shape[0], -1, self.tower.shape.width))
        else:
            blocks = self.tower(flat)
        return [block.by_clip(clips.shape[0]) for block in blocks]


class SignVlmModel:
    """The plug-in, see `ModelPlugin`."""

    name = "signvlm"
    title = "SignVLM: a frozen CLIP and a decoder over its last blocks"
    takes: tuple[str, ...] = ("clip", "feat")

    def options(self, raw: Mapping[str, Any]) -> SignVlmOptions:
        """See `ModelPlugin`."""
        return SignVlmOptions.model_validate(dict(raw))

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> nn.Module:
        """See `ModelPlugin`."""
        chosen = SignVlmOptions.model_validate(options)
        shape = tower_shape(chosen.clip, chosen.random_clip)
        if chosen.input == "frames":
            self._check_frames(expect(inputs, Frames, self.name), chosen, shape)
        else:
            self._check_features(expect(inputs, Features, self.name), chosen, shape)
        if chosen.input == "cls":
            return SignVlm(chosen, shape, None, outputs)
        tower = picture_tower(chosen.clip, chosen.random_clip, chosen.layers)
        return SignVlm(chosen, shape, tower, outputs)

    def _check_frames(self, given: Frames, chosen: SignVlmOptions, shape: TowerShape) -> None:
        if (given.height, given.width) != (shape.size, shape.size):
            raise ConfigError(
                f"this CLIP reads pictures of {shape.size} x {shape.size}, "
                f"the view gives {given.height} x {given.width}",
                hint=f"set `data.view.size: {shape.size}`",
            )
        if not 1 <= given.frames <= chosen.frames:
            raise ConfigError(
                f"the view gives {given.frames or 'all'} frames, the model has places for "
                f"{chosen.frames}",
                hint="give the view a sampler with as many frames as `model.frames`",
            )

    def _check_features(self, given: Features, chosen: SignVlmOptions, shape: TowerShape) -> None:
        tokens = chosen.layers if chosen.input == "cls" else shape.grid**2 + 1
        if given.size != tokens * shape.width:
            raise ConfigError(
                f"`model.input: {chosen.input}` reads {tokens} x {shape.width} numbers a "
                f"frame, the build has {given.size}",
                hint="the features must be of the same CLIP and of as many blocks",
            )
        if given.made.get("backend") != "clip":
            return  # nobody tells, or a backend of somebody else
        options = given.made["options"]
        found = (options.get("tokens", "pooled"), options.get("layers", 4))
        if found != (chosen.input, chosen.layers):
            raise ConfigError(
                f"the model reads `{chosen.input}` of {chosen.layers} blocks, "
                f"the build has `{found[0]}` of {found[1]}",
                hint="set `model.input` and `model.layers` to `tokens` and `layers` of the build",
            )
        if chosen.input == "stem" and chosen.random_clip is None:
            same_weights(chosen.clip, given.made["weights"])

    def depth(self, parameter: str, options: BaseModel) -> int:
        """See `ModelPlugin`."""
        part, *rest = parameter.split(".")
        layers = SignVlmOptions.model_validate(options).layers
        if part == "blocks":
            return 1 + int(rest[0])
        return 0 if part in ("query", "tower") else 1 + layers


MODEL: ModelPlugin = SignVlmModel()

_RENAMED: Final = tuple(
    (re.compile(theirs), ours)
    for theirs, ours in (
        (r"^decoder\.cls_token$", "query"),
        (r"^decoder\.temporal_conv\.(\d+)\.", r"blocks.\1.convolution."),
        (r"^decoder\.temporal_pos_embed\.(\d+)$", r"blocks.\1.position"),
        (r"^decoder\.cross_attention\.(\d+)\.w1$", r"blocks.\1.neighbours.before"),
        (r"^decoder\.cross_attention\.(\d+)\.w2$", r"blocks.\1.neighbours.after"),
        (r"^decoder\.decoder_layers\.(\d+)\.attn\.q_proj\.", r"blocks.\1.attention.query."),
        (r"^decoder\.decoder_layers\.(\d+)\.attn\.k_proj\.", r"blocks.\1.attention.key."),
        (r"^decoder\.decoder_layers\.(\d+)\.attn\.v_proj\.", r"blocks.\1.attention.value."),
        (r"^decoder\.decoder_layers\.(\d+)\.attn\.out_proj\.", r"blocks.\1.attention.out."),
        (r"^decoder\.decoder_layers\.(\d+)\.mlp\.fc1\.", r"blocks.\1.widen."),
        (r"^decoder\.decoder_layers\.(\d+)\.mlp\.fc2\.", r"blocks.\1.narrow."),
        (r"^decoder\.decoder_layers\.(\d+)\.norm1\.", r"blocks.\1.query_norm."),
        (r"^decoder\.decoder_layers\.(\d+)\.norm2\.", r"blocks.\1.mlp_norm."),
        (r"^decoder\.decoder_layers\.(\d+)\.norm3\.", r"blocks.\1.token_norm."),
        (r"^proj\.0\.", "norm."),
        (r"^proj\.2\.", "head."),
    )
)


def published_name(theirs: str) -> str | None:
    """Our name of a tensor of a published decoder (EVL, SignVLM); None for what has no place."""
    for pattern, ours in _RENAMED:
        renamed, count = pattern.subn(ours, theirs)
        if count:
            return renamed
    return None

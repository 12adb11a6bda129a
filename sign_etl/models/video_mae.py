"""VideoMAE: a video transformer that learns by drawing hidden tubes, and a classifier out of it.

Tong et al., "VideoMAE" (NeurIPS 2022), with the sizes of the pre-training on many sign data sets
(ICDM 2024 demo track). A test holds it against the model of transformers, whose import would cost
every process seconds; published weights of both are told in `sign_etl.models.video_mae_names`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn

from sign_etl.models.base import Frames, Inputs, ModelPlugin, expect
from sign_etl.models.clips import of_length, square
from sign_etl.models.pose_encoder import sinusoids
from sign_etl.models.video_blocks import EPS, Blocks, Size
from sign_etl.schema.pipeline import Settings

CHANNELS = 3
HEAD_SCALE = 1e-3
"""The head starts this much smaller, so that the first steps move the encoder little."""
SIZES = {
    "tiny": Size(48, 2, 4),
    "small": Size(384, 12, 6),
    "base": Size(768, 12, 12),
    "large": Size(1024, 24, 16),
}
"""By name; `tiny` is for tests and small twins of recipes."""


class VideoMaeOptions(Settings):
    """Options of the model `video-mae`; the defaults are the published sizes of SLT-MAE."""

    size: Literal["tiny", "small", "base", "large"] = "large"
    """Of the encoder."""
    frames: int = Field(default=16, ge=2)
    """T that goes in."""
    picture: int = Field(default=224, ge=16)
    """Height and width in pixels."""
    patch: int = Field(default=16, ge=4)
    """Height and width of a tube in pixels."""
    tubelet: int = Field(default=2, ge=1)
    """Frames of a tube."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Chance that a clip skips the last block; it grows from 0 at the first one."""
    decoder_width: int = Field(default=512, ge=4)
    """Token size in the decoder of the pre-training."""
    decoder_layers: int = Field(default=12, ge=1)
    """Blocks of that decoder."""
    decoder_heads: int = Field(default=8, ge=1)
    """Attention heads of that decoder."""

    @model_validator(mode="after")
    def _whole(self) -> VideoMaeOptions:
        if self.frames % self.tubelet:
            raise ValueError("`frames` must be a multiple of `tubelet`")
        if self.picture % self.patch:
            raise ValueError("`picture` must be a multiple of `patch`")
        if self.decoder_width % self.decoder_heads:
            raise ValueError("`decoder_width` must be a multiple of `decoder_heads`")
        return self

    @property
    def slots(self) -> int:
        """Tubes along time."""
        return self.frames // self.tubelet

    @property
    def places(self) -> int:
        """Tubes of a slot."""
        return (self.picture // self.patch) ** 2

    @property
    def tube(self) -> int:
        """Numbers of a tube: its pixels in three colours."""
        return self.tubelet * self.patch**2 * CHANNELS


class VideoEncoder(nn.Module):
    """Clips to tokens.

    Args:
        options: see `VideoMaeOptions`.
        norm: end with a layer norm, as pre-training does.
    """

    def __init__(self, options: VideoMaeOptions, *, norm: bool) -> None:
        super().__init__()
        size = SIZES[options.size]
        step = (options.tubelet, options.patch, options.patch)
        self.patches = nn.Conv3d(CHANNELS, size.width, step, step)
        self.blocks = Blocks(size, options.drop_path)
        self.norm = nn.LayerNorm(size.width, eps=EPS) if norm else nn.Identity()
        self.count = options.slots * options.places

    def forward(self, clip: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Tokens (B, N, width), slot by slot and row by row; without the hidden ones.

        Args:
            clip: (B, T, 3, H, W), normalised.
            hidden: (B, N) bool, True for tubes that it may not see; equally many in each row.
        """
        tokens = self.patches(clip.transpose(1, 2)).flatten(2).transpose(1, 2)
        where = sinusoids(self.count, tokens.shape[-1], tokens.device)
        tokens = tokens + where.to(tokens.dtype)
        if hidden is not None:
            tokens = tokens[~hidden].reshape(len(tokens), -1, tokens.shape[-1])
        out: Tensor = self.norm(self.blocks(tokens))
        return out


class VideoMae(nn.Module):
    """The form for pre-training: encoder over what is visible, decoder over all.

    Args:
        options: see `VideoMaeOptions`.
    """

    def __init__(self, options: VideoMaeOptions) -> None:
        super().__init__()
        self.options = options
        self.encoder = VideoEncoder(options, norm=True)
        inner = Size(options.decoder_width, options.decoder_layers, options.decoder_heads)
        self.to_decoder = nn.Linear(SIZES[options.size].width, inner.width, bias=False)
        self.hidden = nn.Parameter(torch.zeros(1, 1, inner.width))
        self.decoder = Blocks(inner)
        self.norm = nn.LayerNorm(inner.width, eps=EPS)
        self.draw = nn.Linear(inner.width, options.tube)
        _start(self)
        nn.init.normal_(self.hidden, std=0.02)

    def forward(self, frames: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        """The hidden tubes (B, M, `VideoMaeOptions.tube`), in the order of their tokens.

        Args:
            frames: (B, T, 3, H, W), normalised.
            mask: (B, T) bool, True for real frames.
            hidden: (B, N) bool, True for hidden tubes; equally many in each row.
        """
        clip = of_length(frames, mask, self.options.frames)
        seen = self.to_decoder(self.encoder(clip, hidden))
        rows, _, width = seen.shape
        where = sinusoids(hidden.shape[1], width, seen.device).to(seen.dtype).expand(rows, -1, -1)
        lit = where[~hidden].reshape(rows, -1, width)
        dark = where[hidden].reshape(rows, -1, width)
        tokens = torch.cat([seen + lit, self.hidden.to(seen.dtype) + dark], dim=1)
        out: Tensor = self.draw(self.norm(self.decoder(tokens)[:, seen.shape[1] :]))
        return out


class VideoMaeClassifier(nn.Module):
    """The form for fine-tuning: the mean over all tokens names the sign.

    Args:
        options: see `VideoMaeOptions`.
        outputs: classes, or size of the embedding.
    """

    def __init__(self, options: VideoMaeOptions, outputs: int) -> None:
        super().__init__()
        self.frames = options.frames
        self.encoder = VideoEncoder(options, norm=False)
        width = SIZES[options.size].width
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.head = nn.Linear(width, outputs)
        _start(self)
        with torch.no_grad():
            self.head.weight.mul_(HEAD_SCALE)

    def features(self, frames: Tensor, mask: Tensor) -> Tensor:
        """(B, width): what the head reads, and what similarities of signs are computed from."""
        out: Tensor = self.norm(self.encoder(of_length(frames, mask, self.frames)).mean(1))
        return out

    def forward(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Class scores or embeddings (B, outputs).

        Args:
            frames: (B, T, 3, H, W), normalised.
            mask: (B, T) bool, True for real frames.
        """
        out: Tensor = self.head(self.features(frames, mask))
        return out


def _start(model: nn.Module) -> None:
    """Xavier weights for linear layers; the tubes' convolution is one of them."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv3d):
            nn.init.xavier_uniform_(module.weight.flatten(1))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    if isinstance(model, VideoMaeClassifier):
        nn.init.trunc_normal_(model.head.weight, std=0.02)


def depth(parameter: str, options: VideoMaeOptions) -> int:
    """Depth for layer decay: the tubes 0, blocks 1 to L, everything behind them L + 1."""
    layers = SIZES[options.size].layers
    part, *rest = parameter.split(".")
    if part != "encoder" or rest[0] == "norm":
        return layers + 1
    return 0 if rest[0] == "patches" else 1 + int(rest[2])


class VideoMaeModel:
    """The plug-in, see `ModelPlugin`."""

    name = "video-mae"
    title = "VideoMAE: video transformer, pre-trained by drawing hidden tubes"
    takes = ("clip",)

    def options(self, raw: Mapping[str, Any]) -> VideoMaeOptions:
        """See `ModelPlugin`."""
        return VideoMaeOptions.model_validate(dict(raw))

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> nn.Module:
        """See `ModelPlugin`; without `outputs` the form for pre-training."""
        chosen = VideoMaeOptions.model_validate(options)
        square(expect(inputs, Frames, self.name), chosen.frames, chosen.picture, self.name)
        return VideoMaeClassifier(chosen, outputs) if outputs else VideoMae(chosen)

    def depth(self, parameter: str, options: BaseModel) -> int:
        """See `ModelPlugin`."""
        return depth(parameter, VideoMaeOptions.model_validate(options))


MODEL: ModelPlugin = VideoMaeModel()

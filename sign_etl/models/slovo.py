"""The video networks of Slovo and SignFlow, on torchvision: MViTv2, Swin3D, I3D, S3D, R3D.

Kapitanov et al., "Slovo: Russian Sign Language Dataset" (2023). Each network loses its own head and
gets one that all of them share. `mvitv2-s`, `swin3d-t`, `swin3d-s`, `swin3d-b`, `s3d` and `r3d-18`
are torchvision's, so its Kinetics-400 weights fit (`init.published`); `swin3d-l` is the same in the
size that Slovo published. `i3d` is a ResNet-50 whose every other block looks along time, on
torchvision's blocks; `i3d-nl` has non-local blocks too and the size that Slovo published, see
`sign_etl.models.slovo_i3d`. `mvitv2-tiny` is for tests and small twins of recipes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Frames, Inputs, ModelPlugin, expect
from sign_etl.models.boundary import BoundaryHead
from sign_etl.models.clips import of_length, square
from sign_etl.models.slovo_i3d import i3d
from sign_etl.models.vision import video_networks
from sign_etl.schema.pipeline import Settings

Mvit = Literal["mvitv2-s", "mvitv2-tiny"]
Swin = Literal["swin3d-t", "swin3d-s", "swin3d-b", "swin3d-l"]
Network = Literal[Mvit, Swin, "i3d", "i3d-nl", "s3d", "r3d-18"]


@dataclass(frozen=True, slots=True)
class SwinSize:
    """A Swin transformer's size; heads have 32 channels each.

    Attributes:
        width: of the first stage, doubled by each other one.
        third: blocks of the third stage; the others have two.
    """

    width: int
    third: int


SWIN = {
    "swin3d-t": SwinSize(96, 6),
    "swin3d-s": SwinSize(96, 18),
    "swin3d-b": SwinSize(128, 18),
    "swin3d-l": SwinSize(192, 18),
}
MVIT_STAGES = ((96, 1), (192, 2), (384, 11), (768, 2))
"""Width and blocks of the stages of MViTv2-S (Li et al. 2022, table 1); heads double each time."""
TINY_STAGES = ((16, 1), (32, 1), (64, 1), (128, 1))


class SlovoOptions(Settings):
    """Options of the model `slovo`."""

    network: Network = "mvitv2-s"
    """Which of them."""
    frames: int = Field(default=32, ge=2)
    """T that goes in."""
    picture: int = Field(default=224, ge=32)
    """Height and width in pixels."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Before the head."""
    drop_path: float = Field(default=0.2, ge=0, lt=1)
    """Chance that a clip skips the last block; for MViTv2 and Swin3D."""
    boundary: bool = False
    """A second head that draws where the sign begins and ends, for data whose clips are longer than
    their signs; needs `data.view.spans`."""


class VideoNet(nn.Module):
    """One of torchvision's networks behind our head.

    Args:
        options: see `SlovoOptions`.
        outputs: classes, or size of the embedding.

    Raises:
        ConfigError: the clips are too small for the network.
    """

    def __init__(self, options: SlovoOptions, outputs: int) -> None:
        super().__init__()
        self.frames = options.frames
        self.backbone, width = backbone(options)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(width, outputs)
        self.boundary = BoundaryHead(width) if options.boundary else None
        nn.init.trunc_normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def features(self, frames: Tensor, mask: Tensor) -> Tensor:
        """(B, width): what the head reads, and what similarities of signs are computed from."""
        out: Tensor = self.backbone(of_length(frames, mask, self.frames).transpose(1, 2))
        return out.flatten(1)

    def forward(
        self, frames: Tensor, mask: Tensor, boundary: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Class scores or embeddings (B, outputs).

        Args:
            frames: (B, T, 3, H, W), normalised.
            mask: (B, T) bool, True for real frames.
            boundary: give begin and end of the sign too, (B, 2) shares of the window.

        Raises:
            ConfigError: `boundary` of a model that has not learned it.
        """
        features = self.dropout(self.features(frames, mask))
        out: Tensor = self.head(features)
        if not boundary:
            return out
        if self.boundary is None:
            raise ConfigError(
                "this model draws no boundaries", hint="train it with `model.boundary: true`"
            )
        return out, self.boundary(features)


def backbone(options: SlovoOptions) -> tuple[nn.Module, int]:
    """A network without its head, and the width of what it gives.

    Raises:
        ConfigError: the clips are too small for it.
        MissingExtraError: torchvision is not installed.
    """
    networks: Any = video_networks()
    name = options.network
    if name.startswith("mvitv2"):
        net, width = _mvit(networks, options)
        net.head = nn.Identity()
        return net, width
    if name.startswith("swin3d"):
        size = SWIN[name]
        net = networks.SwinTransformer3d(
            patch_size=[2, 4, 4],
            embed_dim=size.width,
            depths=[2, 2, size.third, 2],
            num_heads=[size.width // 32 << stage for stage in range(4)],
            window_size=[8, 7, 7],
            stochastic_depth_prob=options.drop_path,
        )
        net.head = nn.Identity()
        return net, size.width * 8
    if name == "s3d":
        if options.frames < 14 or options.picture < 224:
            raise ConfigError(
                "`model.network: s3d` takes 14 frames of 224 x 224 or more, not "
                f"{options.frames} of {options.picture} x {options.picture}",
                hint="raise `model.frames` and `model.picture`, and those of the view with them",
            )
        net = networks.s3d(weights=None)
        net.classifier = nn.Identity()
        return net, 1024
    if name == "r3d-18":
        net = networks.r3d_18(weights=None)
    else:
        net = i3d(networks, options.frames, non_local=name == "i3d-nl")
    width, net.fc = net.fc.in_features, nn.Identity()
    return net, int(width)


def _mvit(networks: Any, options: SlovoOptions) -> tuple[Any, int]:
    if options.picture % 32 or options.frames % 2:
        raise ConfigError(
            "MViTv2 takes an even number of frames, and pictures of 32 n x 32 n, not "
            f"{options.frames} of {options.picture} x {options.picture}",
            hint=f"set `model.frames: {options.frames + options.frames % 2}` and "
            f"`model.picture: {options.picture + -options.picture % 32}`, and the view alike",
        )
    size = (options.picture, options.picture)
    stages = MVIT_STAGES if options.network == "mvitv2-s" else TINY_STAGES
    blocks, before = [], stages[0][0]
    for stage, (width, depth) in enumerate(stages):
        for at in range(depth):
            first = stage > 0 and at == 0
            blocks.append(
                networks.mvit.MSBlockConfig(
                    num_heads=2**stage,
                    input_channels=before,
                    output_channels=width,
                    kernel_q=[3, 3, 3],
                    kernel_kv=[3, 3, 3],
                    stride_q=[1, 2, 2] if first else [1, 1, 1],
                    stride_kv=[1, 8 >> stage, 8 >> stage],
                )
            )
            before = width
    net = networks.MViT(
        spatial_size=size,
        temporal_size=options.frames,
        block_setting=blocks,
        residual_pool=True,
        residual_with_cls_embed=False,
        rel_pos_embed=True,
        proj_after_attn=True,
        stochastic_depth_prob=options.drop_path,
    )
    return net, before


class SlovoModel:
    """The plug-in, see `ModelPlugin`."""

    name = "slovo"
    title = "Video networks of Slovo and SignFlow: MViTv2, Swin3D, I3D, S3D, R3D"
    takes = ("clip",)

    def options(self, raw: Mapping[str, Any]) -> SlovoOptions:
        """See `ModelPlugin`."""
        return SlovoOptions.model_validate(dict(raw))

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> nn.Module:
        """See `ModelPlugin`."""
        chosen = SlovoOptions.model_validate(options)
        square(expect(inputs, Frames, self.name), chosen.frames, chosen.picture, self.name)
        return VideoNet(chosen, outputs)

    def depth(self, parameter: str, options: BaseModel) -> int:
        """Stem 0, then blocks or stages in their order, the head last."""
        return _depth(SlovoOptions.model_validate(options).network, parameter)


def _depth(network: Network, parameter: str) -> int:
    part, *rest = parameter.split(".")
    # How many blocks or stages lie behind the stem.
    resnets = {"i3d": 4, "i3d-nl": 4, "r3d-18": 4}
    deepest = {"mvitv2-s": 16, "mvitv2-tiny": 4, "s3d": 15, **resnets}.get(network, 7)
    if part != "backbone" or rest[0] == "norm":
        return deepest + 1
    if rest[0].startswith("layer"):
        return int(rest[0].removeprefix("layer"))
    if rest[0] in ("blocks", "features"):
        return min(deepest, 1 + int(rest[1]))
    return 0


MODEL: ModelPlugin = SlovoModel()

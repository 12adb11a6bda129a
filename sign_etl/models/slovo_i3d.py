"""The ResNet of Slovo: ResNet-50 with every other block inflated along time, and non-local blocks.

Carreira and Zisserman, "Quo Vadis, Action Recognition?" (2017); Wang et al., "Non-local Neural
Networks" (2018), table 1 and section 4. Strides, pattern of inflation and places of the five
non-local blocks are those of the networks that mmaction2 calls I3D, the library that the group's
public recipe is for: frames are halved by the stem, by the pool behind it and by the pool behind
the first stage, so the blocks see an eighth of them.

Nothing but its size is known of the published file: 146.43 MB. Counted: with non-local blocks and
1,001 classes 36,629,289 parameters, of which 36,598,633 are left when the exporter folds the norms
into the convolutions, 146.39 MB; without these blocks 116.99 MB. So they are there. That their
weights are dot products is a guess; embedded Gaussians have as many parameters.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError

BLOCKS = (3, 4, 6, 3)
"""Of the stages of ResNet-50."""
NON_LOCAL_STAGES = (1, 2)
"""Stages, counted from 0, in which every other block has a non-local one behind it."""
LEAST_FRAMES = 5
"""Fewer leave the pool behind the first stage nothing to halve."""


class NonLocal(nn.Module):
    """What a place says, and the mean of what all places say, weighted by how alike they are.

    `x + BN(W(θ(x) φ(x)ᵀ g(x) / N))`, with N places of `φ` and `g`, which see the largest of 2 x 2.
    The norm begins at 0, so that the block changes nothing at first.

    Args:
        channels: of what goes in and comes out; half as many inside.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inside = channels // 2
        self.theta, self.phi, self.g = (nn.Conv3d(channels, inside, 1) for _ in range(3))
        self.smaller = nn.MaxPool3d((1, 2, 2))
        self.out = nn.Conv3d(inside, channels, 1, bias=False)
        self.norm = nn.BatchNorm3d(channels)
        for conv in (self.theta, self.phi, self.g):
            nn.init.normal_(conv.weight, std=0.01)
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)
        nn.init.kaiming_normal_(self.out.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, T, H, W) to the same; H and W are 2 or more, as pictures of 32 x 32 leave them."""
        asked = self.theta(x)
        alike, said = (self.smaller(conv(x)).flatten(2) for conv in (self.phi, self.g))
        # θ (φᵀ g) instead of (θ φᵀ) g: the same, and nothing has the size places x places.
        table = torch.matmul(alike, said.transpose(1, 2) / said.shape[2])
        mean = torch.matmul(table.transpose(1, 2), asked.flatten(2)).reshape_as(asked)
        out: Tensor = x + self.norm(self.out(mean))
        return out


def i3d(networks: Any, frames: int, *, non_local: bool) -> Any:
    """The network with torchvision's own head.

    Args:
        networks: torchvision's module, see `sign_etl.models.vision`.
        frames: T that goes in.
        non_local: with these blocks, as published.

    Raises:
        ConfigError: the clips are too small.
    """
    if frames < LEAST_FRAMES:
        raise ConfigError(
            f"`i3d` halves its frames three times and takes {LEAST_FRAMES} or more, not {frames}",
            hint="raise `model.frames`, and `sampler.frames` of the view with it",
        )
    resnet = networks.resnet

    def stem() -> nn.Module:
        return nn.Sequential(
            nn.Conv3d(3, 64, (5, 7, 7), (2, 2, 2), (2, 3, 3), bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool3d((1, 3, 3), (2, 2, 2), (0, 1, 1)),
        )

    flat = [resnet.Conv3DNoTemporal] * len(BLOCKS)
    net = networks.VideoResNet(resnet.Bottleneck, flat, list(BLOCKS), stem)
    for number, stage in enumerate((net.layer1, net.layer2, net.layer3, net.layer4)):
        for at, block in enumerate(stage):
            # All of the first stage, every other block of those behind it.
            if number == 0 or at % 2 == int(number == len(BLOCKS) - 1):
                old = block.conv1[0]
                inflated = nn.Conv3d(
                    old.in_channels, old.out_channels, (3, 1, 1), padding=(1, 0, 0), bias=False
                )
                nn.init.kaiming_normal_(inflated.weight, mode="fan_out", nonlinearity="relu")
                block.conv1[0] = inflated
    net.layer1.append(nn.MaxPool3d((2, 1, 1)))
    if non_local:
        for number in NON_LOCAL_STAGES:
            name = f"layer{number + 1}"
            stage = getattr(net, name)
            setattr(net, name, nn.Sequential(*_with_non_local(stage)))
    return net


def _with_non_local(stage: nn.Sequential) -> list[nn.Module]:
    found: list[nn.Module] = []
    for at, block in enumerate(stage):
        found.append(block)
        if at % 2:
            narrow: Any = block
            found.append(NonLocal(narrow.conv3[0].out_channels))
    return found

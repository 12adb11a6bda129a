"""Mixup and cutmix: two clips of a micro-batch become one, and so do their targets.

Zhang et al., "mixup: Beyond Empirical Risk Minimization" (ICLR 2018); Yun et al., "CutMix" (ICCV
2019). One draw for a micro-batch, whose clips are paired first with last. Draws come from torch's
generator, which a training seeds for each micro-batch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from sign_etl.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Mixing:
    """How clips are mixed.

    Attributes:
        mixup: of the Beta distribution of the share; 0 for no mixup.
        cutmix: the same for the area that is cut out; 0 for no cutmix.
        probability: of mixing a micro-batch at all.
        switch: of cutmix, where both are on.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    probability: float = 1.0
    switch: float = 0.5

    def __bool__(self) -> bool:
        """Whether anything is mixed."""
        return (self.mixup > 0 or self.cutmix > 0) and self.probability > 0

    def __call__(self, values: Tensor, mask: Tensor, target: Tensor) -> tuple[Tensor, ...]:
        """Mixed values, mask and targets.

        Args:
            values: (B, T, ...), padding 0; pictures (B, T, 3, H, W) for cutmix.
            mask: (B, T) bool.
            target: (B, C) shares of the classes.

        Raises:
            ConfigError: cutmix of something that has no area.
        """
        if not self or len(values) < 2 or float(torch.rand(())) >= self.probability:
            return values, mask, target
        cut = self.cutmix > 0 and (self.mixup == 0 or float(torch.rand(())) < self.switch)
        share = _beta(self.cutmix if cut else self.mixup)
        others = values.flip(0)
        if cut:
            if values.dim() != 5:
                raise ConfigError(
                    "cutmix cuts areas out of pictures", hint="set `task.cutmix: 0` for this view"
                )
            top, bottom, left, right = box(values.shape[-2], values.shape[-1], share)
            mixed = values.clone()
            mixed[..., top:bottom, left:right] = others[..., top:bottom, left:right]
            share = 1 - (bottom - top) * (right - left) / (values.shape[-2] * values.shape[-1])
        else:
            mixed = share * values + (1 - share) * others
        return mixed, mask | mask.flip(0), share * target + (1 - share) * target.flip(0)


def box(height: int, width: int, share: float) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of a box about a random centre, cut at the edges of the picture.

    Args:
        height: of the picture.
        width: of the picture.
        share: of the area that stays outside, before the cut.
    """
    side = math.sqrt(1 - share)
    tall, wide = int(height * side), int(width * side)
    middle = (int(torch.randint(height, ())), int(torch.randint(width, ())))
    top, bottom = max(0, middle[0] - tall // 2), min(height, middle[0] + tall // 2)
    left, right = max(0, middle[1] - wide // 2), min(width, middle[1] + wide // 2)
    return top, bottom, left, right


def _beta(alpha: float) -> float:
    return float(torch.distributions.Beta(alpha, alpha).sample())

"""Clips of a fixed length: what networks for video take."""

from __future__ import annotations

import torch
from torch import Tensor

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Frames


def of_length(frames: Tensor, mask: Tensor, length: int) -> Tensor:
    """Clips (B, `length`, ...), the last real frame standing where there is none.

    Args:
        frames: (B, T, ...), T at most `length`.
        mask: (B, T) bool, True for real frames, which come first.
        length: frames that the network takes.

    Raises:
        ConfigError: clips are longer.
    """
    given = frames.shape[1]
    if given > length:
        raise ConfigError(
            f"clips have {given} frames, the model takes {length}",
            hint="give the view a sampler with as many frames as the model",
        )
    last = mask.sum(1, keepdim=True).clamp(min=1) - 1
    wanted = torch.minimum(torch.arange(length, device=frames.device)[None], last)
    rows = torch.arange(frames.shape[0], device=frames.device)[:, None]
    return frames[rows, wanted]


def square(given: Frames, frames: int, side: int, model: str) -> None:
    """Refuse clips of other sizes than the network's.

    Raises:
        ConfigError: frames, height or width differ.
    """
    if given.frames not in (0, frames) or (given.height, given.width) != (side, side):
        raise ConfigError(
            f"the model `{model}` takes {frames} frames of {side} x {side}, the view gives "
            f"{given.frames} of {given.height} x {given.width}",
            hint="set `sampler.frames` and `size` of the view, or `frames` and `picture` here",
        )

"""Names of torchvision's video weights, for the networks of `sign_etl.models.slovo`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from sign_etl.core.errors import ConfigError

HEADS = ("head.1.", "head.", "fc.", "classifier.1.")
"""What torchvision's networks call their last layer."""


def from_torchvision(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Weights of torchvision under our names.

    A head of other classes is left out, and so is one for boundaries; tables of relative positions
    of MViTv2 are stretched where the clips have another length or size.

    Args:
        state: a state dict of the same network.
        wanted: of ours.

    Returns:
        Exactly the names of `wanted`.

    Raises:
        ConfigError: a name is unknown or missing, or a size is another one.
    """
    taken: dict[str, Tensor] = {}
    for theirs, found in state.items():
        name = theirs.removeprefix("module.")
        head = next((lead for lead in HEADS if name.startswith(lead)), None)
        ours = f"backbone.{name}" if head is None else f"head.{name.removeprefix(head)}"
        if ours not in wanted:
            raise ConfigError(
                f"the weights have `{theirs}`, the model has no place for it",
                hint="set `model.network` to the one that they are of",
            )
        target, tensor = wanted[ours], found
        if head is not None:
            same = tensor.numel() == target.numel()
            tensor = tensor.reshape(target.shape) if same else target
        elif re.search(r"\.rel_pos_[hwt]$", name) and len(tensor) != len(target):
            line = tensor.float().T[None]
            line = nn.functional.interpolate(line, size=len(target), mode="linear")
            tensor = line[0].T.to(tensor.dtype)
        if tensor.shape != target.shape:
            raise ConfigError(
                f"`{theirs}` has shape {tuple(tensor.shape)}, "
                f"the model wants {tuple(target.shape)}",
                hint="`model.network`, `frames` and `picture` must be those of the weights",
            )
        taken[ours] = tensor
    taken |= {name: each for name, each in wanted.items() if name.startswith("boundary.")}
    missing = sorted(name for name in wanted if name not in taken)
    if missing:
        raise ConfigError(
            f"the weights lack {len(missing)} parts, the first is `{missing[0]}`",
            hint="set `model.network` to the one that they are of",
        )
    return taken


def is_torchvision(wanted: Mapping[str, Tensor]) -> bool:
    """Whether a model of ours is one of torchvision's behind our head."""
    return any(name.startswith("backbone.") for name in wanted)

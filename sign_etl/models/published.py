"""Published weights into our models: which of their names is which of ours.

SPOTER's are those of `torch.nn.Transformer`, with or without its wrapper `module.` of data-parallel
training. The classifier also keeps a table `row_embed`, of which only a copy of the first row was
ever used (`pos`); it is left out. Uni-Sign's are told in `sign_etl.models.unisign`, those of
SignVLM's decoder in `sign_etl.models.signvlm`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from sign_etl.core.errors import ConfigError
from sign_etl.models import signvlm, unisign
from sign_etl.models.clip_tower import DIGEST
from sign_etl.models.slovo_names import from_torchvision, is_torchvision
from sign_etl.models.video_mae_names import from_video_mae, is_video_mae

_RENAMED = (
    (re.compile(r"^(?:pos|pos_encoding)$"), "encoder.position.vectors"),
    (re.compile(r"^class_query$"), "query"),
    (re.compile(r"^transformer\.encoder\.norm\."), "encoder.blocks.norm."),
    (re.compile(r"^transformer\.encoder\.layers\."), "encoder.blocks.layers."),
    (re.compile(r"^transformer\.decoder\.norm\."), "norm."),
    (re.compile(r"^transformer\.decoder\.layers\."), "decoder."),
    (re.compile(r"^(?:linear_class|linear_embed)\."), "head."),
)
_UNUSED = frozenset({"row_embed", "fusion_pose_rgb_linear.weight", "fusion_pose_rgb_linear.bias"})
"""Published, and read by nothing in the published code."""


def from_published(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under our names and in our shapes.

    Args:
        state: a published state dict: SPOTER's classifier or embedding form, Uni-Sign, the
            decoder of EVL and SignVLM.
        wanted: the state dict of our model; of SPOTER built with `compat: published`.

    Returns:
        Exactly the names of `wanted`. What begins anew, since weights of an earlier stage have
        nothing for it, is that of `wanted`.

    Raises:
        ConfigError: a name is unknown, missing, or has other numbers than ours.
    """
    if is_torchvision(wanted):
        return from_torchvision(state, wanted)
    if is_video_mae(state):
        return from_video_mae(state, wanted)
    renamed: dict[str, Tensor] = {}
    name_of = _naming(state)
    for theirs, tensor in state.items():
        name = theirs.removeprefix("module.")
        if name in _UNUSED:
            continue
        ours = name_of(name)
        if ours is None or ours not in wanted:
            raise ConfigError(
                f"the weights have `{theirs}`, the model has no place for it",
                hint="build it with `compat: published` and the published number of layers",
            )
        target = wanted[ours]
        # (1, 1, D), (1, D) and so on are the same vector.
        if tensor.squeeze().shape != target.squeeze().shape:
            raise ConfigError(
                f"`{theirs}` has shape {tuple(tensor.shape)}, "
                f"the model wants {tuple(target.shape)}",
                hint="set the sizes under `model` to those of the weights",
            )
        found = tensor.reshape(target.shape)
        if ours in renamed and not torch.equal(renamed[ours], found):
            raise ConfigError(
                f"`{theirs}` is another one than its twin, the model has one for both",
                hint="download the weights anew: the published twins are equal",
            )
        renamed[ours] = found
    # What is frozen is told by its digest, which nobody has published.
    renamed |= {name: tensor for name, tensor in wanted.items() if name.endswith(DIGEST)}
    if name_of is unisign.published_name:
        renamed = unisign.with_new_hands(renamed, wanted)
    missing = sorted(set(wanted) - set(renamed))
    if missing:
        raise ConfigError(
            f"the weights lack {len(missing)} parts, the first is `{missing[0]}`",
            hint="name all of the published weights, and set the sizes under `model` to theirs",
        )
    return renamed


def _naming(state: Mapping[str, Tensor]) -> Callable[[str], str | None]:
    """The key map of a state dict, known by names that no other system has."""
    plain = [name.removeprefix("module.") for name in state]
    if any(name.startswith("fusion_gcn_modules.") for name in plain):
        return unisign.published_name
    if any(name.startswith("decoder.decoder_layers.") for name in plain):
        return signvlm.published_name
    return _renamed


def _renamed(name: str) -> str:
    for pattern, ours in _RENAMED:
        renamed, count = pattern.subn(ours, name)
        if count:
            return renamed
    return name

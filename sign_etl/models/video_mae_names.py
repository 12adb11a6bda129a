"""Names of VideoMAE's published weights: which are which of ours, in both directions.

Two forms are published. VideoMAE's own code keeps query, key and value of a block in one matrix and
their biases apart; transformers keeps three layers. Either has a form for pre-training (encoder,
decoder) and one for fine-tuning (encoder, norm, head).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from sign_etl.core.errors import ConfigError

_BLOCK = (
    ("before", "norm1", "layernorm_before"),
    ("after", "norm2", "layernorm_after"),
    ("out", "attn.proj", "attention.output.dense"),
    ("inner", "mlp.fc1", "intermediate.dense"),
    ("outer", "mlp.fc2", "output.dense"),
)
_JOINED = ("query", "key", "value")
_TUNED = (
    ("encoder.patches", "patch_embed.proj", "videomae.embeddings.patch_embeddings.projection"),
    ("norm", "fc_norm", "fc_norm"),
    ("head", "head", "classifier"),
)
_PRETRAINED = (
    (
        "encoder.patches",
        "encoder.patch_embed.proj",
        "videomae.embeddings.patch_embeddings.projection",
    ),
    ("encoder.norm", "encoder.norm", "videomae.layernorm"),
    ("to_decoder", "encoder_to_decoder", "encoder_to_decoder"),
    ("hidden", "mask_token", "mask_token"),
    ("norm", "decoder.norm", "decoder.norm"),
    ("draw", "decoder.head", "decoder.head"),
)
_OUR_LAYER = re.compile(r"^(encoder\.blocks|decoder)\.layers\.(\d+)\.(.+)$")


def is_video_mae(state: Mapping[str, Tensor]) -> bool:
    """Whether these are weights of VideoMAE, in any of the published forms."""
    return any(
        name.endswith(("patch_embed.proj.weight", "patch_embeddings.projection.weight"))
        for name in state
    )


def published_names(wanted: Mapping[str, Tensor], *, transformers: bool) -> dict[str, str]:
    """Our names to the published ones.

    The parts of a joined matrix are told as `NAME#query`, `NAME#key` and `NAME#value`.

    Args:
        wanted: the state dict of our model.
        transformers: names of that library instead of VideoMAE's own code.
    """
    column = 2 if transformers else 1
    pretrained = "hidden" in wanted
    tables = {row[0]: row[column] for row in (_PRETRAINED if pretrained else _TUNED)}
    inside = {row[0]: row[column] for row in _BLOCK}
    found = {}
    for ours in wanted:
        layer = _OUR_LAYER.match(ours)
        if layer is None:
            stem, _, kind = ours.rpartition(".") if ours not in tables else (ours, "", "")
            found[ours] = f"{tables[stem]}.{kind}" if kind else tables[stem]
            continue
        side, number, rest = layer.groups()
        encoder = side.startswith("encoder")
        if transformers:
            where = "videomae.encoder.layer" if encoder else "decoder.decoder_layers"
        else:
            where = ("encoder.blocks" if pretrained else "blocks") if encoder else "decoder.blocks"
        lead = f"{where}.{number}"
        part, _, kind = rest.rpartition(".")
        if part in _JOINED:
            found[ours] = f"{lead}.{_attention(part, kind, transformers)}"
        else:
            found[ours] = f"{lead}.{inside[part]}.{kind}"
    return found


def _attention(part: str, kind: str, transformers: bool) -> str:
    if transformers:
        return f"attention.attention.{part}.{kind}"
    return f"attn.qkv.weight#{part}" if kind == "weight" else f"attn.{part[0]}_bias"


def from_video_mae(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Published weights under our names.

    A classifier takes the encoder of pre-trained weights and keeps its own norm and head; it keeps
    its own head, too, where the published one has other classes.

    Args:
        state: a published state dict, see the module.
        wanted: the state dict of our model.

    Returns:
        Exactly the names of `wanted`.

    Raises:
        ConfigError: a name is unknown or missing, or a size is another one.
    """
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    transformers = any(name.startswith("videomae.") for name in state)
    state = _split_biases(state) if transformers else state
    pretrained = any(name.startswith("decoder.") for name in state)
    head_only = pretrained and "hidden" not in wanted
    names = published_names(wanted, transformers=transformers)
    if head_only:
        # The encoder's names have a prefix in the form for pre-training, and no head goes with it.
        lead = "" if transformers else "encoder."
        names = {o: f"{lead}{t}" for o, t in names.items() if o.startswith("encoder.")}
        aside = ("decoder.", "encoder_to_decoder", "mask_token", "encoder.norm.")
        state = {n: t for n, t in state.items() if not n.startswith((*aside, "videomae.layernorm"))}
    taken = {}
    for ours, theirs in names.items():
        whole, _, part = theirs.partition("#")
        if whole not in state:
            raise ConfigError(
                f"the weights lack `{whole}`",
                hint="set `model.size` and the decoder to the sizes of the weights",
            )
        tensor = state[whole]
        if part:
            tensor = tensor.chunk(3)[_JOINED.index(part)]
        if tensor.shape != wanted[ours].shape and ours.startswith("head."):
            tensor = wanted[ours]
        if tensor.shape != wanted[ours].shape:
            raise ConfigError(
                f"`{whole}` has shape {tuple(tensor.shape)}, "
                f"the model wants {tuple(wanted[ours].shape)}",
                hint="set `model.size` to the size of the weights",
            )
        taken[ours] = tensor
    known = {theirs.partition("#")[0] for theirs in names.values()}
    unknown = sorted(set(state) - known)
    if unknown:
        raise ConfigError(
            f"the weights have `{unknown[0]}`, the model has no place for it",
            hint="set `model.size` and the decoder to the sizes of the weights",
        )
    return {**wanted, **taken}


def to_video_mae(state: Mapping[str, Tensor], *, transformers: bool = False) -> dict[str, Tensor]:
    """Our weights under the published names, for those who use VideoMAE's code or transformers.

    Args:
        state: the state dict of our model.
        transformers: names of that library instead of VideoMAE's own code.
    """
    found: dict[str, Tensor] = {}
    joined: dict[str, dict[str, Tensor]] = {}
    for ours, theirs in published_names(state, transformers=transformers).items():
        whole, _, part = theirs.partition("#")
        if part:
            joined.setdefault(whole, {})[part] = state[ours]
        else:
            found[whole] = state[ours]
    for whole, parts in joined.items():
        found[whole] = torch.cat([parts[part] for part in _JOINED])
    return found


def _split_biases(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Older files of transformers keep the biases beside query and value."""
    pattern = re.compile(r"\.(q|v)_bias$")
    names = {"q": ".query.bias", "v": ".value.bias"}
    return {pattern.sub(lambda m: names[m[1]], name): tensor for name, tensor in state.items()}

"""Uni-Sign: part graphs whose vectors a multilingual T5 reads behind a prompt.

Li et al., ICLR 2025 (arXiv 2501.15187), rebuilt from its facts. The language model comes from a
local folder or a hub name through transformers, its tokenizer with it. On the view `crop` pictures
of the hands help (second stage); weights of the first stage fit without them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Final, Literal

import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from sign_etl.core.errors import AccessError, ConfigError
from sign_etl.models.base import Crops, Inputs, Keypoints, ModelPlugin, expect
from sign_etl.models.hand_pictures import HandCrops, HandPictures, torchvision_name
from sign_etl.models.part_graphs import CHANNELS, LAYOUT, WIDTH, PartGraphs
from sign_etl.models.random_mt5 import RANDOM, byte_tokenizer, random_mt5
from sign_etl.schema.pipeline import Settings

IGNORED = -100
"""Label of padding, which costs nothing."""


class UniSignOptions(Settings):
    """Options of the model `unisign`."""

    language_model: str = "google/mt5-base"
    """Folder or hub name of a T5 or mT5 with its tokenizer; `random`: a small one, for trials."""
    freeze_language_model: bool = False
    """Train the pose side alone."""
    graph_width: int = Field(default=WIDTH, ge=8, multiple_of=4)
    """Channels of the graph network of each part."""
    hand_weights: str = "imagenet"
    """On the view `crop`: where the picture network begins: `imagenet`, `random`, or a file."""
    compat: Literal["none", "published"] = "none"
    """`published`: the gate of the pictures begins where no gradient can open it."""
    random_language_model: bool = False
    """Take the architecture of the language model and not its weights."""


class UniSign(nn.Module):
    """The network.

    Args:
        language: an encoder-decoder of transformers.
        width: channels of the graph network of each part.
        freeze: do not train the language model.
        hands: what looks at pictures of hands; None for poses alone.
    """

    def __init__(
        self,
        language: Any,
        *,
        width: int = WIDTH,
        freeze: bool = False,
        hands: HandPictures | None = None,
    ) -> None:
        super().__init__()
        self.poses = PartGraphs(language.config.d_model, width)
        self.hands = hands
        self.language = language
        for module in self.poses.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)
        if freeze:
            self.language.requires_grad_(False)

    def forward(
        self,
        points: Tensor,
        mask: Tensor,
        prompt: Tensor,
        labels: Tensor,
        crops: HandCrops | None = None,
    ) -> Tensor:
        """Scores (B, L, vocabulary) of each token of the target, given those before it.

        Args:
            points: (B, T, 69, 3), normalised, finite.
            mask: (B, T) bool, True for real frames.
            prompt: (P,) token ids, the same for all.
            labels: (B, L) token ids, `IGNORED` for padding.
            crops: pictures of hands, for a model that looks at them.
        """
        embedded, attention = self._encoded(points, mask, prompt, crops)
        found = self.language(inputs_embeds=embedded, attention_mask=attention, labels=labels)
        return torch.as_tensor(found.logits)

    def generate(
        self,
        points: Tensor,
        mask: Tensor,
        prompt: Tensor,
        crops: HandCrops | None = None,
        *,
        beams: int,
        longest: int,
    ) -> Tensor:
        """Token ids (B, up to `longest` + 1) by beam search."""
        embedded, attention = self._encoded(points, mask, prompt, crops)
        found = self.language.generate(
            inputs_embeds=embedded,
            attention_mask=attention,
            num_beams=beams,
            max_new_tokens=longest,
            do_sample=False,
        )
        return torch.as_tensor(found)

    def _encoded(
        self, points: Tensor, mask: Tensor, prompt: Tensor, crops: HandCrops | None
    ) -> tuple[Tensor, Tensor]:
        see: Callable[[Tensor], Tensor] | None = None
        if self.hands is not None and crops is not None:
            see = partial(self.hands, mask=mask, crops=crops)
        poses = self.poses(points, mask, see)
        words = self.language.get_input_embeddings()(prompt).expand(len(points), -1, -1)
        seen = mask.new_ones(len(points), len(prompt))
        embedded = torch.cat([words.to(poses.dtype), poses], dim=1)
        return embedded, torch.cat([seen, mask], dim=1).to(torch.long)


@lru_cache(maxsize=2)
def tokenizer_of(name: str) -> Any:
    """The tokenizer of a language model.

    Raises:
        AccessError: it is not there.
    """
    from transformers import AutoTokenizer

    if name == RANDOM:
        return byte_tokenizer()
    try:
        return AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise _absent(name) from error


def language_model(options: UniSignOptions) -> Any:
    """The language model with its weights; on torch's `meta` device, or where told so, without.

    Raises:
        AccessError: it is not there.
        ConfigError: it is no encoder-decoder.
    """
    from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedConfig

    name = options.language_model
    if name == RANDOM:
        return random_mt5()
    bare = options.random_language_model or torch.empty(0).device.type == "meta"
    try:
        config = AutoConfig.from_pretrained(name)
        if not config.is_encoder_decoder:
            raise ConfigError(
                f"`{name}` is no encoder-decoder", hint="take a T5 or an mT5, as google/mt5-base"
            )
        if bare:
            make: Any = AutoModelForSeq2SeqLM.from_config
            raw, _ = PreTrainedConfig.get_config_dict(name)
            return make(config) if raw.get("tie_word_embeddings", True) else untied(make(config))
        return AutoModelForSeq2SeqLM.from_pretrained(name, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise _absent(name) from error


def untied(language: Any) -> Any:
    """A T5 whose output layer has weights of its own, as those of mT5.

    transformers ties every T5 that it makes from a configuration, whatever that says; of weights
    that it loads, it ties equal ones.
    """
    language.lm_head.weight = nn.Parameter(language.lm_head.weight.detach().clone())
    return language


def _absent(name: str) -> AccessError:
    return AccessError(
        f"the language model `{name}` cannot be loaded",
        hint="set `model.language_model` to a folder that holds it with its tokenizer, as "
        "`huggingface-cli download google/mt5-base --local-dir DIR` makes one",
    )


class UniSignModel:
    """The plug-in, see `ModelPlugin`."""

    name = "unisign"
    title = "Uni-Sign: part graphs and a multilingual T5"
    takes: tuple[str, ...] = ("pose", "crop")

    def options(self, raw: Mapping[str, Any]) -> UniSignOptions:
        """See `ModelPlugin`."""
        return UniSignOptions.model_validate(dict(raw))

    def build(self, options: BaseModel, *, inputs: Inputs, outputs: int) -> nn.Module:
        """See `ModelPlugin`; `outputs` has no meaning here."""
        given = inputs.keypoints if isinstance(inputs, Crops) else inputs
        given = expect(given, Keypoints, self.name)
        if given != Keypoints(LAYOUT.size, CHANNELS - 1):
            raise ConfigError(
                f"the model `{self.name}` reads {LAYOUT.name}, not {given.points} points",
                hint="give the view `layout: unisign-69` and the transform `unisign`",
            )
        chosen = UniSignOptions.model_validate(options)
        hands = None
        if isinstance(inputs, Crops):
            hands = HandPictures(
                chosen.graph_width,
                weights=chosen.hand_weights,
                published=chosen.compat == "published",
            )
        return UniSign(
            language_model(chosen),
            width=chosen.graph_width,
            freeze=chosen.freeze_language_model,
            hands=hands,
        )

    def depth(self, parameter: str, options: BaseModel) -> int:
        """See `ModelPlugin`: what sees is new, the language model deep."""
        return 0 if parameter.startswith("language.") else 1


MODEL: ModelPlugin = UniSignModel()

_PARTS = {"body": "body", "left": "hand", "right": "hand", "face_all": "face"}
_BLOCK = {
    "gcn.A": "graph",
    "gcn.conv": "mix",
    "gcn.bn": "mix_norm",
    "tcn.0": "time",
    "tcn.1": "time_norm",
    "residual.0": "skip",
    "residual.1": "skip_norm",
}
_CHAINS = {"gcn_modules": "spatial", "fusion_gcn_modules": "temporal"}
_LAYER = re.compile(r"^(\w+)\.(\w+)\.layer(\d+)_(\d+)\.(gcn\.\w+|tcn\.\d|residual\.\d)(.*)$")

_HANDS: Final = {
    "rgb_proj.": "project.",
    "fusion_pose_rgb_DA.cross_attn.": "fusion.look.",
    "fusion_pose_rgb_DA.pe_layer.positional_encoding_gaussian_matrix": "fusion.frequencies",
    "fusion_pose_rgb_DA.to_offsets.0.": "fusion.scale_offset.",
    "fusion_pose_rgb_DA.to_offsets.2.": "fusion.offset.",
    "fusion_pose_rgb_DA.rel_pos_bias.mlp.0.0.": "fusion.near.0.",
    "fusion_pose_rgb_DA.rel_pos_bias.mlp.1.0.": "fusion.near.2.",
    "fusion_pose_rgb_DA.rel_pos_bias.mlp.2.": "fusion.near.4.",
    "fusion_pose_rgb_DA.to_q.": "fusion.query.",
    "fusion_pose_rgb_DA.to_k.": "fusion.key.",
    "fusion_pose_rgb_DA.to_v.": "fusion.value.",
    "fusion_pose_rgb_DA.to_out.": "fusion.out.",
    "fusion_gate.0.": "fusion.gate_in.",
    "fusion_gate.2.": "fusion.gate_out.",
}


def published_name(theirs: str) -> str | None:
    """Our name of a tensor of a published Uni-Sign checkpoint, with pictures of hands or without.

    Both hands are one network here and two names there; None for what has no place.
    """
    found = _LAYER.match(theirs)
    if found and found[1] in _CHAINS and found[2] in _PARTS:
        stage, depth = int(found[3]), int(found[4])
        place = f"poses.networks.{_PARTS[found[2]]}.{_CHAINS[found[1]]}.{stage + depth}"
        return f"{place}.{_BLOCK[found[5]]}{found[6]}"
    head, _, rest = theirs.partition(".")
    if head == "proj_linear":
        part, _, tail = rest.partition(".")
        return f"poses.networks.{_PARTS[part]}.embed.{tail}" if part in _PARTS else None
    if head == "mt5_model":
        return f"language.{rest}"
    if head == "rgb_support_backbone":
        found_name = torchvision_name(rest.removeprefix("0."))
        return f"hands.backbone.{found_name}" if found_name else None
    for begins, ours in _HANDS.items():
        if theirs.startswith(begins):
            return f"hands.{ours}{theirs.removeprefix(begins)}"
    return {
        "part_para": "poses.part_bias",
        "pose_proj.weight": "poses.project.weight",
        "pose_proj.bias": "poses.project.bias",
    }.get(theirs)


def with_new_hands(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the stage without pictures, with hands that begin anew; all others as they are."""
    hands = {name: tensor for name, tensor in wanted.items() if name.startswith("hands.")}
    return {**found} if hands.keys() & found.keys() else {**found, **hands}

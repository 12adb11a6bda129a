"""Uni-Sign's second stage: pictures of the hands help where their keypoints are uncertain.

EfficientNet-B0 turns a crop of a hand into a grid of features. The joints look at all of it, then
at places near themselves, moved by learned offsets (deformable attention, Xia et al., CVPR 2022,
with the relative positions of Liu et al., arXiv 2111.09883); a gate mixes what they see into the
features of the pose. The gate begins closed, so that the second stage begins as the first one
ended. Li et al., ICLR 2025 (arXiv 2501.15187), rebuilt from facts.

As published, the gate begins at the point where ReLU has no slope and with all its weights at zero:
no gradient ever opens it. Here the first layer of the gate begins at random, and where the gate is
closed a gradient that would open it gets through: pictures that are noise at first close it within
a few steps, and it must not stay so. `published` brings the other behaviour back.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn

from sign_etl.core.errors import AccessError, ConfigError, MissingExtraError
from sign_etl.models.pose_encoder import sinusoids

BACKBONE: Final = "efficientnet_b0"
FEATURES: Final = 1280
"""Channels of its last layer."""
HEADS: Final = 8
"""Of both attentions, and groups of offsets."""
REACH: Final = 4 / 6
"""Greatest offset, in halves of a crop."""


class HandCrops(NamedTuple):
    """Crops of a batch: N frames of each clip, padded, left hand first.

    Attributes:
        pictures: (B, N, 2, 3, S, S), normalised as ImageNet.
        joints: (B, N, 2, 21, 3), x and y in the crop from 0 to 1, score; all 0 without a hand.
        places: (B, N), the frame of each in the clip.
        mask: (B, N) bool, True for real ones.
    """

    pictures: Tensor
    joints: Tensor
    places: Tensor
    mask: Tensor


class DeformableFusion(nn.Module):
    """Joints look at the picture of their hand.

    Args:
        width: channels of a joint, a multiple of `HEADS`.
        published: the gate as published, which stays closed.
    """

    frequencies: Tensor

    def __init__(self, width: int, *, published: bool) -> None:
        super().__init__()
        self.published = published
        each = width // HEADS
        self.look = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.register_buffer("frequencies", torch.randn(2, width // 2))
        self.query = nn.Conv1d(width, width, 1, groups=HEADS, bias=False)
        self.key = nn.Conv1d(width, width, 1, groups=HEADS, bias=False)
        self.value = nn.Conv1d(width, width, 1, groups=HEADS, bias=False)
        self.out = nn.Conv1d(width, width, 1)
        self.scale_offset = nn.Conv1d(each, each, 1, groups=each)
        self.offset = nn.Conv1d(each, 2, 1, bias=False)
        near = max(1, width // 4)
        self.near = nn.Sequential(
            nn.Linear(2, near), nn.ReLU(), nn.Linear(near, near), nn.ReLU(), nn.Linear(near, 1)
        )
        self.gate_in = nn.Conv1d(2 * width, width, 1)
        self.gate_out = nn.Conv1d(width, 1, 1)
        for layer in (self.gate_in, self.gate_out) if published else (self.gate_out,):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(torch.as_tensor(layer.bias))

    def forward(self, pose: Tensor, picture: Tensor, joints: Tensor) -> Tensor:
        """Features (M, C, V) of M hands, with what their joints see.

        Args:
            pose: (M, C, V).
            picture: (M, C, G, G), the crop's features.
            joints: (M, V, 2) in the crop, from 0 to 1.
        """
        count, width, points = pose.shape
        tokens = picture.flatten(2).transpose(1, 2)
        tokens = tokens + sinusoids(tokens.shape[1], width).to(tokens)
        asked = pose.transpose(1, 2) + self._place(joints).to(pose.dtype)
        looked, _ = self.look(asked, tokens, tokens, need_weights=False)
        queries = self.query(pose + looked.transpose(1, 2))

        grouped = queries.reshape(count * HEADS, -1, points)
        moved = self.offset(nn.functional.gelu(self.scale_offset(grouped)))
        moved = REACH * torch.tanh(moved).transpose(1, 2)
        own = (2 * joints - 1).repeat_interleave(HEADS, dim=0).to(moved.dtype)
        seen = nn.functional.grid_sample(
            picture.reshape(count * HEADS, -1, *picture.shape[2:]).float(),
            (own + moved)[:, None].float(),
            mode="bilinear",
            padding_mode="zeros",
            align_corners=False,
        ).to(pose.dtype)
        seen = seen.reshape(count, width, points)

        heads = (count, HEADS, -1, points)
        query, key, value = (
            part.reshape(heads).transpose(2, 3)
            for part in (queries, self.key(seen), self.value(seen))
        )
        mixed = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=self._nearness(own, own + moved).to(query.dtype)
        )
        fused = self.out(mixed.transpose(2, 3).reshape(count, width, points))
        gate = torch.tanh(
            self.gate_out(nn.functional.gelu(self.gate_in(torch.cat([fused, pose], dim=1))))
        )
        gate = torch.relu(gate) if self.published else _opened(gate)
        return torch.as_tensor(gate * fused + (1 - gate) * pose)

    def _place(self, joints: Tensor) -> Tensor:
        """(M, V, C) random Fourier features of places."""
        angles = 2 * math.pi * ((2 * joints.float() - 1) @ self.frequencies)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def _nearness(self, own: Tensor, seen: Tensor) -> Tensor:
        """(M, HEADS, V, V) learned from the distance of joints and of what is looked at."""
        apart = own[:, :, None] - seen[:, None]
        apart = apart.sign() * torch.log1p(apart.abs())
        found: Tensor = self.near(apart)
        return found.reshape(-1, HEADS, *found.shape[1:3])


class _Gate(torch.autograd.Function):
    """ReLU, whose closed places can be opened by a gradient but not closed any further."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return torch.where((values > 0) | (slope < 0), slope, 0)


def _opened(values: Tensor) -> Tensor:
    gate: Any = _Gate.apply
    return torch.as_tensor(gate(values))


class HandPictures(nn.Module):
    """Crops of hands into the features of their joints.

    Args:
        width: channels of a joint.
        weights: `random`; `imagenet`, which timm downloads; or a file of EfficientNet-B0 weights
            under the names of timm or torchvision.
        published: see `DeformableFusion`.

    Raises:
        ConfigError: `width` is no multiple of 8, or the weights are others.
        AccessError: the weights are not there.
    """

    def __init__(self, width: int, *, weights: str = "random", published: bool = False) -> None:
        super().__init__()
        if width % HEADS:
            raise ConfigError(
                f"with pictures `model.graph_width` is a multiple of {HEADS}, not {width}",
                hint=f"set `model.graph_width: {width + -width % HEADS}`",
            )
        self.backbone = backbone(weights)
        self.project = nn.Conv2d(FEATURES, width, 1)
        self.fusion = DeformableFusion(width, published=published)

    def forward(self, features: Tensor, mask: Tensor, crops: HandCrops) -> Tensor:
        """Features (2 F, C, 21) of all F real frames, left hands first, with what pictures tell.

        Args:
            features: of the frames that `mask` (B, T) marks, in its order, for each hand.
            mask: which frames of the padded batch are real.
            crops: of some of these frames; crops without a hand are passed over.
        """
        clip, number, hand = torch.nonzero(
            crops.mask[..., None] & (crops.joints[..., 2] > 0).any(-1), as_tuple=True
        )
        if not len(clip):
            # All ranks meet in all parameters, with crops or without.
            return features + 0 * sum(parameter.sum() for parameter in self.parameters())
        rows = mask.flatten().cumsum(0).reshape(mask.shape) - 1
        places = rows[clip, crops.places[clip, number].long()] + hand * int(mask.sum())
        picture = self.project(self.backbone.forward_features(crops.pictures[clip, number, hand]))
        joints = crops.joints[clip, number, hand][..., :2]
        fused = self.fusion(features[places], picture.to(features.dtype), joints)
        return features.index_copy(0, places, fused.to(features.dtype))


def backbone(weights: str) -> Any:
    """EfficientNet-B0 without its head; see `HandPictures`.

    Raises:
        AccessError: the weights are not there.
        ConfigError: they are others.
        MissingExtraError: timm is not installed.
    """
    try:
        import timm
    except ImportError:
        raise MissingExtraError("pictures of hands", "train") from None
    bare = torch.empty(0).device.type == "meta"
    try:
        pretrained = weights == "imagenet" and not bare
        made: Any = timm.create_model(
            BACKBONE, pretrained=pretrained, num_classes=0, global_pool=""
        )
    except (OSError, RuntimeError) as error:
        raise _absent(weights) from error
    if weights in ("imagenet", "random"):
        return made
    path = Path(weights).expanduser()
    if not path.is_file():  # told by a bare one too, which is made before anything is trained
        raise _absent(weights)
    if bare:
        return made
    state = _read(path)
    renamed = {torchvision_name(name) or name: tensor for name, tensor in state.items()}
    kept = {name: tensor for name, tensor in renamed.items() if not name.startswith("classifier.")}
    try:
        made.load_state_dict(kept)
    except RuntimeError as error:
        raise ConfigError(
            f"{path.name}: these are no weights of EfficientNet-B0",
            hint="take those of timm or torchvision",
        ) from error
    return made


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def _absent(weights: str) -> AccessError:
    return AccessError(
        f"the EfficientNet-B0 weights `{weights}` cannot be loaded",
        hint="set `model.hand_weights` to a file of them, or to `random`",
    )


_BLOCK: Final = re.compile(r"^([1-7])\.(\d+)\.block\.(\d)\.(\w+)\.(.+)$")
_FIRST: Final = {"00": "conv_dw", "01": "bn1", "1fc1": "se.conv_reduce", "1fc2": "se.conv_expand"}
_FIRST_OUT: Final = {"20": "conv_pw", "21": "bn2"}
_OTHER: Final = {"00": "conv_pw", "01": "bn1", "10": "conv_dw", "11": "bn2"}
_OTHER_OUT: Final = {
    "2fc1": "se.conv_reduce", "2fc2": "se.conv_expand", "30": "conv_pwl", "31": "bn3"
}  # fmt: skip
_ENDS: Final = {"0.0": "conv_stem", "0.1": "bn1", "8.0": "conv_head", "8.1": "bn2"}


def torchvision_name(theirs: str) -> str | None:
    """Timm's name of a tensor of torchvision's EfficientNet-B0; None for what has no place."""
    name = theirs.removeprefix("features.")
    end = _ENDS.get(name[:3])
    if end is not None:
        return f"{end}{name[3:]}"
    found = _BLOCK.match(name)
    if found is None:
        return None
    stage, layer, part = int(found[1]), found[2], found[3] + found[4]
    known = {**_FIRST, **_FIRST_OUT} if stage == 1 else {**_OTHER, **_OTHER_OUT}
    return f"blocks.{stage - 1}.{layer}.{known[part]}.{found[5]}" if part in known else None

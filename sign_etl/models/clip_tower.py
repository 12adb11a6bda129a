"""CLIP's picture tower, frozen: the tokens of its last blocks.

Its weights are no part of a checkpoint, which names them by their sha256 instead; loading it beside
other ones is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError

FROZEN: Final = "frozen"
"""Name of the sub-module whose tensors stay out of checkpoints."""
DIGEST: Final = ".digest"
"""End of the name of the tensor that tells which weights these are."""
FRAMES_AT_ONCE: Final = 64
"""Frames that go through the tower together; bounds memory."""


@dataclass(frozen=True, slots=True)
class TowerShape:
    """Sizes of a picture tower: token, attention heads, side of a picture, patches along it."""

    width: int
    heads: int
    size: int
    grid: int


class BlockTokens:
    """What one block of the tower leaves of N frames.

    Attributes:
        tokens: (N, L, C), its output, the class token first.
        queries: (N, L, H, D) of its attention; None where only class tokens were kept.
        keys: (N, L, H, D), likewise.
    """

    __slots__ = ("keys", "queries", "tokens")

    def __init__(self, tokens: Tensor, queries: Tensor | None, keys: Tensor | None) -> None:
        self.tokens, self.queries, self.keys = tokens, queries, keys

    def by_clip(self, clips: int) -> BlockTokens:
        """The same with (B, T, ...) in place of (N, ...)."""
        queries, keys = self.queries, self.keys
        return BlockTokens(
            _apart(self.tokens, clips),
            None if queries is None else _apart(queries, clips),
            None if keys is None else _apart(keys, clips),
        )


class Frozen(nn.Module):
    """Holds a module that is never trained, stays in evaluation and out of checkpoints.

    Its tensors are left out of `state_dict`, which has their digest instead.

    Args:
        module: with its weights.
    """

    digest: Tensor

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.frozen = module.requires_grad_(False).eval()
        self.register_buffer("digest", weights_digest(module))
        self.register_state_dict_post_hook(_leave_out)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_compare)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_post_hook(_do_not_miss)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> Self:
        """Stays in evaluation."""
        return super().train(False)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Itself: moving averages need no copy of what never moves."""
        return self


class ClipTower(Frozen):
    """The picture tower.

    Args:
        vision: a `CLIPVisionModel` of transformers.
        last: so many blocks at its end are looked into.

    Raises:
        ConfigError: it has fewer blocks.
    """

    def __init__(self, vision: Any, last: int) -> None:
        config = vision.config
        if not 1 <= last <= config.num_hidden_layers:
            raise ConfigError(
                f"the tower has {config.num_hidden_layers} blocks, the model wants its last {last}",
                hint="set `model.layers` lower",
            )
        super().__init__(vision)
        self.last = last
        self.shape = shape_of(config)

    @torch.no_grad()
    def forward(self, pictures: Tensor) -> list[BlockTokens]:
        """The last blocks' tokens of (N, 3, S, S) pictures, normalised as CLIP's; oldest first."""
        return self.last_blocks(self.stem(pictures))

    @torch.no_grad()
    def stem(self, pictures: Tensor) -> Tensor:
        """(N, L, C): what enters the last blocks; enough of the tower to be cached.

        Raises:
            ConfigError: pictures of another size.
        """
        if pictures.shape[1:] != (3, self.shape.size, self.shape.size):
            raise ConfigError(
                f"this CLIP reads pictures of {self.shape.size} x {self.shape.size}, "
                f"not {pictures.shape[-2]} x {pictures.shape[-1]}",
                hint=f"set `data.view.size: {self.shape.size}`",
            )
        layers = list(self.frozen.encoder.layers)[: -self.last]
        parts = []
        for part in some_at_once(pictures):
            hidden = self.frozen.pre_layrnorm(self.frozen.embeddings(part))
            for layer in layers:
                hidden = layer(hidden, None)
            parts.append(hidden)
        return torch.cat(parts)

    @torch.no_grad()
    def last_blocks(self, stem: Tensor) -> list[BlockTokens]:
        """The last blocks' tokens, from what `stem` gave."""
        found: list[list[BlockTokens]] = [[] for _ in range(self.last)]
        for part in some_at_once(stem):
            hidden = part
            for number, layer in enumerate(list(self.frozen.encoder.layers)[-self.last :]):
                normed = layer.layer_norm1(hidden)
                attention = layer.self_attn
                heads = (int(attention.num_heads), -1)
                queries = attention.q_proj(normed).unflatten(-1, heads)
                keys = attention.k_proj(normed).unflatten(-1, heads)
                hidden = layer(hidden, None)
                found[number].append(BlockTokens(hidden, queries, keys))
        return [_joined(parts) for parts in found]


def some_at_once(frames: Tensor) -> Sequence[Tensor]:
    """Frames in parts of at most `FRAMES_AT_ONCE`; all of them where a graph is being exported."""
    traced = torch.jit.is_tracing()  # type: ignore[attr-defined,no-untyped-call]
    if traced or torch.compiler.is_compiling():
        return (frames,)
    return torch.split(frames, FRAMES_AT_ONCE)


def _apart(flat: Tensor, clips: int) -> Tensor:
    return flat.reshape(clips, -1, *flat.shape[1:])


def _joined(parts: Sequence[BlockTokens]) -> BlockTokens:
    if len(parts) == 1:
        return parts[0]
    queries = [part.queries for part in parts if part.queries is not None]
    keys = [part.keys for part in parts if part.keys is not None]
    return BlockTokens(
        torch.cat([part.tokens for part in parts]), torch.cat(queries), torch.cat(keys)
    )


def weights_digest(module: nn.Module) -> Tensor:
    """(32,) uint8: the sha256 of all tensors in the order of their names; zeros on `meta`."""
    found = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if tensor.device.type == "meta":
            return torch.zeros(32, dtype=torch.uint8)
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return torch.tensor(list(found.digest()), dtype=torch.uint8, device="cpu")


def _leave_out(module: nn.Module, state: dict[str, Any], prefix: str, _: Any) -> None:
    for name in [name for name in state if name.startswith(f"{prefix}{FROZEN}.")]:
        del state[name]


def _compare(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    theirs, ours = state.get(f"{prefix}digest"), module.digest
    if theirs is None or ours.device.type == "meta":
        return
    if not torch.equal(theirs.cpu(), torch.as_tensor(ours).cpu()):
        raise ConfigError(
            f"these weights were trained on another CLIP (sha256 {hexed(theirs)[:16]}...)",
            hint="set `model.clip` to the folder that it was trained with",
        )


def _do_not_miss(module: nn.Module, keys: Any) -> None:
    keys.missing_keys[:] = [n for n in keys.missing_keys if f".{FROZEN}." not in f".{n}"]


def hexed(digest: Tensor) -> str:
    """A digest as people write it."""
    return bytes(digest.cpu().tolist()).hex()


def shape_of(config: Any) -> TowerShape:
    """The sizes that a `CLIPVisionConfig` tells."""
    return TowerShape(
        width=int(config.hidden_size),
        heads=int(config.num_attention_heads),
        size=int(config.image_size),
        grid=int(config.image_size) // int(config.patch_size),
    )

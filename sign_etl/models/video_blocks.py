"""The transformer blocks of VideoMAE: pre-norm, and skipped now and then in training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

EPS = 1e-6
"""Of every layer norm."""
MLP = 4
"""How much wider a block is inside."""


@dataclass(frozen=True, slots=True)
class Size:
    """An encoder's size.

    Attributes:
        width: of a token.
        layers: blocks.
        heads: of the attention.
    """

    width: int
    layers: int
    heads: int


class Block(nn.Module):
    """A pre-norm transformer block; keys have no bias, which softmax would cancel.

    Args:
        size: of the tokens.
        drop: chance that a clip skips each half of it in training.
    """

    def __init__(self, size: Size, drop: float) -> None:
        super().__init__()
        width = size.width
        self.heads, self.drop = size.heads, drop
        self.before = nn.LayerNorm(width, eps=EPS)
        self.query, self.value = nn.Linear(width, width), nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)
        self.after = nn.LayerNorm(width, eps=EPS)
        self.inner, self.outer = nn.Linear(width, MLP * width), nn.Linear(MLP * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, width), each having seen all others."""
        normed = self.before(tokens)
        query, key, value = (
            layer(normed).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self._kept(self.out(seen.transpose(1, 2).flatten(2)))
        inner = nn.functional.gelu(self.inner(self.after(tokens)))
        return tokens + self._kept(self.outer(inner))

    def _kept(self, change: Tensor) -> Tensor:
        if not self.training or not self.drop:
            return change
        keep = torch.rand(len(change), 1, 1, device=change.device) >= self.drop
        return change * keep / (1.0 - self.drop)


class Blocks(nn.Module):
    """Blocks in a row; what is skipped grows with their number (stochastic depth).

    Args:
        size: of the tokens and how many blocks.
        drop_path: chance that a clip skips the last block; it grows from 0 at the first one.
    """

    def __init__(self, size: Size, drop_path: float = 0.0) -> None:
        super().__init__()
        last = max(1, size.layers - 1)
        self.layers = nn.ModuleList(Block(size, drop_path * at / last) for at in range(size.layers))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, width)."""
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens

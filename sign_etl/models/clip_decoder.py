"""The decoder over a frozen tower: one query that reads the tokens of several blocks in turn.

Before it reads them, the tokens of a clip's frames are told of their time: by a convolution, by
learned positions, and by how patches of neighbouring frames look at each other. Lin et al., "Frozen
CLIP Models are Efficient Video Learners" (ECCV 2022, arXiv 2208.03550), rebuilt from its facts.
Frames of padding are masked everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sign_etl.models.clip_tower import BlockTokens


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of a block of the decoder.

    Attributes:
        width: size of a token, C.
        attention: width inside the attention.
        heads: of the attention; they divide `attention`.
        mlp: width inside the block.
        dropout: inside the block.
        convolution: whether tokens are convolved over time.
        frames: most frames that have a position; 0 for no positions.
        grid: patches along a side, for the attention between neighbouring frames; 0 for none.
    """

    width: int
    attention: int
    heads: int
    mlp: int
    dropout: float
    convolution: bool
    frames: int
    grid: int


class NeighbourAttention(nn.Module):
    """How patches move between neighbouring frames, as a sum of learned vectors of offsets.

    The tower's own queries and keys say where a patch came from and went to.

    Args:
        grid: patches along a side, G.
        width: size of a token, C.
    """

    offsets: Tensor

    def __init__(self, grid: int, width: int) -> None:
        super().__init__()
        self.before = nn.Parameter(torch.zeros((2 * grid - 1) ** 2, width))
        self.after = nn.Parameter(torch.zeros((2 * grid - 1) ** 2, width))
        place = torch.arange(grid * grid)
        down = (place // grid)[:, None] - (place // grid)[None] + grid - 1
        across = (place % grid)[:, None] - (place % grid)[None] + grid - 1
        self.register_buffer("offsets", down * (2 * grid - 1) + across, persistent=False)

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """(B, T, L, C), zero for class tokens and beside padding.

        Args:
            queries: (B, T, L, H, D), the class token first.
            keys: likewise.
            mask: (B, T) bool, True for real frames.
        """
        queries, keys = queries[:, :, 1:], keys[:, :, 1:]
        both = (mask[:, 1:] & mask[:, :-1])[..., None, None]
        earlier = self._seen(queries[:, 1:], keys[:, :-1], self.before) * both
        later = self._seen(queries[:, :-1], keys[:, 1:], self.after) * both
        moved = nn.functional.pad(earlier, (0, 0, 0, 0, 1, 0))
        moved = moved + nn.functional.pad(later, (0, 0, 0, 0, 0, 1))
        return nn.functional.pad(moved, (0, 0, 1, 0))

    def _seen(self, queries: Tensor, keys: Tensor, table: Tensor) -> Tensor:
        scaled = queries * queries.shape[-1] ** -0.5
        shares = torch.einsum("btqhd,btkhd->bthqk", scaled, keys).softmax(-1).mean(2)
        return torch.einsum("btqk,qkc->btqc", shares, table[self.offsets])


class CrossAttention(nn.Module):
    """Multi-head attention of the query to all tokens.

    Args:
        width: size of a token.
        inner: width of queries, keys and values.
        heads: they divide `inner`.
    """

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, inner) for _ in range(3))
        self.out = nn.Linear(inner, width)
        for part in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(part.weight)
            nn.init.zeros_(part.bias)

    def forward(self, query: Tensor, tokens: Tensor, seen: Tensor) -> Tensor:
        """(B, 1, C) from tokens (B, N, C), of which `seen` (B, N) count."""
        split = (self.heads, -1)
        asked, keys, values = (
            part.unflatten(-1, split).transpose(1, 2)
            for part in (self.query(query), self.key(tokens), self.value(tokens))
        )
        mixed = nn.functional.scaled_dot_product_attention(
            asked, keys, values, attn_mask=seen[:, None, None, :]
        )
        found: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return found


class DecoderBlock(nn.Module):
    """Tokens of one block of the tower get their time; then the query reads them.

    Args:
        sizes: see `Sizes`.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.width
        self.convolution = (
            nn.Conv1d(width, width, 3, padding=1, groups=width) if sizes.convolution else None
        )
        self.position = nn.Parameter(torch.zeros(sizes.frames, width)) if sizes.frames else None
        self.neighbours = NeighbourAttention(sizes.grid, width) if sizes.grid else None
        self.query_norm = nn.LayerNorm(width)
        self.token_norm = nn.LayerNorm(width)
        self.attention = CrossAttention(width, sizes.attention, sizes.heads)
        self.mlp_norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, sizes.mlp), nn.Linear(sizes.mlp, width)
        self.drop = nn.Dropout(sizes.dropout)
        for part in (self.widen, self.narrow):
            nn.init.xavier_uniform_(part.weight)
            nn.init.normal_(part.bias, std=1e-6)

    def forward(self, query: Tensor, block: BlockTokens, mask: Tensor) -> Tensor:
        """(B, 1, C) from tokens (B, T, L, C) and (B, T) bool."""
        tokens = self._in_time(block, mask).flatten(1, 2)
        seen = mask[..., None].expand(block.tokens.shape[:3]).flatten(1)
        read = self.attention(self.query_norm(query), self.token_norm(tokens), seen)
        query = query + read
        inner = self.widen(self.mlp_norm(query))
        # CLIP's cheap form of GELU.
        return query + torch.as_tensor(self.narrow(self.drop(inner * torch.sigmoid(1.702 * inner))))

    def _in_time(self, block: BlockTokens, mask: Tensor) -> Tensor:
        tokens = block.tokens
        found = tokens
        batch, frames, places, width = tokens.shape
        if self.convolution is not None:
            real = tokens * mask[..., None, None]
            tracks = real.permute(0, 2, 3, 1).reshape(batch * places, width, frames)
            moved = self.convolution(tracks).reshape(batch, places, width, frames)
            found = found + moved.permute(0, 3, 1, 2)
        if self.position is not None:
            found = found + self.position[:frames, None]
        if self.neighbours is not None and block.queries is not None and block.keys is not None:
            found = found + self.neighbours(block.queries, block.keys, mask)
        return found

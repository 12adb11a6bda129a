"""Uni-Sign's pose encoder: a graph network for each body part, joined to one vector a frame.

Each part of `unisign-69` (body, hands, face) has spatial blocks within a frame and temporal blocks
across five frames; both hands share their weights. Li et al., ICLR 2025 (arXiv 2501.15187); the
blocks are those of CoSign (Jiao et al., ICCV 2023). Batch statistics and convolutions see real
frames only, so padding changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor, nn

from sign_etl.schema.layouts import layout

LAYOUT: Final = layout("unisign-69")
CHANNELS: Final = 3
"""x, y and score: the score is an input here."""
WIDTH: Final = 256
"""Channels of a part at the end, as published; the first blocks have a quarter and a half of it."""
FRAMES: Final = 5
"""Width of the temporal convolutions."""
PARTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"body": ("body",), "hand": ("left_hand", "right_hand"), "face": ("face",)}
)
"""Network -> the parts that go through it."""
LAYOUT_PARTS: Final = ("body", "left_hand", "right_hand", "face")
"""The order in which the parts' vectors are joined."""
ANCHORS: Final[Mapping[str, str]] = MappingProxyType(
    {"left_hand": "left_wrist", "right_hand": "right_wrist", "face": "nose"}
)
"""Part -> the point of the body whose features are added to it, without a gradient."""


def adjacency(points: int, edges: Sequence[tuple[int, int]]) -> Tensor:
    """(2, V, V): a point itself, and its neighbours, each column of their sum adding up to 1.

    The partition by distance of Yan et al., AAAI 2018 (ST-GCN), with hops up to 1.
    """
    near = torch.eye(points)
    for start, end in edges:
        near[start, end] = near[end, start] = 1.0
    near = near / near.sum(0)
    own = near * torch.eye(points)
    return torch.stack([own, near - own])


class GraphBlock(nn.Module):
    """Mixes neighbouring points, then, with `frames` above 1, neighbouring frames.

    Args:
        inputs: channels in.
        outputs: channels out.
        graph: (K, V, V), where training begins; learned.
        frames: width of the temporal convolution, odd.
    """

    def __init__(self, inputs: int, outputs: int, graph: Tensor, frames: int) -> None:
        super().__init__()
        self.graph = nn.Parameter(graph.clone())
        self.mix = nn.Conv1d(inputs, outputs * len(graph), 1)
        self.mix_norm = nn.BatchNorm1d(outputs)
        self.time = nn.Conv1d(outputs, outputs, frames, padding=frames // 2) if frames > 1 else None
        self.time_norm = nn.BatchNorm1d(outputs) if frames > 1 else None
        same = inputs == outputs
        self.skip = None if same else nn.Conv1d(inputs, outputs, 1)
        self.skip_norm = None if same else nn.BatchNorm1d(outputs)

    def forward(self, features: Tensor, mask: Tensor) -> Tensor:
        """(N, C, V) of the N real frames to (N, C', V).

        Args:
            features: of the frames that `mask` (B, T) marks, in its order.
            mask: which frames of the padded batch these are.
        """
        skip = features
        if self.skip is not None and self.skip_norm is not None:
            skip = self.skip_norm(self.skip(features))
        count, _, points = features.shape
        spread = self.mix(features).reshape(count, len(self.graph), -1, points)
        mixed = torch.einsum("nkcv,kvw->ncw", spread, self.graph)
        mixed = torch.relu(self.mix_norm(mixed))
        if self.time is not None and self.time_norm is not None:
            mixed = self.time_norm(self._through_time(mixed, mask))
        return torch.relu(mixed + skip)

    def _through_time(self, features: Tensor, mask: Tensor) -> Tensor:
        assert self.time is not None
        batch, frames = mask.shape
        _, channels, points = features.shape
        padded = in_place(features, mask)
        tracks = padded.permute(0, 3, 2, 1).reshape(batch * points, channels, frames)
        moved = self.time(tracks).reshape(batch, points, channels, frames)
        return real_frames(moved.permute(0, 3, 2, 1), mask)


class PartNetwork(nn.Module):
    """The graph network of one part: embedding, three spatial blocks, three temporal blocks.

    Args:
        points: V, points of the part.
        edges: its bones.
        width: channels at the end.
    """

    def __init__(self, points: int, edges: Sequence[tuple[int, int]], width: int) -> None:
        super().__init__()
        graph = adjacency(points, edges)
        self.embed = nn.Linear(CHANNELS, width // 4)
        widths = (width // 4, width // 4, width // 2, width)
        self.spatial = nn.ModuleList(GraphBlock(*pair, graph, 1) for pair in pairwise(widths))
        self.temporal = nn.ModuleList(GraphBlock(width, width, graph, FRAMES) for _ in range(3))

    def within_frames(self, points: Tensor, mask: Tensor) -> Tensor:
        """(N, V, 3) of real frames to (N, width, V)."""
        features: Tensor = self.embed(points).transpose(1, 2)
        for block in self.spatial:
            features = block(features, mask)
        return features

    def across_frames(self, features: Tensor, mask: Tensor) -> Tensor:
        """(N, width, V) to (N, width): the mean over the points at the end."""
        for block in self.temporal:
            features = block(features, mask)
        return features.mean(-1)


class PartGraphs(nn.Module):
    """Keypoints to one vector a frame.

    Args:
        outputs: size of the vectors.
        width: channels of each part.
    """

    def __init__(self, outputs: int, width: int = WIDTH) -> None:
        super().__init__()
        self.networks = nn.ModuleDict()
        for network, parts in PARTS.items():
            numbers = LAYOUT.parts[parts[0]]
            first = numbers[0]
            bones = [(a - first, b - first) for a, b in LAYOUT.edges if {a, b} <= set(numbers)]
            self.networks[network] = PartNetwork(len(numbers), bones, width)
        self.part_bias = nn.Parameter(torch.zeros(width * len(LAYOUT_PARTS)))
        self.project = nn.Linear(width * len(LAYOUT_PARTS), outputs)

    def forward(
        self, points: Tensor, mask: Tensor, see: Callable[[Tensor], Tensor] | None = None
    ) -> Tensor:
        """(B, T, 69, 3) and (B, T) bool to (B, T, outputs); padded frames are zero.

        Args:
            points: normalised, finite.
            mask: True for real frames.
            see: adds what pictures tell to the features (2 N, C, 21) of both hands within frames.
        """
        real = real_frames(points, mask)
        body = self.networks["body"].within_frames(real[:, list(LAYOUT.parts["body"])], mask)  # type: ignore[operator]
        joined: dict[str, Tensor] = {}
        for network, parts in PARTS.items():
            # Both hands at once: one at a time, the statistics of a batch would be those of one
            # hand in training and those of a mixture of both in evaluation.
            masks = mask.repeat(len(parts), 1)
            if network == "body":
                features = body
            else:
                together = torch.cat([real[:, list(LAYOUT.parts[part])] for part in parts])
                features = self.networks[network].within_frames(together, masks)  # type: ignore[operator]
                if see is not None and network == "hand":
                    features = see(features)
                anchors = [body[..., LAYOUT.index(ANCHORS[part]), None] for part in parts]
                features = features + torch.cat(anchors).detach()
            across: Tensor = self.networks[network].across_frames(features, masks)  # type: ignore[operator]
            # No `chunk`: an exporter would take the number of frames for fixed.
            apart = across.reshape(len(parts), -1, across.shape[-1]).unbind()
            joined |= zip(parts, apart, strict=True)
        together = torch.cat([joined[part] for part in LAYOUT_PARTS], dim=-1)
        vectors: Tensor = self.project(together + self.part_bias)
        return in_place(vectors, mask)


def real_frames(values: Tensor, mask: Tensor) -> Tensor:
    """(N, ...) of (B, T, ...), the real frames one after the other.

    Where a graph is being exported N is B x T: how many frames are real is not known then, and the
    statistics of a trained network are no longer those of its input.
    """
    if torch.compiler.is_exporting():
        return values.flatten(0, 1)
    return torch.as_tensor(values[mask])


def in_place(values: Tensor, mask: Tensor) -> Tensor:
    """The inverse of `real_frames`: (B, T, ...) of (N, ...), zero where there is no frame."""
    if torch.compiler.is_exporting():
        padded = values.reshape(*mask.shape, *values.shape[1:])
        return torch.as_tensor(padded * mask.reshape(*mask.shape, *(1 for _ in values.shape[1:])))
    padded = values.new_zeros(*mask.shape, *values.shape[1:])
    padded[mask] = values
    return padded

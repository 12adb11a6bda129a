"""A second head that draws where in the window the sign begins and ends.

Kvanchiani et al., "Training Strategies for Isolated Sign Language Recognition" (2024,
arXiv:2412.11553): beside the classes a regression head is trained on begin and end of the sign, and
is of no use afterwards but that the network has learned to look for the sign. Its code is not
published; that both are shares of the window, by a sigmoid, is ours.
"""

from __future__ import annotations

from torch import Tensor, nn


class BoundaryHead(nn.Module):
    """Begin and end of the sign as shares of the window.

    Args:
        width: of the features that it reads.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.line = nn.Linear(width, 2)
        nn.init.trunc_normal_(self.line.weight, std=0.02)
        nn.init.zeros_(self.line.bias)

    def forward(self, features: Tensor) -> Tensor:
        """(B, 2) begin and end in [0, 1], of features (B, width)."""
        out: Tensor = self.line(features).sigmoid()
        return out

"""The loss of SignFlow: cross entropy balanced by IoU, and Huber's for begin and end of the sign.

Kvanchiani et al., "Training Strategies for Isolated Sign Language Recognition" (2024,
arXiv:2412.11553). A window of a video shows a sign only in part; its cross entropy counts as much
as the window is full of the sign (`iou` of `sign_etl.stream.spans`), so that a window without any
does not teach its class. Begin and end have a Huber loss with delta 1 (the paper names no delta),
in windows that show something of the sign. The weights are not made up to 1 over a batch: then the
loss of a step would depend on how clips are spread over processes.

Mixup and cutmix give a clip shares of two others. Both losses are linear in these shares.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import Frames
from sign_etl.stream.base import Batch
from sign_etl.stream.spans import SPAN, UNTRIMMED
from sign_etl.tasks.mixing import Mixing
from sign_etl.tasks.model_input import DataFacts


class WithBoundary(nn.Module):
    """A model as an exporter sees it: scores, and begin and end of the sign.

    Args:
        model: takes frames, mask and `boundary`.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B, C) and boundaries (B, 2)."""
        scores, drawn = self.model(frames, mask, boundary=True)
        return scores, drawn


def need_spans(facts: DataFacts, *, head: bool) -> bool:
    """Whether the data say where signs are.

    Args:
        facts: of the data.
        head: the model draws boundaries.

    Raises:
        ConfigError: the model does, and the data say nothing.
    """
    there = isinstance(facts.inputs, Frames) and facts.inputs.spans
    if head and not there:
        raise ConfigError(
            "`model.boundary` learns where signs begin and end, the view does not tell",
            hint=f"set `data.view.spans: true`, and {UNTRIMMED}",
        )
    return there


def spans_of(batch: Batch) -> Tensor:
    """(B, 4) of the first window of each clip: begin, end, IoU, whether there is anything."""
    return batch.views[SPAN][:, 0]


def smoothed(target: Tensor, share: float) -> Tensor:
    """Targets (B, C) of which a share is spread over all classes, as torch's cross entropy does."""
    return target * (1 - share) + share / target.shape[1]


def mixed_with_shares(
    mixing: Mixing, values: Tensor, mask: Tensor, target: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What `mixing` gives, and how much of clip j is in clip i, (B, B)."""
    own = torch.eye(len(target), device=target.device)
    values, mask, both = mixing(values, mask, torch.cat([target, own], dim=1))
    return values, mask, both[:, : target.shape[1]], both[:, target.shape[1] :]


def boundary_loss(drawn: Tensor, spans: Tensor, shares: Tensor) -> Tensor:
    """Huber loss (B,) of begin and end, mean over both.

    Args:
        drawn: (B, 2) of the model.
        spans: (B, 4), see `spans_of`.
        shares: (B, B) of clip j in clip i.
    """
    apart = nn.functional.huber_loss(
        drawn[:, None].expand(-1, len(spans), -1),
        spans[None, :, :2].expand(len(drawn), -1, -1),
        reduction="none",
    )
    loss: Tensor = (apart.mean(-1) * spans[:, 3] * shares).sum(1)
    return loss


def boundary_metrics(drawn: Tensor, spans: Tensor) -> dict[str, float]:
    """Mean error of begin and end in shares of the window, and mean overlap of drawn and true span.

    Args:
        drawn: (N, 2).
        spans: (N, 4), see `spans_of`.

    Returns:
        `boundary_error` and `boundary_iou` (length of both over length of either), of the clips
        that show something; none where there is no such clip.
    """
    there = spans[:, 3] > 0
    if not bool(there.any()):
        return {}
    drawn, true = drawn[there], spans[there, :2]
    both = (torch.minimum(drawn, true)[:, 1] - torch.maximum(drawn, true)[:, 0]).clamp(min=0)
    lengths = (drawn[:, 1] - drawn[:, 0]).clamp(min=0) + true[:, 1] - true[:, 0]
    return {
        "boundary_error": float((drawn - true).abs().mean()),
        "boundary_iou": float((both / (lengths - both).clamp(min=1e-9)).mean()),
    }

"""Words that nobody signs, put together from the clips of a micro-batch.

A handful of words says little about what tells words apart, and an embedding that has only them to
separate lays new words onto known ones. Made-up words are further classes at no cost: each differs
from two real ones in a part alone, of its time or of its hands. (Virtual classes are known from
pictures: Gu et al., "Proxy Synthesis", AAAI 2021.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

EARLIEST, LATEST = 0.3, 0.7
"""Share of a clip's time at which another one goes on."""
Clips: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Values (B, T, ...), mask (B, T) True for real frames, which come first, and labels (B,)."""


def spliced(clips: Clips) -> Clips:
    """Clips that begin as one word and end as another.

    All clips of a call are cut at the same share of their time, so those of a made-up class are of
    one word.

    Returns:
        The made-up clips alone, see `_named`.
    """
    values, mask, labels = clips
    cut = EARLIEST + (LATEST - EARLIEST) * float(torch.rand(()))
    one, other, made = _pairs(labels)
    frames = mask.sum(1)
    kept, skipped = (cut * frames[one]).long(), (cut * frames[other]).long()
    lengths = kept + frames[other] - skipped
    times = torch.arange(max(lengths.tolist(), default=0), device=mask.device)[None]
    begun, real = times < kept[:, None], times < lengths[:, None]
    source = torch.where(begun, one[:, None], other[:, None])
    frame = torch.where(begun, times, times - kept[:, None] + skipped[:, None])
    mixed = values[source, frame.clamp(max=mask.shape[1] - 1)]
    mixed = mixed * real.reshape(*real.shape, *[1] * (values.dim() - 2)).to(mixed.dtype)
    return mixed, real, _named(labels, made)


def swapped(clips: Clips, points: Sequence[int]) -> Clips:
    """Clips of one word with some points of another, such as those of a hand.

    The other clip passes at the speed of the one. What comes out as one of the two, since a hand is
    not there, is no new word and left out.

    Args:
        clips: keypoints (B, T, K, C), 0 where there is none.
        points: of K.

    Returns:
        The made-up clips alone, see `_named`.
    """
    values, mask, labels = clips
    one, other, made = _pairs(labels)
    frames = mask.sum(1)
    times = torch.arange(mask.shape[1], device=mask.device)[None]
    speed = frames[other] / frames[one].clamp(min=1)
    frame = torch.minimum((times * speed[:, None]).long(), frames[other][:, None] - 1)
    theirs = values[other[:, None], frame.clamp(min=0)]
    theirs = theirs * mask[one][..., None, None].to(theirs.dtype)
    mixed = values[one].clone()
    mixed[:, :, list(points)] = theirs[:, :, list(points)]
    new = [(mixed != known).flatten(1).any(1) for known in (values[one], theirs)]
    kept = new[0] & new[1]
    return mixed[kept], mask[one][kept], _named(labels, made)[kept]


def joined(one: Clips, other: Clips) -> Clips:
    """Two sets of clips as one, the shorter ones padded with zeros."""
    longest = max(one[1].shape[1], other[1].shape[1])

    def padded(tensor: Tensor) -> Tensor:
        missing = longest - tensor.shape[1]
        return torch.cat([tensor, tensor.new_zeros(len(tensor), missing, *tensor.shape[2:])], dim=1)

    values, mask = (
        torch.cat([padded(mine), padded(theirs)])
        for mine, theirs in zip(one[:2], other[:2], strict=True)
    )
    return values, mask, torch.cat([one[2], other[2]])


def _pairs(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of clips, rows of clips of another class, and which made-up class they become.

    The classes are put into a circle by torch's generator, each takes from the next one; nothing
    comes of one class alone.
    """
    classes = torch.unique(labels)
    if len(classes) < 2:
        return labels[:0], labels[:0], labels[:0]
    # Drawn on the CPU: the same words on any device.
    circle = classes[torch.randperm(len(classes)).to(classes.device)]
    ones, others, made = [], [], []
    for number, (one, other) in enumerate(zip(circle, circle.roll(-1), strict=True)):
        first, last = (torch.nonzero(labels == label)[:, 0] for label in (one, other))
        last = last[torch.randperm(len(last)).to(last.device)]
        pairs = min(len(first), len(last))
        ones.append(first[:pairs])
        others.append(last[:pairs])
        made.append(torch.full_like(first[:pairs], number))
    return torch.cat(ones), torch.cat(others), torch.cat(made)


def _named(labels: Tensor, made: Tensor) -> Tensor:
    """Labels above those given."""
    return made.to(labels.dtype) + labels.max() + 1

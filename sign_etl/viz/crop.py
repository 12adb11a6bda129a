"""Cropping the sides of wide frames to the signer, so that hands can be seen on a contact sheet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.viz.skeleton import SOLID_FROM

Span = tuple[float, float]

MARGIN_SHARE = 0.05
"""Share of the frame's width that is left free on both sides of the signer."""
NARROWEST = 1.0
"""Aspect (width / height) below which nothing is cropped."""

WHOLE: Span = (0.0, 1.0)


def signer_span(keypoints: NDArray[Any]) -> Span:
    """Where the signer is from left to right over the whole clip, as shares of the width.

    Args:
        keypoints: (T, K, C), x/W first, score last.
    """
    sure = keypoints[..., -1] >= SOLID_FROM
    across = keypoints[..., 0][sure].astype(np.float64)
    if not across.size:
        return WHOLE
    left, right = float(across.min()) - MARGIN_SHARE, float(across.max()) + MARGIN_SHARE
    return max(left, 0.0), min(right, 1.0)


def common_aspect(clips: Iterable[tuple[Span, float]]) -> float:
    """The narrowest aspect that shows every signer in full.

    Args:
        clips: for each clip where its signer is and the aspect of its frames.
    """
    return max(max((span[1] - span[0]) * aspect, min(NARROWEST, aspect)) for span, aspect in clips)


def window(span: Span, aspect: float, wanted: float) -> Span:
    """The part of the width to show: as wide as `wanted` asks, the signer in its middle.

    Args:
        span: where the signer is.
        aspect: of the frames.
        wanted: aspect of the thumbnail.
    """
    width = min(wanted / aspect, 1.0)
    left = (span[0] + span[1] - width) / 2
    left = min(max(left, 0.0), 1.0 - width)
    return left, left + width

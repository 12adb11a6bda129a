"""Whose hand is it: detected hands are matched to the wrists of the body.

The hand model's own handedness label is meant for mirrored pictures and is unreliable for hands
seen from the side, so it decides nothing here.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

LEFT, RIGHT = 0, 1
WRIST = 0
"""Number of the wrist in the 21 points of a hand."""

_SHOULDERS, _HIPS, _WRISTS = (11, 12), (23, 24), (15, 16)
TORSO_SHARE = 0.5


def wrists(body: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 2) pixels of the body's left and right wrist, from its (33, >= 2) points in pixels."""
    return body[list(_WRISTS), :2]


def body_scale_px(body: NDArray[np.float64]) -> float:
    """How large the signer is: the shoulder width, or half of the torso's length if that is more.

    The shoulder width alone shrinks to nothing in a side view.

    Args:
        body: (33, >= 2) points in pixels.
    """
    left, right = body[list(_SHOULDERS), :2]
    hips = body[list(_HIPS), :2].mean(axis=0)
    torso = float(np.linalg.norm((left + right) / 2 - hips))
    return max(float(np.linalg.norm(left - right)), TORSO_SHARE * torso)


def assign(
    hands: NDArray[np.float64], body_wrists: NDArray[np.float64], limit_px: float
) -> tuple[int | None, int | None]:
    """The matching of hands to wrists with the smallest sum of distances.

    A hand that stays unmatched costs `limit_px`, so none is matched over a longer distance: it
    belongs to somebody else, or it is none.

    Args:
        hands: (N, 2) where the wrists of the detected hands are, in pixels.
        body_wrists: (2, 2) left and right wrist of the body, in pixels.
        limit_px: see above.

    Returns:
        Number of the left and of the right hand, None where there is none.
    """
    distances = np.linalg.norm(hands[:, None] - body_wrists[None], axis=-1)
    choices = (None, *range(len(hands)))
    best: tuple[int | None, int | None] = (None, None)
    least = limit_px * len(hands)
    for left, right in product(choices, choices):
        if left is not None and left == right:
            continue
        matched = [
            (hand, side) for hand, side in ((left, LEFT), (right, RIGHT)) if hand is not None
        ]
        cost = limit_px * (len(hands) - len(matched))
        cost += sum(float(distances[hand, side]) for hand, side in matched)
        if cost < least:
            best, least = (left, right), cost
    return best


def assign_by_side(hands: NDArray[np.float64], width_px: int) -> tuple[int | None, int | None]:
    """The matching where no body was ever seen: by the side of the picture.

    A signer who faces the camera has the left hand on the right of the picture. One hand alone is
    the left one if it is in the right half. Of more than two hands, none is matched.

    Args:
        hands: (N, 2) where the wrists of the detected hands are, in pixels.
        width_px: of the picture.
    """
    if len(hands) == 1:
        return (0, None) if hands[0, 0] >= width_px / 2 else (None, 0)
    if len(hands) == 2:
        left = int(np.argmax(hands[:, 0]))
        return left, 1 - left
    return None, None

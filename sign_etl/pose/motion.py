"""How much a person's hands move: what tells a signer from somebody who only stands there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.schema.layouts import Layout

_TIPS: Final = tuple(f"hand_{finger}_tip" for finger in ("thumb", "index", "middle", "ring"))
_MARKERS: Final = tuple(
    f"{side}_{point}" for side in ("left", "right") for point in ("wrist", *_TIPS)
)
"""Wrists, and finger tips because finger-spelling leaves the wrist where it is."""


def hand_motion(
    pixels: NDArray[Any],
    scores: NDArray[Any],
    numbers: Sequence[int],
    kind: Layout,
    *,
    min_score: float = 0.3,
) -> float:
    """Mean way of the hands from one sighting to the next, in shoulder widths.

        m = mean over steps and markers of |r(t + 1) - r(t)|,  r = (marker - middle) / width

    with the middle between the shoulders and the median distance of the shoulders, so neither a
    person who walks nor one who is near the camera moves more for that. It is no speed: sightings
    are so far apart (a third of a second and more) that hands which sign are anywhere by then.

    Args:
        pixels: (n, K, >= 2) x, y in pixels at the sightings.
        scores: (n, K) in [0, 1].
        numbers: the n frame numbers; only their order counts.
        kind: the layout; points that it lacks are left out.
        min_score: points with a lower score are not looked at; Uni-Sign's threshold.

    Returns:
        NaN where the shoulders or hands are not seen at two sightings.
    """
    if not {"left_shoulder", "right_shoulder"} <= set(kind.points):
        return float("nan")
    order = np.argsort(np.asarray(numbers), kind="stable")
    places = np.array(pixels[order, :, :2], np.float64)
    places[~(np.asarray(scores)[order] >= min_score)] = np.nan
    left, right = (places[:, kind.index(f"{side}_shoulder")] for side in ("left", "right"))
    widths = np.linalg.norm(left - right, axis=1)
    if not np.isfinite(widths).any():
        return float("nan")
    width = float(np.nanmedian(widths))
    markers = [kind.index(name) for name in _MARKERS if name in kind.points]
    relative = places[:, markers] - ((left + right) / 2)[:, None]
    steps = np.linalg.norm(np.diff(relative, axis=0), axis=-1)
    steps = steps[np.isfinite(steps)]
    return float(steps.mean() / width) if len(steps) and width > 0 else float("nan")

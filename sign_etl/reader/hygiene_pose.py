"""How alike two clips are by their keypoints: a small outline to search by, a distance to decide.

The unit is the shoulder width, coordinates begin between the shoulders, so that size and place of
the signer in the picture do not count.

The outline: wrists and elbows at 8 times, evenly spaced over the middle 70 % of the way that the
wrists go. Rest at both ends does not count, so a trimmed copy has nearly the same outline.
The distance: at the shift in time where it is least, the mean distance of wrists, elbows and finger
tips in each frame, and of those the 80th percentile over the frames; another hand in a fifth of the
frames (estimators err) is forgiven, another sign is not.

Evidence for `COPY`, on 112 real clips (56 signs of one signer from two sides) and BlazePose:

| pairs | distance |
|---|---|
| 12 clips and their copies at half the size and crf 33 | 0.035 to 0.070 |
| the same, 0.25 s cut off at both ends | 0.034 to 0.060 |
| copies at 30 fps, cropped and squeezed by 9 % | 0.047 to 0.089, nine of twelve below 0.075 |
| the same, 0.5 s and 0.2 s cut off into the sign | 0.045 to 0.100, four of twelve below 0.075 |
| two different signs, same side (3,080 pairs) | 0.081 at least |
| one sign from two sides (56 pairs) | 0.164 at least |

Two cameras of one performance are therefore no copies of each other here; that they share signer
and take is for the data set's own columns to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from sign_etl.schema.layouts import Layout

COPY = 0.075
"""Distance in shoulder widths up to which two clips are near-identical."""
OUTLINE = 0.1
"""Distance of outlines in shoulder widths (root mean square) up to which clips are compared."""

RATE = 25.0
"""Positions a second at which tracks are compared."""
TIMES = 8
_ARMS = ("left_wrist", "right_wrist", "left_elbow", "right_elbow")
_ARM = len(_ARMS)
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_WAY = (0.15, 0.85)
"""Shares of the wrists' way between which the outline lies."""
_TREMBLE = 0.02
"""Shoulder widths a position that both wrists may move at rest."""
_MIN_WAY = 0.5
"""Shoulder widths that the wrists must go; clips that rest all look alike."""
_MIN_KNOWN = 0.5
"""Share of a track in which an arm must be known."""
_SHIFTS = 8
"""Positions by which the shift is sought around that of the outlines."""
_MIN_OVERLAP = 0.6
"""Share of the shorter clip that must lie over the other one."""
_PERCENTILE = 80.0

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Track:
    """The arms and hands of one clip.

    Attributes:
        points: (T, 14, 2) wrists, elbows and finger tips at `RATE`, in shoulder widths from the
            middle between the shoulders; NaN where a point is not known.
        outline: (8, 4, 2) wrists and elbows, from the mean of all of them.
        middle: position in `points` at which the outline has its middle.
    """

    points: Floats
    outline: Floats
    middle: float


def has_arms(kind: Layout) -> bool:
    """True where clips with this layout can be compared."""
    return {"left_shoulder", "right_shoulder", *_ARMS} <= set(kind.points)


def track(
    keypoints: NDArray[Any], *, width: int, height: int, fps: float, kind: Layout
) -> Track | None:
    """The track of a clip.

    Args:
        keypoints: (T, K, C), x and y as shares of the picture.
        width: of the picture in pixels.
        height: likewise.
        fps: frames per second of the keypoints.
        kind: their layout.

    Returns:
        None where there are no shoulders or arms, or where the arms rest.
    """
    if not has_arms(kind) or not len(keypoints):
        return None
    columns = _columns(kind)
    pixels = keypoints[..., :2].astype(np.float64) * (width, height)
    left, right = (pixels[:, kind.points.index(f"{side}_shoulder")] for side in ("left", "right"))
    lengths = np.linalg.norm(left - right, axis=1)
    if not np.isfinite(lengths).mean() >= _MIN_KNOWN:
        return None
    unit = np.nanmedian(lengths)
    if unit < 1:
        return None
    centre = np.nanmedian((left + right) / 2, axis=0)
    points = np.full((len(pixels), len(columns), 2), np.nan)
    for place, column in enumerate(columns):
        if column is not None:
            points[:, place] = (pixels[:, column] - centre) / unit
    points = _at_rate(points, fps)
    arms = _bridged(points[:, :_ARM])
    if not np.isfinite(arms[0, :2]).any():
        return None
    points[:, :_ARM] = arms
    way = _way(arms[:, :2])
    if way[-1] < _MIN_WAY:
        return None
    begin, end = np.interp(np.array(_WAY) * way[-1], way, np.arange(len(way)))
    outline = _sampled(arms, np.linspace(begin, end, TIMES))
    outline -= np.nanmean(outline, axis=(0, 1))
    return Track(points.astype(np.float32), outline.astype(np.float32), float((begin + end) / 2))


def distance(one: Track, other: Track, *, give_up: float = 2 * COPY) -> float:
    """Distance of two tracks in shoulder widths; infinite where it is clearly above `give_up`."""
    guess = round(one.middle - other.middle)
    screened = _screen(one.points[:, :_ARM], other.points[:, :_ARM], guess)
    around = _SHIFTS
    if screened is not None:
        shift, least = screened
        if not least <= give_up:
            return np.inf
        guess, around = shift, 2
    shifts = range(guess - around, guess + around + 1)
    return min(_at_shift(one.points, other.points, shift) for shift in shifts)


def _screen(one: Floats, other: Floats, guess: int) -> tuple[int, float] | None:
    """The best shift by the arms alone, over the piece that all shifts have; None if it is short.

    Returns:
        The shift, and the distance there.
    """
    first = max(0, guess + _SHIFTS)
    count = min(len(one), len(other) + guess - _SHIFTS) - first
    if count < 2 * TIMES:
        return None
    piece = one[first : first + count]
    begin = first - guess - _SHIFTS
    windows = sliding_window_view(other[begin : begin + count + 2 * _SHIFTS], count, axis=0)
    apart = np.moveaxis(windows, -1, 1) - piece  # (shifts, frames, arms, 2)
    apart -= np.nan_to_num(np.nanmean(apart, axis=(1, 2), keepdims=True))
    lengths = np.sqrt(np.square(apart).sum(axis=3))
    known = np.isfinite(lengths)
    means = np.where(known, lengths, 0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    rank = int(_PERCENTILE / 100 * (count - 1))
    ranked = np.partition(means, rank, axis=1)[:, rank]
    best = int(np.argmin(ranked))
    return guess + _SHIFTS - best, float(ranked[best])


def _at_shift(one: Floats, other: Floats, shift: int) -> float:
    """The distance where `one` begins `shift` positions before `other`."""
    first, second = max(0, shift), max(0, -shift)
    count = min(len(one) - first, len(other) - second)
    if count < max(TIMES, _MIN_OVERLAP * min(len(one), len(other))):
        return np.inf
    apart = one[first : first + count] - other[second : second + count]
    # Where the shoulders are is an estimate of its own: what all arms differ by is taken off.
    arms = apart[:, :_ARM].reshape(-1, 2)
    arms = arms[np.isfinite(arms[:, 0])]
    if not len(arms):
        return np.inf
    apart = apart - np.median(arms, axis=0)
    lengths = np.sqrt(np.square(apart).sum(axis=2))
    known = np.isfinite(lengths)
    counts = known.sum(axis=1)
    means = np.where(known, lengths, 0).sum(axis=1)[counts > 0] / counts[counts > 0]
    return float(np.percentile(means, _PERCENTILE)) if len(means) else np.inf


def _columns(kind: Layout) -> list[int | None]:
    """Where arms and finger tips stand in the layout."""
    known = {name: number for number, name in enumerate(kind.points)}
    columns: list[int | None] = [known[name] for name in _ARMS]
    for side in ("left", "right"):
        for finger in _FINGERS:  # BlazePose's body has a point for some fingers itself
            columns.append(known.get(f"{side}_hand_{finger}_tip", known.get(f"{side}_{finger}")))
    return columns


def _at_rate(points: NDArray[np.float64], fps: float) -> NDArray[np.float64]:
    if abs(fps - RATE) < 0.01 or len(points) < 2:
        return points
    count = max(2, round((len(points) - 1) * RATE / fps) + 1)
    return _sampled(points, np.minimum(np.arange(count) * fps / RATE, len(points) - 1))


def _sampled(points: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """`points` (T, P, 2) at fractional `places`; NaN where a neighbour is."""
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, len(points) - 1)
    share = (places - below)[:, None, None]
    return np.where(share == 0, points[below], points[below] * (1 - share) + points[above] * share)


def _bridged(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaps filled along straight lines; points that are seldom known are left out."""
    filled = np.full_like(points, np.nan)
    times = np.arange(len(points))
    for place in range(points.shape[1]):
        known = np.isfinite(points[:, place, 0])
        if known.mean() >= _MIN_KNOWN:
            for axis in range(2):
                filled[:, place, axis] = np.interp(times, times[known], points[known, place, axis])
    return filled


def _way(wrists: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far both wrists together have gone at each position, trembling not counted; (T,)."""
    padded = np.pad(wrists, ((2, 2), (0, 0), (0, 0)), mode="edge")
    smooth = sliding_window_view(padded, 5, axis=0).mean(axis=-1)
    steps = np.nan_to_num(np.linalg.norm(np.diff(smooth, axis=0), axis=2)).sum(axis=1)
    return np.concatenate([[0.0], np.cumsum(np.maximum(steps - _TREMBLE, 0))])

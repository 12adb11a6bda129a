"""Who is who from key frame to key frame: detected boxes become tracks, one a person.

Only places and sizes are looked at, so two people who change places during a gap are not told
apart; faces and clothes are nobody's business here. Nothing is linked across a cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]

MIN_AFFINITY: Final = 0.0
"""Boxes whose overlap does not outweigh their distance are two people."""
MIN_RESUME_AFFINITY: Final = 0.5
"""The same after a gap that is too long for bridging: almost the same place."""
MIN_AREA_RATIO: Final = 0.3
"""Spread arms double the area of a signer's box, so a third is another person or a bad box."""
MAX_DUPLICATE_IOU: Final = 0.7
"""Two boxes in one picture that share more than this are one person; detectors' own non-maximum
suppression stops at 0.45 to 0.65."""


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """What the detector said about one frame.

    Attributes:
        number: of the frame, from 0.
        boxes: (n, 4) x0, y0, x1, y1 in pixels; n may be 0.
        scores: (n,) confidences in [0, 1].
    """

    number: int
    boxes: Floats
    scores: Floats


@dataclass(frozen=True, slots=True)
class Track:
    """One person in one shot, at the key frames at which the person was seen.

    Attributes:
        numbers: frame numbers, ascending.
        boxes: (n, 4) pixels.
        scores: (n,) confidences of the detector.
    """

    numbers: tuple[int, ...]
    boxes: Floats
    scores: Floats


@dataclass(slots=True)
class _Open:
    numbers: list[int]
    boxes: list[Floats]
    scores: list[float]
    missed: int = 0

    def expected(self, number: int) -> tuple[Floats, ...]:
        """Where the box may be: where it was, and where it would be at the same speed.

        Both, because a raised arm moves a signer's box once, and a walker's box goes on.
        """
        last = self.boxes[-1]
        if len(self.boxes) < 2:
            return (last,)
        steps = self.numbers[-1] - self.numbers[-2]
        speed = (last - self.boxes[-2]) / np.float32(steps)
        ahead: Floats = last + speed * np.float32(number - self.numbers[-1])
        return (last, ahead) if (ahead[2:] > ahead[:2]).all() else (last,)


def usable(
    key: KeyFrame, *, min_score: float, min_side_px: float
) -> tuple[Floats, NDArray[np.float32]]:
    """The boxes of a key frame that may be a person, best first, and their scores.

    Dropped are boxes that are no boxes, unsure and tiny ones, and all but the best of several
    around one person.

    Args:
        key: the frame.
        min_score: smallest confidence.
        min_side_px: smallest height or width, whichever is longer.
    """
    boxes = np.asarray(key.boxes, np.float32).reshape(-1, 4)
    scores = np.asarray(key.scores, np.float32).reshape(-1)
    with np.errstate(invalid="ignore"):
        sides = boxes[:, 2:] - boxes[:, :2]
        fine = np.isfinite(boxes).all(axis=1) & (sides > 0).all(axis=1)
        fine &= (sides.max(axis=1, initial=0) >= min_side_px) & (scores >= min_score)
    order = np.flatnonzero(fine)
    # Ties by place, so that the order in which a detector lists its boxes does not count.
    order = order[np.lexsort((*boxes[order].T, -scores[order]))]
    kept: list[int] = []
    for number in order:
        others = boxes[kept]
        if not len(others) or iou(boxes[number], others).max() <= MAX_DUPLICATE_IOU:
            kept.append(int(number))
    return boxes[kept], scores[kept]


def link(
    keys: Sequence[KeyFrame],
    *,
    start_score: float,
    min_score: float,
    min_side_px: float,
    max_missed: int,
) -> list[Track]:
    """Tracks through the key frames of one shot.

    At each key frame, boxes and open tracks are paired greedily, the most alike first. An unsure
    box may continue a track and starts none: the rule of ByteTrack (Zhang et al., ECCV 2022), which
    keeps a half-hidden person without counting every shadow as one.

    Args:
        keys: in ascending order, of one shot.
        start_score: confidence with which a track begins.
        min_score: confidence with which it goes on.
        min_side_px: see `usable`.
        max_missed: key frames without a track's person after which only almost the same place
            continues it.
    """
    tracks: list[_Open] = []
    for key in keys:
        boxes, scores = usable(key, min_score=min_score, min_side_px=min_side_px)
        taken = _paired(tracks, key.number, boxes, max_missed)
        for place, track in enumerate(tracks):
            if place in taken:
                track.numbers.append(key.number)
                track.boxes.append(boxes[taken[place]])
                track.scores.append(float(scores[taken[place]]))
                track.missed = 0
            else:
                track.missed += 1
        used = set(taken.values())
        tracks += [
            _Open([key.number], [boxes[number]], [float(scores[number])])
            for number in range(len(boxes))
            if number not in used and scores[number] >= start_score
        ]
    return [
        Track(tuple(track.numbers), np.stack(track.boxes), np.array(track.scores, np.float32))
        for track in tracks
    ]


def _paired(tracks: list[_Open], number: int, boxes: Floats, max_missed: int) -> dict[int, int]:
    """Which box continues which track."""
    pairs = []
    for place, track in enumerate(tracks):
        needed = MIN_AFFINITY if track.missed <= max_missed else MIN_RESUME_AFFINITY
        for box_number, box in enumerate(boxes):
            alike = max(affinity(guess, box) for guess in track.expected(number))
            if alike > needed and area_ratio(track.boxes[-1], box) >= MIN_AREA_RATIO:
                pairs.append((-alike, place, box_number))
    taken: dict[int, int] = {}
    for _, place, box_number in sorted(pairs):
        if place not in taken and box_number not in taken.values():
            taken[place] = box_number
    return taken


def iou(box: NDArray[Any], others: NDArray[Any]) -> Floats:
    """Intersection over union of one box (4,) with each of several (n, 4)."""
    box, others = np.asarray(box, np.float64), np.asarray(others, np.float64)
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=1)
    whole = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(axis=1) - shared
    return np.asarray(shared / whole, np.float32)


def affinity(one: NDArray[Any], other: NDArray[Any]) -> float:
    """How likely two boxes are one person: IoU - d^2 / c^2, in (-1, 1].

    d is the distance of the middles, c the diagonal of the smallest box around both: the distance
    IoU of Zheng et al., AAAI 2020 (arXiv 1911.08287). Unlike plain IoU it tells boxes that just
    miss each other from boxes far apart, and it is 0 for two standing people half a step apart.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    between = (first[:2] + first[2:] - second[:2] - second[2:]) / 2
    around = np.maximum(first[2:], second[2:]) - np.minimum(first[:2], second[:2])
    return float(iou(first, second[None])[0] - (between @ between) / (around @ around))


def area_ratio(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Area of the smaller box over that of the larger one."""
    areas = [float((box[2:] - box[:2]).astype(np.float64).prod()) for box in (one, other)]
    return min(areas) / max(areas)

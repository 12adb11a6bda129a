"""Whose keypoints: one signer is chosen in each shot of a clip and followed from frame to frame.

There is no published rule for this choice; Uni-Sign takes the first person of the list, rtmlib all
of them. Ours is a product of factors, each in (0, 1], so a candidate must not fail in any:

    value = presence x size x confidence x centrality^0.5 [x prior^2] [x motion]

presence    share of the shot's frames in which the person is there: others walk through
size        square root of the median area over that of the largest candidate: cameras film signers
confidence  mean score of the detector
centrality  1 - 0.5 |x - W/2| / (W/2): weak, since an interpreter stands in a corner
prior       0.05 + 0.95 of the median IoU with the annotated box: strong, since a person drew it
motion      of the hands over that of the liveliest candidate: what a signer does and a listener or
            presenter does not; the only costly one, so it is asked for only where the others leave
            more than one serious candidate

The exponents are judgement, not measurement; the tests hold the cases that they were chosen for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from sign_etl.pose.signer_options import DEFAULT, SignerOptions
from sign_etl.pose.tracks import Box, Floats, KeyFrame, Track, iou, link

__all__ = ["Box", "Follow", "KeyFrame", "SignerOptions", "Track", "follow"]

CENTRALITY_EXPONENT: Final = 0.5
PRIOR_EXPONENT: Final = 2.0
PRIOR_FLOOR: Final = 0.05
MOTION_FLOOR: Final = 0.02
"""What a person outside of the box keeps, or one whose hands rest: somebody must win."""

Motion = Callable[[Track], float]
"""Motion of a person's hands at the key frames of the track, relative to the person's own body and
size, see `sign_etl.pose.motion`; NaN where it cannot be told."""


@dataclass(frozen=True, slots=True)
class Follow:
    """The signer of a clip.

    Attributes:
        boxes: (T, 4) float32 x0, y0, x1, y1 in pixels; NaN rows where the signer is not there.
        persons: most people seen at one key frame.
        ambiguous: value of the second candidate over that of the chosen one, in the shot where it
            is highest: 0 where nobody else came into question, 1 for a toss-up.
        ask: frames that the detector should look at, ascending; none where nothing was lost.
        cuts: frames at which a shot begins, the told ones and those found because everybody was
            somewhere else.
    """

    boxes: Floats
    persons: int
    ambiguous: float
    ask: tuple[int, ...]
    cuts: tuple[int, ...] = ()


def follow(
    keys: Sequence[KeyFrame],
    frames: int,
    size: tuple[int, int],
    *,
    cuts: Sequence[int] = (),
    prior: Box | None = None,
    motion: Motion | None = None,
    options: SignerOptions = DEFAULT,
) -> Follow:
    """Choose the signer of each shot, and say where that person is in every frame.

    Between two sightings boxes are interpolated; otherwise the nearest key frame decides whether
    the signer is there. Where `ask` is not empty, give the same key frames and the asked ones to
    another call: it ends, because losses are halved until they are `ask_within_frames` long.

    Args:
        keys: what the detector said, ascending frame numbers; any distances.
        frames: number of frames T.
        size: (W, H) of the pictures in pixels.
        cuts: frames at which another shot begins.
        prior: where the data set says that the signer is, pixels.
        motion: measures the hands of a candidate; called only for several serious candidates.
        options: see there.

    Raises:
        ValueError: key frames out of order or outside of the clip.
    """
    numbers = [key.number for key in keys]
    if numbers != sorted(set(numbers)) or any(not 0 <= number < frames for number in numbers):
        raise ValueError(f"key frames are to be ascending and within {frames} frames: {numbers}")
    told = sorted({cut for cut in cuts if 0 < cut < frames})
    boxes = np.full((frames, 4), np.nan, np.float32)
    persons, ambiguous = 0, 0.0
    ask: set[int] = set()
    begins: list[int] = []
    for first, end in pairwise((0, *told, frames) if frames else ()):
        inside = [key for key in keys if first <= key.number < end]
        if not inside or (first > 0 and inside[0].number - first > options.ask_within_frames):
            ask.add(first)
        for shot in _shots(inside, first, end, size, options):
            begins.append(shot.first)
            chosen, closeness = _choose(shot, size, prior, motion, options)
            persons = max(persons, shot.persons)
            ambiguous = max(ambiguous, closeness)
            ask |= shot.unsure
            if chosen is not None:
                boxes[shot.first : shot.end] = chosen.boxes
                ask |= chosen.lost
    return Follow(
        boxes, persons, round(ambiguous, 6), tuple(sorted(ask - set(numbers))), tuple(begins[1:])
    )


@dataclass(frozen=True, slots=True)
class _Shot:
    first: int
    end: int
    keys: tuple[int, ...]
    tracks: tuple[Track, ...]
    persons: int
    unsure: frozenset[int]
    """Frames to ask for so that a cut that nobody told is found exactly."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    track: Track
    boxes: Floats
    lost: frozenset[int]
    value: float = 0.0


def _shots(
    keys: list[KeyFrame], first: int, end: int, size: tuple[int, int], options: SignerOptions
) -> list[_Shot]:
    """One shot, or several where all people of two neighbouring key frames are others."""

    def tracks_of(some: list[KeyFrame]) -> list[Track]:
        return link(
            some,
            start_score=options.start_score,
            min_score=options.min_score,
            min_side_px=options.min_side * min(size),
            max_missed=options.max_missed,
        )

    tracks = tracks_of(keys)
    for position, (before, after) in enumerate(pairwise(keys), start=1):
        if not _all_change(tracks, before.number, after.number):
            continue
        # Halved down to neighbours: a cut lies between two frames, a loss takes some.
        middle = (before.number + after.number) // 2
        unsure = frozenset({middle} - {before.number})
        head, rest = keys[:position], keys[position:]
        shot = _shot(head, first, middle + 1, tracks_of(head), unsure)
        return [shot, *_shots(rest, middle + 1, end, size, options)]
    return [_shot(keys, first, end, tracks, frozenset())]


def _all_change(tracks: list[Track], before: int, after: int) -> bool:
    old = [track for track in tracks if before in track.numbers]
    new = [track for track in tracks if after in track.numbers]
    goes_on = any(track.numbers[0] < after for track in new)
    comes_back = any(track.numbers[-1] > before for track in old)
    return bool(old and new) and not goes_on and not comes_back


def _shot(
    keys: list[KeyFrame], first: int, end: int, tracks: list[Track], unsure: frozenset[int]
) -> _Shot:
    numbers = tuple(key.number for key in keys)
    seen = [sum(number in track.numbers for track in tracks) for number in numbers]
    return _Shot(first, end, numbers, tuple(tracks), max(seen, default=0), unsure)


def _choose(
    shot: _Shot,
    size: tuple[int, int],
    prior: Box | None,
    motion: Motion | None,
    options: SignerOptions,
) -> tuple[_Candidate | None, float]:
    """The signer of a shot, and how close the second candidate came."""
    if not shot.tracks:
        return None, 0.0
    largest = max(_median_area(track) for track in shot.tracks)
    ranked = []
    for track in shot.tracks:
        boxes, lost = _spread(track, shot, options)
        value = float(np.isfinite(boxes[:, 0]).mean()) * _looks(track, size, prior, largest)
        ranked.append(_Candidate(track, boxes, lost, value))
    # Ties go to the one who came first, and then to the surer one: `link` gives them in this order.
    ranked.sort(key=lambda one: -one.value)
    serious = [one for one in ranked if one.value >= options.serious * ranked[0].value]
    if motion is not None and len(serious) > 1:
        moved = [_known(motion(one.track)) for one in serious]
        if max(moved) > options.still:
            values = [
                one.value * max(how / max(moved), MOTION_FLOOR)
                for one, how in zip(serious, moved, strict=True)
            ]
            best = int(np.argmax(values))
            second = max(value for place, value in enumerate(values) if place != best)
            return serious[best], second / values[best] if values[best] else 0.0
    second = ranked[1].value if len(ranked) > 1 else 0.0
    return ranked[0], second / ranked[0].value if ranked[0].value else 0.0


def _known(how: float) -> float:
    # Hands that were not found at two key frames are not seen to sign.
    return how if math.isfinite(how) else 0.0


def _looks(track: Track, size: tuple[int, int], prior: Box | None, largest: float) -> float:
    """All factors but presence and motion."""
    middle = float(np.median(track.boxes[:, [0, 2]].mean(axis=1)))
    off = min(1.0, abs(middle - size[0] / 2) / (size[0] / 2))
    central: float = (1 - 0.5 * off) ** CENTRALITY_EXPONENT
    value = math.sqrt(_median_area(track) / largest) * float(track.scores.mean()) * central
    if prior is not None:
        shared = float(np.median(iou(np.array(prior), track.boxes)))
        value *= (PRIOR_FLOOR + (1 - PRIOR_FLOOR) * shared) ** PRIOR_EXPONENT
    return value


def _median_area(track: Track) -> float:
    sides = track.boxes[:, 2:] - track.boxes[:, :2]
    return float(np.median(sides.prod(axis=1, dtype=np.float64)))


def _spread(track: Track, shot: _Shot, options: SignerOptions) -> tuple[Floats, frozenset[int]]:
    """The track's box in every frame of the shot, and the frames to ask for where it is lost."""
    there = np.zeros(shot.end - shot.first, bool)
    ask: set[int] = set()

    def stays(begin: float, end: float) -> None:
        there[max(0, math.ceil(begin) - shot.first) : max(0, math.floor(end) + 1 - shot.first)] = 1

    def until(seen: int, missed: int | None, way: int) -> None:
        """From a sighting towards the key frame at which the person is missed, or the edge."""
        reach = seen + way * options.max_hold_frames
        if missed is None:
            edge = shot.first if way < 0 else shot.end - 1
            if (edge - reach) * way > 0:
                ask.add(reach)
        else:
            # Half way lies the nearest key frame's border; a tie goes to the absent person.
            border = (seen + missed) / 2 - way * 0.25
            reach = math.floor(min(reach, border)) if way > 0 else math.ceil(max(reach, border))
            if abs(missed - seen) > options.ask_within_frames:
                ask.add((seen + missed) // 2)
        stays(*sorted((seen, reach)))

    for start, stop in pairwise(track.numbers):
        missed = [number for number in shot.keys if start < number < stop]
        short = len(missed) <= options.max_missed and stop - start <= options.max_bridge_frames
        if not missed or short:
            stays(start, stop)
        else:
            until(start, missed[0], 1)
            until(stop, missed[-1], -1)
    until(track.numbers[0], max((n for n in shot.keys if n < track.numbers[0]), default=None), -1)
    until(track.numbers[-1], min((n for n in shot.keys if n > track.numbers[-1]), default=None), 1)
    times = np.arange(shot.first, shot.end)
    boxes = np.stack([np.interp(times, track.numbers, side) for side in track.boxes.T], axis=1)
    return np.where(there[:, None], boxes, np.nan).astype(np.float32), frozenset(ask)

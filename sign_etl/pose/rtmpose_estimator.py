"""The flow of the `rtmpose` backend: detector on key frames, pose net on batches across clips.

1. Frames are decoded in a thread ahead.
2. The detector looks at every n-th frame, the first and last, and both sides of each hard cut.
3. The signer is chosen and followed; boxes in between are interpolated, so frames are independent.
4. The pose net gets full batches, whatever clips the frames are of.
5. Where the points say that the signer was lost, the detector looks again, and what changed is done
   again. A clip is given out when nothing is left to ask.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.pose.base import Estimate, Fact, PoseInput
from sign_etl.pose.clock import SILENT, Clock
from sign_etl.pose.film import Film, Picture, films
from sign_etl.pose.lost import lost, middles
from sign_etl.pose.motion import hand_motion
from sign_etl.pose.signer import Follow, KeyFrame, SignerOptions, Track, follow
from sign_etl.pose.topdown import PoseNet
from sign_etl.pose.yolox import PersonDetector
from sign_etl.schema.layouts import Layout

MAX_ROUNDS: Final = 4
"""So often a clip is looked through for losses; each time they are half as long."""

Floats = NDArray[np.float32]


@dataclass(slots=True)
class _Work:
    """A clip in hand."""

    film: Film
    points: Floats
    boxes: Floats
    """(T, 4): where `points` were looked for; NaN where nobody was."""
    cuts: tuple[int, ...] = ()
    keys: dict[int, KeyFrame] = field(default_factory=dict)
    follow: Follow | None = None
    waiting: deque[int] = field(default_factory=deque)
    """Frames to be estimated; `pictures` gives theirs, in the same order."""
    pictures: Iterator[Picture] = field(default_factory=lambda: iter(()))
    rounds: int = 0
    finished: bool = False


class RtmPoseEstimator:
    """See `sign_etl.pose.base.Estimator`.

    Args:
        detector: finds persons in one picture.
        pose: finds points in batches of crops.
        kind: the layout of the points.
        det_interval: frames from one key frame to the next.
        signer: how people are followed.
        decoders: threads that decode ahead.
        facts: what is said of each estimate beside what was seen.
        clock: measures the stages.
    """

    def __init__(
        self,
        detector: PersonDetector,
        pose: PoseNet,
        kind: Layout,
        *,
        det_interval: int = 10,
        signer: SignerOptions | None = None,
        decoders: int = 1,
        facts: Mapping[str, Fact] | None = None,
        clock: Clock = SILENT,
    ) -> None:
        self._detector = detector
        self._pose = pose
        self._kind = kind
        self._det_interval = det_interval
        self._signer = signer or SignerOptions()
        self._decoders = decoders
        self._facts = dict(facts or {})
        self._clock = clock

    def estimate(self, clips: Sequence[PoseInput]) -> Iterator[Estimate]:
        """See `Estimator`.

        Raises:
            ValueError: a video cannot be decoded, or it is not what was announced.
        """
        coming = films(clips, threads=self._decoders, clock=self._clock)
        works: deque[_Work] = deque()
        more = True
        try:
            while more or works:
                while more and sum(len(work.waiting) for work in works) < self._pose.batch:
                    film = next(coming, None)
                    if film is None:
                        more = False
                        break
                    works.append(self._begun(film))
                    if not works[-1].waiting:
                        # Nobody is in it. A row of such clips must not pile up.
                        break
                self._advance(works)
                for work in works:
                    if not work.finished and not work.waiting:
                        self._review(work)
                while works and works[0].finished:
                    yield self._result(works.popleft())
        finally:
            for work in works:
                work.film.stop()
            coming.close()

    def _begun(self, film: Film) -> _Work:
        clip = film.clip
        points = np.full((clip.frames, self._kind.size, 3), np.nan, np.float32)
        points[..., 2] = 0
        work = _Work(film, points, np.full((clip.frames, 4), np.nan, np.float32))
        self._look(work, range(0, clip.frames, self._det_interval))
        work.cuts = film.cuts()
        borders = {clip.frames - 1, *work.cuts, *(cut - 1 for cut in work.cuts)}
        self._look(work, borders - {-1})
        self._follow(work)
        return work

    def _look(self, work: _Work, numbers: Iterable[int]) -> None:
        """Show frames to the detector that it has not seen."""
        new = sorted(set(numbers) - set(work.keys))
        for number, picture in zip(new, work.film.pictures(new), strict=True):
            with self._clock("detect"):
                seen = self._detector(picture)
            work.keys[number] = KeyFrame(number, seen.boxes, seen.scores)

    def _follow(self, work: _Work) -> None:
        """Follow the signer until nothing is left to ask; then boxes that changed wait."""
        clip = work.film.clip
        prior = None
        if clip.bbox is not None:
            x0, y0, x1, y1 = clip.bbox
            prior = (x0 * clip.width, y0 * clip.height, x1 * clip.width, y1 * clip.height)
        hands = _Hands(self._pose, self._kind, work.film)
        while True:
            chosen = follow(
                [work.keys[number] for number in sorted(work.keys)],
                clip.frames,
                (clip.width, clip.height),
                cuts=work.cuts,
                prior=prior,
                motion=hands.motion,
                options=self._signer,
            )
            if not chosen.ask:
                break
            self._look(work, chosen.ask)
        work.follow, boxes = chosen, chosen.boxes
        same = (boxes == work.boxes) | (np.isnan(boxes) & np.isnan(work.boxes))
        changed = ~same.all(axis=1)
        work.points[changed] = (np.nan, np.nan, 0)
        work.boxes = boxes
        work.waiting.extend(int(n) for n in np.flatnonzero(changed & np.isfinite(boxes[:, 0])))
        work.pictures = work.film.pictures(tuple(work.waiting))

    def _advance(self, works: Iterable[_Work]) -> None:
        """One batch of the pose net, from as many clips as it takes."""
        taken: list[tuple[_Work, int]] = []
        pictures: list[Picture] = []
        for work in works:
            while work.waiting and len(taken) < self._pose.batch:
                pictures.append(next(work.pictures))
                taken.append((work, work.waiting.popleft()))
        if not taken:
            return
        found = self._pose(pictures, [work.boxes[number] for work, number in taken])
        for (work, number), points in zip(taken, found, strict=True):
            work.points[number] = points

    def _review(self, work: _Work) -> None:
        keys = np.zeros(len(work.boxes), bool)
        keys[list(work.keys)] = True
        wrong = lost(work.points, work.boxes, keys)
        if not wrong.any() or work.rounds == MAX_ROUNDS:
            work.finished = True
            return
        work.rounds += 1
        self._look(work, middles(wrong))
        self._follow(work)
        work.finished = not work.waiting

    def _result(self, work: _Work) -> Estimate:
        clip = work.film.clip
        assert work.follow is not None
        work.points[..., :2] /= np.array([clip.width, clip.height], np.float64)
        return Estimate(
            work.points,
            {
                **self._facts,
                "persons": work.follow.persons,
                "ambiguous": work.follow.ambiguous,
                "shots": len(work.follow.cuts) + 1,
                "detections": len(work.keys),
            },
        )


class _Hands:
    """Motion of the hands of people who may be the signer, each frame looked at once."""

    def __init__(self, pose: PoseNet, kind: Layout, film: Film) -> None:
        self._pose = pose
        self._kind = kind
        self._film = film
        self._known: dict[tuple[int, bytes], Floats] = {}

    def motion(self, track: Track) -> float:
        """See `sign_etl.pose.signer.Motion`."""
        names = [
            (number, box.tobytes()) for number, box in zip(track.numbers, track.boxes, strict=True)
        ]
        new = [place for place, name in enumerate(names) if name not in self._known]
        pictures = self._film.pictures([track.numbers[place] for place in new])
        for first in range(0, len(new), self._pose.batch):
            places = new[first : first + self._pose.batch]
            batch = [next(pictures) for _ in places]
            for place, points in zip(
                places, self._pose(batch, [track.boxes[place] for place in places]), strict=True
            ):
                self._known[names[place]] = points
        points = np.stack([self._known[name] for name in names])
        return hand_motion(points[..., :2], points[..., 2], track.numbers, self._kind)

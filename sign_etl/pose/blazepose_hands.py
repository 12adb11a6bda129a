"""The hands of one clip as MediaPipe finds them: whose they are, and whether one was overlooked."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.pose import hands

BODY: Final = slice(0, 33)
HANDS: Final = (slice(33, 54), slice(54, 75))
"""Points of the body and of the left and right hand in the layout."""

MOST_HANDS: Final = 2
NEAR: Final = 1.5
"""A followed hand may hide another one whose wrist is nearer than this, in shoulder widths:
MediaPipe drops what overlaps a hand by half, and was seen to do so up to a distance of 1.2."""
PARTED: Final = 1.0
"""Wrists of the body that are farther apart than this are followed again."""


class HandOwner:
    """Puts the hands of one clip where they belong; remembers the wrists it saw last.

    Args:
        max_distance: see `BlazePoseOptions.max_wrist_distance`.
        width: of the picture in pixels.
        height: likewise.
    """

    def __init__(self, max_distance: float, width: int, height: int) -> None:
        self._max_distance = max_distance
        self._size_px = np.array([width, height], np.float64)
        self._last: tuple[NDArray[np.float64], float] | None = None
        self._followed = 0
        self._beside = False

    def put(self, frame: NDArray[np.float32], found: Any) -> None:
        """Fill the hand points of `frame`, whose body is in place."""
        self._see(frame)
        if not found.hand_landmarks:
            return
        points = [points_of(landmarks) for landmarks in found.hand_landmarks]
        places = self._places(points)
        if self._last is not None:
            wrists, scale_px = self._last
            owners = hands.assign(places, wrists, self._max_distance * scale_px)
        else:
            owners = hands.assign_by_side(places, int(self._size_px[0]))
        for part, hand in zip(HANDS, owners, strict=True):
            if hand is not None:
                frame[part, :3] = points[hand]
                frame[part, 3] = found.handedness[hand][0].score

    def beside(self, frame: NDArray[np.float32]) -> bool:
        """Whether the hands are still beside each other since following lost one there.

        Then it would lose it again: this frame is better looked at alone from the start. To be
        called once a frame, in order, with the body in place.
        """
        if self._beside:
            self._see(frame)
            assert self._last is not None
            (left, right), scale_px = self._last
            self._beside = float(np.linalg.norm(left - right)) < PARTED * scale_px
        return self._beside

    def overlooked(self, frame: NDArray[np.float32], found: Any) -> bool:
        """Whether a look at this frame alone may find a hand that following it did not.

        To be called for each followed frame, in order, after `put`. Who follows hands looks for
        palms only while fewer than two are held, and drops the palms that overlap a hand in hold.
        So it may where a hand is missing whose wrist is in the picture, and either nobody looked
        for palms in this frame, or what was found is near enough to hide it.

        Args:
            frame: (75, 4) as `put` left it.
            found: what following found in it.
        """
        looked_for_palms = self._followed < MOST_HANDS
        self._followed = len(found.hand_landmarks)
        missing = [side for side, part in enumerate(HANDS) if np.isnan(frame[part, 0]).all()]
        if self._last is None:
            return bool(missing) and not looked_for_palms
        wrists, scale_px = self._last
        missing = [
            side for side in missing if ((wrists[side] >= 0) & (wrists[side] < self._size_px)).all()
        ]
        if not missing or not looked_for_palms:
            return bool(missing)
        places = self._places([points_of(landmarks) for landmarks in found.hand_landmarks])
        gaps_px = np.linalg.norm(places[:, None] - wrists[None, missing], axis=-1)
        self._beside = bool((gaps_px < NEAR * scale_px).any())
        if self._beside:
            # The next frame that is followed may be far from this one: it gets a second look.
            self._followed = MOST_HANDS
        return self._beside

    def put_if_better(self, frame: NDArray[np.float32], found: Any) -> None:
        """Replace the hands of `frame` by others of the signer, if these are more."""
        other = frame.copy()
        for part in HANDS:
            other[part, :3], other[part, 3] = np.nan, 0.0
        self.put(other, found)
        if _count(other) > _count(frame):
            frame[:] = other

    def _see(self, frame: NDArray[np.float32]) -> None:
        body = frame[BODY, :2].astype(np.float64) * self._size_px
        if np.isfinite(body).all():
            self._last = hands.wrists(body), hands.body_scale_px(body)

    def _places(self, points: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        wrists = [each[hands.WRIST, :2] for each in points]
        return np.array(wrists, np.float64).reshape(-1, 2) * self._size_px


def points_of(landmarks: Any) -> NDArray[np.float64]:
    """(K, 3) x, y, z of MediaPipe's landmarks, as shares of the picture."""
    return np.array([(point.x, point.y, point.z) for point in landmarks], np.float64)


def _count(frame: NDArray[np.float32]) -> int:
    return sum(bool(np.isfinite(frame[part, 0]).any()) for part in HANDS)

"""The frames of a clip, decoded in a thread ahead of the nets, and the hard cuts between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sign_etl.pose.base import PoseInput
from sign_etl.pose.clock import SILENT, Clock
from sign_etl.reader.frames import read_frames

KEPT_BYTES: Final = 256 << 20
"""A clip with more bytes of frames is decoded again where it is looked at, and not kept."""

THUMBNAIL_ROWS: Final = 32
CUT_LEVELS: Final = 6.0
"""Mean change of the thumbnail, in levels of 255, from which a cut comes into question. A signer
who moves changes it by 1 to 3, two signers before one wall by 8 and more."""
CUT_RATIO: Final = 6.0
"""And so many times the median change around it: a camera that shakes is no series of cuts."""
CUT_WINDOW: Final = 8
"""Frames on each side that are around it."""

Picture = NDArray[np.uint8]


class Film:
    """One clip. `load` runs in a decoding thread, everything else in the thread of the nets.

    Args:
        clip: what was announced.
        clock: measures the decoding.
    """

    def __init__(self, clip: PoseInput, clock: Clock = SILENT) -> None:
        self.clip = clip
        self._clock = clock
        self._kept: list[Picture] | None = (
            [] if clip.frames * clip.height * clip.width * 3 <= KEPT_BYTES else None
        )
        self._changes: list[float] = []
        self._count = 0
        self._over = False
        self._stopped = False
        self._error: Exception | None = None
        self._changed = Condition()

    def load(self) -> None:
        """Decode the clip once: count and compare its frames, and keep them if they are not many.

        Errors are kept for whoever looks at the frames.
        """
        error: Exception | None = None
        try:
            self._decode()
        except Exception as wrong:
            error = wrong
        finally:
            with self._changed:
                self._error, self._over = error, True
                self._changed.notify_all()

    def stop(self) -> None:
        """Nobody wants the rest."""
        self._stopped = True

    def pictures(self, numbers: Sequence[int]) -> Iterator[Picture]:
        """Frames by ascending number, (H, W, 3) uint8 RGB, each as soon as it is decoded.

        Raises:
            ValueError: the video cannot be decoded, or it is not what was announced.
        """
        if self._kept is not None:
            for number in numbers:
                self._wait(number)
                yield self._kept[number]
            return
        wanted = deque(numbers)
        for number, picture in enumerate(read_frames(self.clip.video)):
            if not wanted:
                return
            if number == wanted[0]:
                wanted.popleft()
                yield picture
        if wanted:
            raise ValueError(f"the video has no frame {wanted[0]}")

    def cuts(self) -> tuple[int, ...]:
        """Frames at which another shot begins; waits until all are decoded.

        Raises:
            ValueError: see `pictures`.
        """
        self._wait(None)
        return cuts_in(np.array(self._changes, np.float64))

    def _wait(self, number: int | None) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._over or (number is not None and self._count > number)
            )
            if self._error is not None and (number is None or self._count <= number):
                raise self._error

    def _decode(self) -> None:
        clip = self.clip
        before: NDArray[np.int16] | None = None
        step = max(1, clip.height // THUMBNAIL_ROWS)
        frames = read_frames(clip.video)
        while not self._stopped:
            with self._clock("decode"):
                picture = next(frames, None)
            if picture is None:
                break
            if self._count == clip.frames:
                raise ValueError(f"the video has more than {clip.frames} frames")
            if picture.shape != (clip.height, clip.width, 3):
                raise ValueError(f"the video is not {clip.width} x {clip.height}")
            # Green is most of the brightness, and needs no arithmetic.
            small = picture[::step, ::step, 1].astype(np.int16)
            if before is not None:
                self._changes.append(float(np.abs(small - before).mean()))
            before = small
            with self._changed:
                if self._kept is not None:
                    self._kept.append(picture)
                self._count += 1
                self._changed.notify_all()
        if self._count != clip.frames and not self._stopped:
            raise ValueError(f"the video has {self._count} frames, not {clip.frames}")


def films(
    clips: Sequence[PoseInput], *, threads: int = 1, clock: Clock = SILENT
) -> Generator[Film, None, None]:
    """The clips in order, some of them being decoded ahead.

    Args:
        clips: to be read.
        threads: that decode, each a clip of its own; so many clips are read ahead.
        clock: measures the decoding, which makes sense for one thread.
    """
    ahead: deque[Film] = deque()
    coming = iter(clips)
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        try:
            while True:
                for clip in coming:
                    ahead.append(Film(clip, clock))
                    pool.submit(ahead[-1].load)
                    if len(ahead) > threads:
                        break
                if not ahead:
                    return
                film = ahead.popleft()
                yield film
                # Its consumer comes back early for the next one; nobody needs it any longer then.
                del film
        finally:
            for left in ahead:
                left.stop()


def cuts_in(changes: NDArray[np.float64]) -> tuple[int, ...]:
    """Frames at which another shot begins.

    Args:
        changes: (T - 1,) mean absolute change of the thumbnail from each frame to the next.
    """
    found = []
    for place in map(int, np.flatnonzero(changes >= CUT_LEVELS)):
        first = max(0, place - CUT_WINDOW)
        around = np.delete(changes[first : place + CUT_WINDOW + 1], place - first)
        usual = float(np.median(around)) if len(around) else 0.0
        if changes[place] >= CUT_RATIO * (usual + 0.5):
            found.append(place + 1)
    return tuple(found)

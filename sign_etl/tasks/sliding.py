"""Signs out of a stream: a window over its last pictures, looked at again and again.

A sign is told when its probability reaches a threshold; the window then begins anew, so that one
sign is not told twice. What is told again within a window's length is one sign. A class that
stands for "no sign" is never told.

A model that knows the frame rate it has learned with gets its pictures at that rate, whatever the
stream's is: for each moment at which one is due, the frame whose time is nearest. So a window holds
as many seconds as in training, and the same stream gives the same windows.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
NO_EVENT = frozenset({"---", "no_event", "no event"})
"""What data sets call the class without a sign."""


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign that was recognised.

    Attributes:
        label: its name.
        probability: the greatest one.
        start_s: begin of the window, in seconds of the stream.
        end_s: its end.
    """

    label: str
    probability: float
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Recogniser:
    """A model on pictures, however it is run.

    Attributes:
        labels: class names.
        frames: T pictures of a window.
        every: one of so many frames is looked at.
        prepare: a frame (H', W', 3) RGB to a picture (H, W, 3) as the model wants it.
        ask: probabilities (C,) of T pictures (T, H, W, 3).
        name: for people.
        fps: frames per second in which `every` counts, those of the training; 0 where nobody tells
            them: then the stream's frames are counted.
        silent: classes that stand for "no sign".
    """

    labels: tuple[str, ...]
    frames: int
    every: int
    prepare: Callable[[Picture], Picture]
    ask: Callable[[Picture], NDArray[Any]]
    name: str
    fps: float = 0.0
    silent: frozenset[str] = NO_EVENT


class Pace:
    """How many pictures each frame of a stream stands for.

    Args:
        every: one of so many frames is a picture.
        fps: the rate in which `every` counts; 0 for that of the stream, whatever its times say.
        stream_fps: the stream's own; 0 where it is not known. A frame stands for the moments that
            are due up to half its duration after its time.
    """

    def __init__(self, every: int, fps: float = 0.0, stream_fps: float = 0.0) -> None:
        self._every = every
        self._interval_s = every / fps if fps else 0.0
        self._ahead_s = 0.5 / stream_fps if stream_fps else 0.0
        self._frames = self._pictures = 0

    def of(self, time_s: float) -> int:
        """Pictures that the next frame stands for, shown at `time_s` since the begin."""
        if self._interval_s:
            due = math.floor((time_s + self._ahead_s) / self._interval_s + _ROUNDING) + 1
        else:
            due = self._frames // self._every + 1
        self._frames += 1
        count = max(0, due - self._pictures)
        self._pictures += count
        return count


_ROUNDING = 1e-6
"""Of an interval: so far may times be rounded where a moment is due between two frames."""


class Sliding:
    """The window, and what was told so far.

    Args:
        recogniser: what looks at it.
        threshold: least probability of a sign.
        hop: pictures between two looks; 0 for a quarter of the window.
        silent: labels that are never told; None for those of the recogniser.
        fps: frames per second of the stream, where they are known.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        *,
        threshold: float = 0.5,
        hop: int = 0,
        silent: Iterable[str] | None = None,
        fps: float = 0.0,
    ) -> None:
        self.recogniser, self.threshold = recogniser, threshold
        self.hop = hop or max(1, recogniser.frames // 4)
        self.silent = recogniser.silent if silent is None else frozenset(silent)
        self.signs: list[Sign] = []
        self.looks = 0
        self._window: deque[tuple[float, Picture]] = deque(maxlen=recogniser.frames)
        self._pace = Pace(recogniser.every, recogniser.fps, fps)
        self._since, self._ended_s, self._length_s = self.hop, 0.0, 0.0

    def see(self, frame: Picture, time_s: float, *, behind: bool = False) -> Sign | None:
        """Take the next frame of the stream; the sign that it completes, if it is a new one.

        Args:
            frame: (H, W, 3) RGB.
            time_s: since the begin of the stream.
            behind: more frames wait already: look at no window twice, so as to catch up.
        """
        self._ended_s = time_s
        count = min(self._pace.of(time_s), self.recogniser.frames)
        if not count:
            return None
        picture = self.recogniser.prepare(frame)
        self._window.extend([(time_s, picture)] * count)
        self._since += count
        due = max(self.hop, self.recogniser.frames) if behind else self.hop
        if len(self._window) < self.recogniser.frames or self._since < due:
            return None
        self._since = 0
        return self._look([picture for _, picture in self._window])

    def finish(self) -> Sign | None:
        """The stream is over: a window that is half full at least begins again and is looked at."""
        count, wanted = len(self._window), self.recogniser.frames
        fresh = count == wanted and self._since == 0
        if fresh or (self.looks and 2 * count < wanted) or not count:
            return None
        pictures = [picture for _, picture in self._window]
        return self._look([pictures[at % count] for at in range(wanted)])

    def _look(self, pictures: list[Picture]) -> Sign | None:
        self.looks += 1
        found = self.recogniser.ask(np.stack(pictures))
        best = int(found.argmax())
        label, sure = self.recogniser.labels[best], float(found[best])
        if not sure >= self.threshold or label in self.silent:  # NaN is no probability
            return None
        start_s = self._window[0][0]
        # The last window of a stream can be a short one.
        self._length_s = max(self._length_s, self._ended_s - start_s)
        self._window.clear()
        self._since = self.hop
        last = self.signs[-1] if self.signs else None
        if last is not None and last.label == label and start_s - last.end_s < self._length_s:
            more = max(sure, last.probability)
            self.signs[-1] = replace(last, end_s=self._ended_s, probability=more)
            return None
        self.signs.append(Sign(label, sure, start_s, self._ended_s))
        return self.signs[-1]


def probabilities(scores: NDArray[Any]) -> NDArray[Any]:
    """Scores (C,) as probabilities; what is a distribution already stays."""
    wide = scores.astype(np.float64)
    if wide.min() >= 0 and abs(float(wide.sum()) - 1) < 1e-3:
        return wide
    raised = np.exp(wide - wide.max())
    return np.asarray(raised / raised.sum())


def watch(sliding: Sliding, frames: Iterable[tuple[float, Picture]]) -> Iterator[Sign | None]:
    """What each frame completes; once more at the end of the stream."""
    for time_s, frame in frames:
        yield sliding.see(frame, time_s)
    yield sliding.finish()

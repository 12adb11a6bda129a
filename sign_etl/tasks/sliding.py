"""Signs out of a stream: a window over its last pictures, looked at again and again.

A sign is told when its probability reaches a threshold; the window then begins anew, so that one
sign is not told twice. What is told directly after itself is one sign. A class that stands for "no
sign" is never told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
NO_EVENT = frozenset({"---", "no", "no_event", "no event"})
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
    """

    labels: tuple[str, ...]
    frames: int
    every: int
    prepare: Callable[[Picture], Picture]
    ask: Callable[[Picture], NDArray[Any]]
    name: str


class Sliding:
    """The window, and what was told so far.

    Args:
        recogniser: what looks at it.
        threshold: least probability of a sign.
        hop: pictures between two looks; 0 for a quarter of the window.
        silent: labels that are never told; None for `NO_EVENT`.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        *,
        threshold: float = 0.5,
        hop: int = 0,
        silent: Iterable[str] | None = None,
    ) -> None:
        self.recogniser, self.threshold = recogniser, threshold
        self.hop = hop or max(1, recogniser.frames // 4)
        self.silent = NO_EVENT if silent is None else frozenset(silent)
        self.signs: list[Sign] = []
        self.looks = 0
        self._window: deque[tuple[float, Picture]] = deque(maxlen=recogniser.frames)
        self._number, self._since, self._ended_s = 0, self.hop, 0.0

    def see(self, frame: Picture, time_s: float) -> Sign | None:
        """Take the next frame of the stream; the sign that it completes, if it is a new one."""
        self._ended_s = time_s
        taken = self._number % self.recogniser.every == 0
        self._number += 1
        if not taken:
            return None
        self._window.append((time_s, self.recogniser.prepare(frame)))
        self._since += 1
        if len(self._window) < self.recogniser.frames or self._since < self.hop:
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
        if sure < self.threshold or label in self.silent:
            return None
        start_s = self._window[0][0]
        self._window.clear()
        self._since = self.hop
        last = self.signs[-1] if self.signs else None
        if (
            last is not None
            and last.label == label
            and start_s - last.end_s < last.end_s - (last.start_s)
        ):
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

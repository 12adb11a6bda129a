"""Which source frame each output frame shows: exact arithmetic on presentation times.

Output frame i covers [start + i/fps, start + (i+1)/fps) and shows what was on screen in the middle
of that interval, half a frame away from both borders, so that jitter of the timestamps changes
nothing: 25 to 25 frames per second is the identity and 30 to 25 drops every sixth frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Generic, TypeVar

TIE_S: Final = Fraction(1, 1000)
"""A source frame that comes on screen within this of the middle counts as on screen: several
containers round timestamps to milliseconds, and 30 to 25 has exact ties."""

_RATE_ERROR = Fraction(2, 100_000)

FrameT = TypeVar("FrameT")


def seconds(value: float) -> Fraction:
    """`value` seconds, exact in microseconds."""
    return Fraction(round(value * 1_000_000), 1_000_000)


def microseconds(time_s: Fraction) -> int:
    """`time_s` rounded to whole microseconds."""
    return math.floor(time_s * 1_000_000 + Fraction(1, 2))


def frame_count(duration_s: Fraction, fps: Fraction) -> int:
    """Number of output frames that cover `duration_s` seconds: rounded, at least one."""
    return max(1, math.floor(duration_s * fps + Fraction(1, 2)))


def tidy_rate(rate: Fraction | float) -> Fraction:
    """`rate` as a small fraction, snapped to whole numbers and to n * 1000/1001 (29.97 and kin).

    Containers estimate rates from rounded timestamps; an error of 2e-5 is 2.4 ms in two minutes.
    """
    exact = Fraction(rate)
    whole = max(1, round(exact))
    for candidate in (Fraction(whole), Fraction(whole * 1000, 1001)):
        if abs(exact - candidate) <= candidate * _RATE_ERROR:
            return candidate
    return exact.limit_denominator(1001)


@dataclass(frozen=True, slots=True)
class Shown(Generic[FrameT]):
    """A source frame and how many output frames show it.

    Attributes:
        frame: the source frame.
        time_s: its presentation time in seconds of the source.
        repeats: number of consecutive output frames, at least one.
    """

    frame: FrameT
    time_s: Fraction
    repeats: int


class Sampler(Generic[FrameT]):
    """Chooses source frames for output frames while the source goes by; holds one frame.

    Args:
        start_s: begin of the span.
        fps: rate of the output.
        frames: number of output frames, None until the end of the source is known.
    """

    def __init__(self, start_s: Fraction, fps: Fraction, frames: int | None) -> None:
        self._start_s = start_s
        self._fps = fps
        self._frames = frames
        self._held: tuple[FrameT, Fraction] | None = None
        self.emitted = 0

    @property
    def done(self) -> bool:
        """True when all output frames are decided."""
        return self._frames is not None and self.emitted >= self._frames

    def push(self, frame: FrameT, time_s: Fraction) -> Shown[FrameT] | None:
        """Take the next source frame.

        Args:
            frame: the frame.
            time_s: its presentation time, larger than that of the frame before.

        Returns:
            The frame before it, where output frames show that one.
        """
        # Output frame i shows the held frame if the new one comes later than its middle, that is
        # start + (i + 1/2)/fps + TIE_S < time_s.
        border = (time_s - TIE_S - self._start_s) * self._fps - Fraction(1, 2)
        shown = self._emit(math.ceil(border))
        self._held = (frame, time_s)
        return shown

    def finish(self, end_s: Fraction) -> Shown[FrameT] | None:
        """The source is at its end: decide what is left.

        Args:
            end_s: end of the last source frame; the output ends there if not before.
        """
        until_end = frame_count(end_s - self._start_s, self._fps)
        frames = until_end if self._frames is None else min(self._frames, until_end)
        self._frames = max(frames, self.emitted)
        return self._emit(self._frames)

    def _emit(self, border: int) -> Shown[FrameT] | None:
        if self._held is None:
            return None
        if self._frames is not None:
            border = min(border, self._frames)
        repeats = border - self.emitted
        if repeats <= 0:
            return None
        self.emitted = border
        return Shown(*self._held, repeats)

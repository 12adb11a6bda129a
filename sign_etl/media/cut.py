"""Cutting one clip out of an opened source: what is decoded, shown, written, flagged, refused.

A frame is held only until it is written, so the memory does not grow with the length of the source.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from sign_etl.media.decode import Frames, Playable, Timed
from sign_etl.media.output import Job, Output
from sign_etl.media.probe import Refused
from sign_etl.media.timeline import Sampler, Shown, frame_count, tidy_rate
from sign_etl.schema.outcome import Reason

SLACK_S: Final = Fraction(1, 4)
"""Annotated ends and declared durations are this imprecise (or two frames, if that is more)."""

FPS_TOLERANCE: Final = 0.02
GAP_S: Final = 1


class Cut:
    """One attempt to make the clip from an opened source."""

    def __init__(self, job: Job, source: Playable, is_cut: bool, *, from_begin: bool) -> None:
        self._config = config = job.config
        self._source = source
        self._is_cut = is_cut
        self._from_begin = from_begin
        self._flags: set[str] = set()
        header = source.header
        self._job = job = self._in_time_of(header.fps, job)
        if config.fps is None and header.fps is None:
            self._flags.add("fps-guessed")
        self._fps = tidy_rate(config.fps or header.fps or 25)
        self._interval_s = 1 / (header.fps or Fraction(25))
        self._slack_s = max(SLACK_S, 2 * self._interval_s)
        if header.duration_s is not None:
            self._check_longest(header.duration_s)
        frames = None if job.end_s is None else frame_count(job.end_s - job.start_s, self._fps)
        self._sampler: Sampler[VideoFrame] = Sampler(job.start_s, self._fps, frames)
        self._most_frames = frame_count(Fraction(config.max_duration_s), self._fps)
        self._output = Output(job, self._fps, header.pixel_aspect)
        self._times_s: list[Fraction] = []

    def make(self) -> bool:
        """Write the clip; False if this attempt began too late in the source.

        Raises:
            Refused: the source cannot become a clip.
        """
        finished = False
        try:
            finished = self._decode()
        finally:
            if not finished:
                self._output.abandon()
        return finished

    def _decode(self) -> bool:
        job = self._job
        playback = self._source.play()
        last: Timed | None = None
        for timed in playback:
            if last is None:
                if not self._from_begin and timed.time_s > job.start_s:
                    return False
                if timed.time_s > job.start_s + self._slack_s:
                    self._flags.add("starts-late")
            elif timed.time_s - last.time_s > GAP_S and timed.time_s > job.start_s:
                self._flags.add("time-gap")
            if timed.frame.key_frame and timed.time_s <= job.start_s:
                playback.forgive()
            if playback.damage and timed.time_s > job.start_s:
                if not self._from_begin:
                    return False  # it may be the seeking that did it
                self._check_damage()
            self._note(timed)
            self._write(self._sampler.push(timed.frame, timed.time_s))
            last = timed
            if self._sampler.done:
                break
        if not self._sampler.done:
            if not self._from_begin and (last is None or playback.damage):
                return False
            self._end(playback, last)
        if playback.mended:
            self._flags.add("timestamps-mended")
        self._output.close()
        return True

    def _end(self, playback: Frames, last: Timed | None) -> None:
        """The source ended before the span did, or where an open span ends."""
        job = self._job
        if last is None:
            raise Refused(Reason.CORRUPT, "no frame can be decoded")
        if playback.damage:
            self._check_damage()
        end_s = last.time_s + (last.duration_s or self._interval_s)
        missing = self._breaks_off(playback, end_s)
        if end_s <= job.start_s:
            if missing:
                raise Refused(Reason.PARTIAL, f"breaks off at {float(end_s):.2f} s")
            raise Refused(
                Reason.SPAN_OUTSIDE,
                f"begins at {float(job.start_s):.2f} s, source ends at {float(end_s):.2f} s",
            )
        if missing:
            if self._config.partial == "reject":
                raise Refused(Reason.PARTIAL, f"breaks off at {float(end_s):.2f} s")
            self._flags.add("partial")
        elif job.end_s is not None and job.end_s > end_s + self._slack_s:
            self._flags.add("end-clamped")
        self._write(self._sampler.finish(end_s))

    def _breaks_off(self, playback: Frames, end_s: Fraction) -> bool:
        if self._job.end_s is not None and self._job.end_s <= end_s + self._slack_s:
            return False
        header = self._source.header
        if self._is_cut:
            return True
        if header.duration_s is not None:
            return header.duration_s > end_s + self._slack_s
        # The longest stream may be the sound: compare with the end of all packets.
        whole_s, last_s = header.whole_duration_s, playback.last_packet_s
        if whole_s is not None and last_s is not None:
            return whole_s > last_s + 2 * self._slack_s
        return playback.damage > 0

    def _check_damage(self) -> None:
        if self._config.partial == "reject":
            raise Refused(Reason.PARTIAL, "damaged inside the span")
        self._flags.add("damaged")

    def _in_time_of(self, fps: Fraction | None, job: Job) -> Job:
        """The job with its span in seconds of this source, whatever rate the annotators assumed."""
        declared = job.declared_fps
        if declared is None or fps is None or not self._differs(fps, declared):
            return job
        if self._config.fps_mismatch == "flag" or (not job.start_s and job.end_s is None):
            return job
        # They counted frames: frame n stands at n / fps, not at n / declared.
        self._flags.add("span-rescaled")
        scale = Fraction(declared).limit_denominator(1001) / fps
        end_s = None if job.end_s is None else job.end_s * scale
        return replace(job, start_s=job.start_s * scale, end_s=end_s)

    def _differs(self, fps: Fraction, declared: float) -> bool:
        if abs(float(fps) - declared) <= FPS_TOLERANCE * declared:
            return False
        if self._config.fps_mismatch == "reject":
            raise Refused(Reason.FPS_MISMATCH, f"{float(fps):.2f} instead of {declared:.2f} fps")
        self._flags.add("fps-differs")
        return True

    def _check_longest(self, source_s: Fraction) -> None:
        end_s = source_s if self._job.end_s is None else min(source_s, self._job.end_s)
        if float(end_s - self._job.start_s) > self._config.max_duration_s + float(self._slack_s):
            self._too_long()

    def _too_long(self) -> None:
        raise Refused(Reason.TOO_LONG, f"over {self._config.max_duration_s:g} s")

    def _note(self, timed: Timed) -> None:
        # The frame on screen at the begin of the span counts too.
        if timed.time_s <= self._job.start_s:
            self._times_s = [timed.time_s]
        elif self._job.end_s is None or timed.time_s < self._job.end_s:
            self._times_s.append(timed.time_s)
        if timed.frame.interlaced_frame:
            self._flags.add("interlaced")

    def _write(self, shown: Shown[VideoFrame] | None) -> None:
        if shown is not None:
            if self._output.frames + shown.repeats > self._most_frames:
                self._too_long()
            self._output.show(shown)

    def facts(self) -> dict[str, Any]:
        """What was found and made, JSON values; see `sign_etl.media.normalise`."""
        header, frames = self._source.header, self._output.frames
        if frames / self._fps < self._config.min_duration_s:
            raise Refused(Reason.TOO_SHORT, f"{frames} frames")
        steps = np.diff(np.array([float(time_s) for time_s in self._times_s]))
        if header.fps is None and self._job.declared_fps is not None and len(steps):
            seen = tidy_rate(1 / max(float(np.median(steps)), 1e-3))
            self._differs(seen, self._job.declared_fps)
        aspect = header.pixel_aspect
        return {
            "source": {
                "container": self._job.container,
                "codec": header.codec,
                "width": header.width,
                "height": header.height,
                "pixel_aspect": f"{aspect.numerator}/{aspect.denominator}",
                "pixel_format": self._output.pixel_format,
                "bit_depth": self._output.bit_depth,
                "average_fps": _ratio(header.average_fps),
                "real_fps": _ratio(header.real_fps),
                "duration_s": _rounded(header.duration_s or header.whole_duration_s),
                "frames_seen": len(self._times_s),
                "variable_fps": _variable(steps),
            },
            "flags": sorted(self._flags | self._output.flags),
        } | self._output.facts()


def _variable(steps_s: NDArray[np.float64]) -> bool:
    # Milliseconds of rounding are no variation; one dropped frame in a hundred is none either.
    if len(steps_s) < 2:
        return False
    median = float(np.median(steps_s))
    off = np.abs(steps_s - median) > max(0.002, 0.1 * median)
    return float(off.mean()) > 0.02


def _ratio(rate: Fraction | None) -> str | None:
    return None if rate is None else f"{rate.numerator}/{rate.denominator}"


def _rounded(value_s: Fraction | None) -> float | None:
    return None if value_s is None else round(float(value_s), 6)

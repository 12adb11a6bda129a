"""The output side of `normalise`: source frames to show go in, the clip and its facts come out."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from av.video.frame import VideoFrame

from sign_etl.media.encode import ClipWriter
from sign_etl.media.measures import Measures
from sign_etl.media.picture import (
    UPRIGHT,
    Orientation,
    Picture,
    Pictures,
    kind,
    luma,
    orientation,
    plan_picture,
)
from sign_etl.media.timeline import Shown, microseconds
from sign_etl.schema.pipeline import NormaliseConfig


@dataclass(frozen=True, slots=True)
class Job:
    """What is wanted.

    Attributes:
        container: format of the source, as `sign_etl.media.sniff` names it.
        start_s: begin of the span, seconds of presentation since the begin of the video stream.
        end_s: its end, None for the end of the source.
        declared_fps: frame rate that the annotations assume, None if they do not.
        bbox: where the signer is, pixels of the upright source.
        config: the choices of the pipeline.
        out: the file to write.
    """

    container: str
    start_s: Fraction
    end_s: Fraction | None
    declared_fps: float | None
    bbox: tuple[float, float, float, float] | None
    config: NormaliseConfig
    out: Path


class Output:
    """The clip while it is written.

    Args:
        job: what is wanted.
        fps: constant frame rate.
        pixel_aspect: width / height of a stored pixel.

    Attributes:
        flags: what was not as it should be with the pictures.
        frames: number of frames written.
        bit_depth: of the source.
        pixel_format: of the source.
    """

    def __init__(self, job: Job, fps: Fraction, pixel_aspect: Fraction) -> None:
        self.flags: set[str] = set()
        self.frames = 0
        self.bit_depth = 8
        self.pixel_format = ""
        self._job = job
        self._fps = fps
        self._aspect = pixel_aspect
        self._measures = Measures()
        self._writer: ClipWriter | None = None
        self._pictures: Pictures | None = None
        self._picture: Picture | None = None
        self._turn: Orientation = UPRIGHT
        self._size = (0, 0)
        self._source_us: list[int] = []

    def show(self, shown: Shown[VideoFrame]) -> None:
        """Append a source frame as often as it is shown."""
        if self._pictures is None or self._pictures.kind != kind(shown.frame):
            self._pictures = self._prepare(shown.frame)
        assert self._writer is not None
        made = self._pictures.make(shown.frame)
        self._measures.add(luma(made), shown.repeats)
        for _ in range(shown.repeats):
            self._writer.write(made)
        self.frames += shown.repeats
        self._source_us.extend([microseconds(shown.time_s)] * shown.repeats)

    def close(self) -> None:
        """Finish the file."""
        assert self._writer is not None
        self._writer.close()

    def abandon(self) -> None:
        """Close what is open; the file is not usable."""
        if self._writer is not None:
            self._writer.abandon()

    def facts(self) -> dict[str, Any]:
        """`video` and `measures` of `sign_etl.media.normalise`."""
        assert self._picture is not None
        return {
            "video": {
                "fps": float(self._fps),
                "fps_fraction": f"{self._fps.numerator}/{self._fps.denominator}",
                "frames": self.frames,
                "width": self._picture.width,
                "height": self._picture.height,
                "crop": list(self._picture.crop),
                "rotation": self._turn.degrees,
                "mirrored": self._turn.mirrored,
                "source_us": self._source_us,
            },
            "measures": self._measures.facts(),
        }

    def _prepare(self, frame: VideoFrame) -> Pictures:
        picture = self._picture or self._first_frame(frame)
        size = (frame.width, frame.height)
        if size != self._size:
            # Another size in the middle of the stream: all of it goes into the same output size.
            self.flags.add("picture-changes")
            width, height = reversed(size) if self._turn.swaps_sides else size
            picture = Picture((0, 0, width, height), picture.width, picture.height)
        pictures = Pictures(frame, self._turn, picture)
        if self._writer is not None:
            return pictures
        colour, config = pictures.colour, self._job.config
        if colour.high_dynamic_range:
            self.flags.add("high-dynamic-range")
        self._writer = ClipWriter(
            self._job.out,
            picture.width,
            picture.height,
            self._fps,
            colour,
            crf=config.crf,
            preset=config.preset,
            tune=config.tune,
            gop=config.gop,
        )
        return pictures

    def _first_frame(self, frame: VideoFrame) -> Picture:
        config = self._job.config
        self._turn = orientation(frame)
        if self._turn.ignored:
            self.flags.add("rotation-ignored")
        self._size = width, height = frame.width, frame.height
        aspect = self._aspect
        if self._turn.swaps_sides:
            width, height, aspect = height, width, 1 / aspect
        self._picture = plan_picture(
            width,
            height,
            aspect,
            short_side=config.short_side,
            bbox=self._job.bbox if config.crop == "bbox" else None,
            margin=config.crop_margin,
        )
        self.flags.update(self._picture.flags)
        self.bit_depth = max(part.bits for part in frame.format.components)
        self.pixel_format = frame.format.name
        return self._picture

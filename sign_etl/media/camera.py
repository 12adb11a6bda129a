"""Frames of a video file or a webcam as they come, upright; and a file written frame by frame.

A foreign file is never decoded here: `own_copy` first makes one of ours from it, in a guarded
process, as a build does with its sources.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Self

import av
import numpy as np
from numpy.typing import NDArray

from sign_etl.core.errors import AccessError, UsageError
from sign_etl.core.guard import Guard
from sign_etl.media.fetched import judge_head
from sign_etl.media.normalise import TARGET, limits, normalise
from sign_etl.media.picture import orientation
from sign_etl.media.sniff import HEAD_BYTES
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import NormaliseConfig

CRF = 20
COPY = NormaliseConfig(
    fps=None,
    short_side=1080,
    crf=14,
    max_duration_s=4 * 3600,
    timeout_s=3600,
    partial="flag",
)
"""What a copy becomes: the size and rate of the source, and nearly its pictures."""
USUAL_FPS = 30.0
_MILLISECOND = Fraction(1, 1000)
_CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}")}
_ELSEWHERE = ("dshow", "video={}")
_OTHER = "try another number, or --input FILE"
_NO_REASON = ("it gives no pictures", _OTHER)
_NO_CAMERA = {
    errno.ENOENT: ("there is none", _OTHER),
    errno.EACCES: (
        "this user must not read it",
        "sudo usermod -aG video USER and log in anew, or take --input FILE",
    ),
    errno.EBUSY: ("another program uses it", "end that program, or take --input FILE"),
}
_CONVERT = "write it anew: ffmpeg -i {} -c:v libx264 anew.mp4"


def own_copy(source: Path, folder: Path) -> Path:
    """A video of ours with the pictures of a foreign one, at a constant frame rate, upright.

    Args:
        source: the foreign file, decoded in a guarded process only.
        folder: for the copy.

    Raises:
        UsageError: no such file, or no video.
        DiskError: there is no space for it.
    """
    if not source.is_file():
        wrong = "a folder, and no video" if source.is_dir() else "no such file"
        raise UsageError(f"{source}: {wrong}", hint="a number is a webcam, such as 0")
    with source.open("rb") as file:
        container = judge_head(file.read(HEAD_BYTES))
    if isinstance(container, Reject):
        raise _unusable(source, container)
    out = folder / "input.mp4"
    with Guard(TARGET, limits(COPY)) as guard:
        made = normalise(
            guard,
            source,
            container,
            start_s=0.0,
            end_s=None,
            declared_fps=None,
            bbox=None,
            config=COPY,
            out=out,
        )
    if isinstance(made, Reject):
        raise _unusable(source, made)
    return out


def _unusable(source: Path, reject: Reject) -> UsageError:
    reason = (
        " ".join((f"{reject.reason.value}:", reject.detail)) if reject.detail else reject.reason
    )
    return UsageError(
        f"{source}: no video that can be read ({reason})", hint=_CONVERT.format(source)
    )


class Footage:
    """A file or a webcam; a context manager.

    Args:
        where: a file of ours, or the number of a webcam.

    Raises:
        UsageError: no such file, or no video.
        AccessError: no such webcam.
    """

    def __init__(self, where: str) -> None:
        self.live = where.isdigit()
        kind, address = _CAMERAS.get(sys.platform, _ELSEWHERE)
        if not self.live and not Path(where).is_file():
            raise UsageError(f"{where}: no such file", hint="a number is a webcam, such as 0")
        try:
            if self.live:
                self._input: Any = av.open(address.format(where), format=kind)
            else:
                self._input = av.open(f"file:{Path(where).absolute()}", metadata_errors="replace")
            self._stream = self._input.streams.video[0]
        except (av.FFmpegError, OSError, ValueError, IndexError) as error:
            if self.live:
                why, hint = _NO_CAMERA.get(getattr(error, "errno", None) or 0, _NO_REASON)
                raise AccessError(f"webcam {where} cannot be opened: {why}", hint=hint) from error
            raise UsageError(
                f"{where}: no video that can be read", hint=_CONVERT.format(where)
            ) from error
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.fps = float(rate) if rate else USUAL_FPS

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()

    def __iter__(self) -> Iterator[tuple[float, NDArray[np.uint8]]]:
        """Seconds since the first frame, and the frame (H, W, 3) RGB; damaged ones are left out."""
        begin: float | None = None
        number = 0
        for packet in self._input.demux(self._stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue
            for frame in frames:
                time_s = frame.time if frame.time is not None else number / self.fps
                begin = time_s if begin is None else begin
                number += 1
                yield max(0.0, time_s - begin), _upright(frame)


class Film:
    """Pictures written as H.264 one by one; a context manager.

    Args:
        path: the file; its folder exists.
        fps: frames per second.

    Attributes:
        frames: written so far; a film without any is no video.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._output = av.open(f"file:{path.absolute()}", "w", format="mp4")
        self._rate = Fraction(fps).limit_denominator(1001)
        self._stream: Any = None
        self._last_ms = -1
        self.frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._output.mux(self._stream.encode(None))
        self._output.close()

    def write(self, picture: NDArray[np.uint8], time_s: float | None = None) -> None:
        """Append a picture (H, W, 3) RGB; an odd last row or column is cut off.

        Args:
            picture: all have the size of the first one.
            time_s: when it is shown; a webcam in a dark room does not keep its rate. All pictures
                of a film have one, or none.
        """
        height, width = (side - side % 2 for side in picture.shape[:2])
        if self._stream is None:
            self._stream = self._output.add_stream(
                "libx264", rate=self._rate, options={"crf": str(CRF), "preset": "veryfast"}
            )
            self._stream.width, self._stream.height = width, height
            self._stream.pix_fmt = "yuv420p"
            if time_s is not None:
                self._stream.codec_context.time_base = _MILLISECOND
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(picture[:height, :width]), format="rgb24"
        )
        if time_s is not None:
            self._last_ms = max(round(time_s / _MILLISECOND), self._last_ms + 1)
            frame.pts, frame.time_base = self._last_ms, _MILLISECOND
        self._output.mux(self._stream.encode(frame))
        self.frames += 1


def _upright(frame: Any) -> NDArray[np.uint8]:
    turn = orientation(frame)
    picture = np.rot90(frame.to_ndarray(format="rgb24"), -turn.degrees // 90)
    return np.ascontiguousarray(picture[:, ::-1] if turn.mirrored else picture)

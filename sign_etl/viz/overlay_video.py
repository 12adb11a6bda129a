"""A clip as a film with its skeletons on it: backends side by side, what is signed beneath."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from sign_etl.reader import Build, Sample
from sign_etl.schema.layouts import layout
from sign_etl.viz.contact_sheet import INK, PAPER, SMALL
from sign_etl.viz.skeleton import GROUND, draw_skeleton
from sign_etl.viz.strip import label_of
from sign_etl.viz.text import lettering

MOST_HEIGHT = 480
"""Pixels of a frame; smaller ones keep their size unless they are tiny."""
LEAST_HEIGHT = 240
BAR = 36
"""Pixels of the line beneath."""
GIF_FPS = 12.5
GIF_HEIGHT = 280
GIF_SECONDS = 20.0
"""A GIF holds so much of a clip; longer ones are for MP4."""
CRF = 20


def overlay_frames(
    build: Build, sample: Sample, backends: Sequence[str | None], *, height: int = MOST_HEIGHT
) -> Iterator[Image.Image]:
    """Frames of a clip with the keypoints of each backend, side by side.

    Args:
        build: the build.
        sample: one of its samples.
        backends: from left to right; None for the frames alone.
        height: of a frame in pixels at most.

    Yields:
        Pictures of one even size.

    Raises:
        VerifyError: the bytes of the sample are damaged.
    """
    scale = min(max(sample.height, LEAST_HEIGHT), height) / sample.height
    size = (max(_even(sample.width * scale), 2), max(_even(sample.height * scale), 2))
    points = {name: build.keypoints(sample, name) for name in backends if name is not None}
    kinds = {name: layout(build.manifest.poses[name].layout) for name in points}
    for number, frame in enumerate(_frames(build, sample, size)):
        whole = Image.new("RGB", (size[0] * len(backends), size[1] + BAR), PAPER)
        for place, name in enumerate(backends):
            shown = frame
            if name is not None and number < len(points[name]):
                keypoints: NDArray[Any] = points[name][number].astype(np.float32)
                shown = draw_skeleton(frame, keypoints, kinds[name])
            whole.paste(shown, (place * size[0], 0))
            words = f"{label_of(sample)} · {name} · " if name else f"{label_of(sample)} · "
            _caption(whole, place * size[0], size, words + f"{number / sample.fps:.2f} s")
        yield whole


def as_mp4(frames: Iterable[Image.Image], fps: float) -> bytes:
    """Frames as H.264 that browsers and slides play.

    Args:
        frames: of one even size.
        fps: frames per second.
    """
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = None
        for frame in frames:
            if stream is None:
                rate = Fraction(fps).limit_denominator(1001)
                stream = container.add_stream("libx264", rate=rate, options={"crf": str(CRF)})
                stream.width, stream.height = frame.size
                stream.pix_fmt = "yuv420p"
            picture = av.VideoFrame.from_ndarray(np.asarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))
    return buffer.getvalue()


def as_gif(frames: Iterable[Image.Image], fps: float) -> bytes:
    """Frames as a GIF that loops, at 12.5 frames a second or fewer.

    Args:
        frames: of one size.
        fps: of them.
    """
    step = max(round(fps / GIF_FPS), 1)
    kept = [
        frame.quantize(128, dither=Image.Dither.NONE)
        for frame in islice(frames, 0, int(GIF_SECONDS * fps) + 1, step)
    ]
    buffer = io.BytesIO()
    kept[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=kept[1:],
        duration=round(1000 * step / fps),
        loop=0,
    )
    return buffer.getvalue()


def _frames(build: Build, sample: Sample, size: tuple[int, int]) -> Iterator[Image.Image]:
    if not sample.has_video:
        for _ in range(sample.frames):
            yield Image.new("RGB", size, GROUND)
        return
    for frame in build.frames(sample):
        yield Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS)


def _caption(whole: Image.Image, left: int, size: tuple[int, int], words: str) -> None:
    small = lettering(SMALL)
    place = (left + 10, size[1] + BAR - 12)
    small.draw(ImageDraw.Draw(whole), place, small.fit(words, size[0] - 20), INK)


def _even(value: float) -> int:
    return 2 * round(value / 2)

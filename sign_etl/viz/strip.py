"""From a sample of a build to a strip of a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sign_etl.reader import Build, Sample
from sign_etl.schema.layouts import layout
from sign_etl.viz.contact_sheet import Strip
from sign_etl.viz.crop import WHOLE, Span
from sign_etl.viz.skeleton import GROUND, draw_skeleton


def make_strip(
    build: Build,
    sample: Sample,
    backend: str | None,
    numbers: Sequence[int],
    tile: tuple[int, int],
    *,
    shown: Span = WHOLE,
) -> Strip:
    """Frames of a sample with the keypoints of one backend on them.

    Args:
        build: the build.
        sample: one of its samples.
        backend: whose keypoints; None for the frames alone.
        numbers: which frames, in ascending order.
        tile: width and height that the pictures fit into.
        shown: part of the frames' width to show.

    Raises:
        VerifyError: the bytes of the sample are damaged.
    """
    pictures = _pictures(build, sample, numbers, tile, shown)
    if backend is not None:
        keypoints: NDArray[Any] = build.keypoints(sample, backend)[list(numbers)].astype(np.float32)
        keypoints[..., 0] = (keypoints[..., 0] - shown[0]) / (shown[1] - shown[0])
        kind = layout(build.manifest.poses[backend].layout)
        pictures = [
            draw_skeleton(picture, points, kind)
            for points, picture in zip(keypoints, pictures, strict=True)
        ]
    times = tuple(f"{number / sample.fps:.2f} s" for number in numbers)
    return Strip(label_of(sample), _lines(sample, backend), tuple(pictures), times)


def label_of(sample: Sample) -> str:
    """What is signed, as far as the data set says, or what it calls the clip."""
    return sample.label or sample.gloss or sample.text or sample.annotation_id


def _pictures(
    build: Build, sample: Sample, numbers: Sequence[int], tile: tuple[int, int], shown: Span
) -> list[Image.Image]:
    # Scaled before drawing: lines then have the same width in every thumbnail.
    width = (shown[1] - shown[0]) * sample.width  # of imported keypoints it may be 1
    scale = min(tile[0] / width, tile[1] / sample.height)
    size = (max(1, round(width * scale)), max(1, round(sample.height * scale)))
    if not sample.has_video:
        return [Image.new("RGB", size, GROUND) for _ in numbers]
    left, right = round(shown[0] * sample.width), round(shown[1] * sample.width)
    return [
        Image.fromarray(np.ascontiguousarray(frame[:, left:right])).resize(
            size, Image.Resampling.LANCZOS
        )
        for frame in build.frames(sample, numbers)
    ]


def frames_of(sample: Sample) -> str:
    """Its number of frames: `1 frame`, `1,204 frames`."""
    return f"{sample.frames:,} frame{'' if sample.frames == 1 else 's'}"


def _lines(sample: Sample, backend: str | None) -> tuple[str, ...]:
    facts = [sample.split, frames_of(sample), f"{sample.fps:g} fps"]
    people = [f"signer {sample.signer}"] if sample.signer else []
    last = [*people, *([backend] if backend else [])]
    return tuple(filter(None, (sample.key, " · ".join(facts), " · ".join(last))))

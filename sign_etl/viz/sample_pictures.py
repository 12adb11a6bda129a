"""Small pictures of clips for the report's page: three frames with the skeleton, as WebP."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Literal

from PIL import Image

from sign_etl.reader import Build, Sample
from sign_etl.reader.sample import is_keypoints
from sign_etl.viz.choose import choose_clips, choose_frames
from sign_etl.viz.crop import WHOLE, signer_span, window
from sign_etl.viz.strip import make_strip

Kind = Literal["frames", "skeletons"]
FRAMES = 3
TILE = (120, 150)
"""Width and height of one frame in pixels; sides of wide ones are cropped to the signer."""
QUALITY = 62
MOST_BYTES = 4_000_000
"""So many bytes of pictures go into a page at most."""


def sample_pictures(build: Build, count: int, kind: Kind) -> dict[str, bytes]:
    """WebP pictures of some clips, spread over splits and classes, by key.

    Args:
        build: an open build.
        count: how many; fewer come where they would be too large together.
        kind: skeletons on the frames, or on plain ground.

    Raises:
        VerifyError: the bytes of a sample are damaged.
    """
    found: dict[str, bytes] = {}
    size = 0
    for key in choose_clips(build.index, count) if count else ():
        sample = build.sample(key)
        if kind == "skeletons":
            points = {name: row for name, row in sample.members.items() if is_keypoints(name)}
            sample = replace(sample, members=points)
        if not sample.members or not (sample.has_video or sample.backends):
            continue
        picture = _picture(build, sample)
        size += len(picture)
        if size > MOST_BYTES:
            break
        found[key] = picture
    return found


def as_address(picture: bytes) -> str:
    """A picture as base64, as the page's script puts it into a `data:` address."""
    return base64.b64encode(picture).decode("ascii")


def _picture(build: Build, sample: Sample) -> bytes:
    backend = next((name for name in build.backends if name in sample.backends), None)
    span = signer_span(build.keypoints(sample, backend)) if backend else WHOLE
    shown = window(span, sample.width / sample.height, TILE[0] / TILE[1])
    numbers = choose_frames(sample.frames, FRAMES)
    strip = make_strip(build, sample, backend, numbers, TILE, shown=shown)
    sheet = Image.new("RGB", (TILE[0] * FRAMES, TILE[1]), (52, 58, 70))
    for place, picture in enumerate(strip.pictures):
        left = place * TILE[0] + (TILE[0] - picture.width) // 2
        sheet.paste(picture, (left, (TILE[1] - picture.height) // 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()

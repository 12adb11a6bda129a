"""A clip for tests of what reads clips."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from short_clip import LONG, TALL, WIDE
from tiny_build import gradient

from sign_etl.media.encode import ClipWriter
from sign_etl.media.picture import Colour


@pytest.fixture(scope="module", params=[1, 6, 2], ids=["bt709", "bt601", "unknown"])
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip as `normalise` writes it, with a colour matrix."""
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    colour = Colour(request.param, request.param, request.param)
    how = {"crf": 20, "preset": "veryfast", "tune": "fastdecode", "gop": 12}
    writer = ClipWriter(path, WIDE, TALL, Fraction(25), colour, **how)
    for picture in gradient(LONG, WIDE, TALL):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        writer.write(frame.reformat(format="yuv420p"))
    writer.close()
    return path.read_bytes()

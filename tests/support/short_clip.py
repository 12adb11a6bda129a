"""What tests of views know of their clip, see the fixture `clip` of tests/unit/stream."""

from __future__ import annotations

import io
from typing import Any

import av

from sign_etl.stream.base import SampleFacts, SampleRng

LONG = 40
WIDE, TALL = 96, 64


def rng(name: str = "a", visit: int = 0) -> SampleRng:
    return SampleRng(0, visit, name, "clip")


def facts(frames: int = 0) -> SampleFacts:
    return SampleFacts(0, "a", 0, frames, 25.0, WIDE, TALL)


def every(data: bytes) -> list[Any]:
    """All frames, decoded one after the other."""
    with av.open(io.BytesIO(data), "r") as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]

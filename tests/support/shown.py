"""What a normalised clip shows."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from media import (
    VideoSpec,
    read_numbers,
    write_video,
)

Normalise = Callable[..., Any]


def shown(normalise: Normalise, tmp_path: Path, spec: VideoSpec, *span: float, **settings: Any):
    """Facts of the clip and the numbers on its frames."""
    source = write_video(tmp_path / "source", spec)
    facts = normalise(source, *span, **settings)
    assert isinstance(facts, dict), facts
    return facts, read_numbers(tmp_path / "out.mp4")


def middles(facts: dict[str, Any], start_s: float, numbers: list[int], times_s: Any) -> list[int]:
    """What each output frame must show, from the definition."""
    fps = Fraction(facts["video"]["fps_fraction"])
    expected = []
    for index in range(len(numbers)):
        middle_s = float(start_s + (index + Fraction(1, 2)) / fps) + 0.001
        expected.append(max(i for i, time_s in enumerate(times_s) if float(time_s) <= middle_s))
    return expected

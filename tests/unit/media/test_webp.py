"""Animated WebP: read by its own durations, cut like any other source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from media import bars, read_numbers, truncate
from PIL import Image

from sign_etl.schema.outcome import Reject

Normalise = Callable[..., Any]


def write(path: Path, durations_ms: int | Sequence[int], count: int = 12) -> Path:
    first, *others = (Image.fromarray(bars(number)).convert("RGB") for number in range(count))
    first.save(path, "WEBP", save_all=True, append_images=others, duration=durations_ms)
    return path


def test_frames_stay_as_long_as_they_say(normalise: Normalise, tmp_path: Path) -> None:
    facts = normalise(write(tmp_path / "a.webp", [40] * 6 + [80] * 6))
    assert read_numbers(tmp_path / "out.mp4") == [*range(6), *sorted([*range(6, 12)] * 2)]
    assert facts["source"]["duration_s"] == pytest.approx(0.72)
    assert facts["source"]["variable_fps"]
    assert facts["flags"] == []


def test_a_span(normalise: Normalise, tmp_path: Path) -> None:
    normalise(write(tmp_path / "a.webp", 40), 0.2, 0.4)
    assert read_numbers(tmp_path / "out.mp4") == [5, 6, 7, 8, 9]


def test_frames_without_a_duration(normalise: Normalise, tmp_path: Path) -> None:
    facts = normalise(write(tmp_path / "a.webp", 0, count=3), fps=10)
    assert read_numbers(tmp_path / "out.mp4") == [0, 1, 2]
    assert facts["flags"] == ["timestamps-mended"]


def test_broken_off(normalise: Normalise, tmp_path: Path) -> None:
    for share in (0.3, 0.7, 0.98):
        reject = normalise(truncate(write(tmp_path / "a.webp", 40), share))
        assert isinstance(reject, Reject)
        assert reject.reason in ("corrupt", "partial")


def test_too_many_pixels(normalise: Normalise, tmp_path: Path) -> None:
    reject = normalise(write(tmp_path / "a.webp", 40), max_pixels=160 * 96 - 1)
    assert (reject.reason, reject.detail) == ("too-many-pixels", "160x96")

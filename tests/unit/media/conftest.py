"""Fixtures for tests that normalise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sign_etl.core.guard import Guard
from sign_etl.media import normalise as stage
from sign_etl.media.sniff import sniff
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import NormaliseConfig

Normalise = Callable[..., dict[str, Any] | Reject]


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard(stage.TARGET, stage.limits(NormaliseConfig())) as guard:
        yield guard


@pytest.fixture
def normalise(guard: Guard, tmp_path: Path) -> Normalise:
    """Normalise a file to `tmp_path / "out.mp4"`; keywords are settings of the pipeline."""

    def run(
        source: Path,
        start_s: float = 0.0,
        end_s: float | None = None,
        *,
        container: str | None = None,
        declared_fps: float | None = None,
        bbox: tuple[float, float, float, float] | None = None,
        out: Path | None = None,
        **settings: Any,
    ) -> dict[str, Any] | Reject:
        container = container or sniff(source.read_bytes()[:4096])
        assert container is not None
        return stage.normalise(
            guard,
            source,
            container,
            start_s=start_s,
            end_s=end_s,
            declared_fps=declared_fps,
            bbox=bbox,
            config=NormaliseConfig(**settings),
            out=out or tmp_path / "out.mp4",
        )

    return run

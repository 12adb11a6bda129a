"""Fixtures for tests that normalise, download and unpack."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fetching import CLIP
from picture_folders import Run
from trouble_server import TroubleServer

from sign_etl.core.guard import Guard
from sign_etl.media import normalise as stage
from sign_etl.media.members import UnpackLimits
from sign_etl.media.sniff import sniff
from sign_etl.media.unpack import request, run
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import NormaliseConfig

Unpack = Callable[..., dict[str, Any]]
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


@pytest.fixture
def server() -> Iterator[TroubleServer]:
    with TroubleServer({"a.mp4": CLIP, "b.mp4": CLIP[::-1]}) as running:
        yield running


@pytest.fixture
def try_to(tmp_path: Path) -> Unpack:
    """Unpack here, without a guard; the reply of the guarded side, and nothing outside of `out`."""
    out = tmp_path / "box" / "out"
    out.mkdir(parents=True)

    def run_here(*paths: Path, password: str | None = None, **limits: int) -> dict[str, Any]:
        shutil.rmtree(out)
        out.mkdir()
        before = set(tmp_path.rglob("*")) - set(out.rglob("*"))
        reply = run(request(list(paths), out, password=password, limits=UnpackLimits(**limits)))
        assert set(tmp_path.rglob("*")) - set(out.rglob("*")) == before, "it wrote elsewhere"
        for path in out.rglob("*"):
            assert stat.S_IFMT(path.lstat().st_mode) in (stat.S_IFREG, stat.S_IFDIR)
        return reply

    return run_here


@pytest.fixture
def frames(guard: Guard, tmp_path: Path) -> Run:
    return Run(guard, tmp_path / "out.mp4")

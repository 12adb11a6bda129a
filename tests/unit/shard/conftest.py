"""A small build to be damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_build import write_tiny_build

from sign_etl.reader import open_build


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_build(tmp_path_factory.mktemp("verify") / "build", clips=6)


@pytest.fixture
def build(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "build"))


@pytest.fixture
def key(build: Path) -> str:
    """The first sample of the first shard."""
    return next(iter(open_build(build))).key

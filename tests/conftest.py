"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# A shell starts background jobs with Ctrl-C ignored, which every process that a test starts would
# inherit: then none of them could be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test may fail because the machine was busy, and a run must be the same twice.
settings.register_profile("sign-etl", deadline=None, derandomize=True)
settings.load_profile("sign-etl")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """A folder with real clips and annotation files; tests that want it skip where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SIGN_ETL_SHARED_DATA", beside))
    if not (folder / "svk-clips" / "clips.csv").is_file():
        pytest.skip("no folder with real clips (set SIGN_ETL_SHARED_DATA)")
    return folder


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For xdist: the tests of one file share a worker, and so do all that start Ray."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            group = "ray" if item.get_closest_marker("ray") else item.nodeid.partition("::")[0]
            item.add_marker(pytest.mark.xdist_group(group))

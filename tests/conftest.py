"""Fixtures for all tests."""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A shell starts background jobs with Ctrl-C ignored, which every process that a test starts would
# inherit: then none of them could be interrupted.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test may fail because the machine was busy, and a run must be the same twice.
settings.register_profile(
    "sign-etl",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("sign-etl")


TORCH_SEED = 67_280_421_310_721
"""What torch begins with in a fresh process."""


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Random numbers that nobody seeds are the same in whatever order the tests run."""
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(TORCH_SEED)


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
    """Files that take long come first, so that no worker is left alone with one at the end."""
    slow: Counter[str] = Counter()
    for item in items:
        marks = sum(item.get_closest_marker(name) is not None for name in ("ray", "slow"))
        slow[item.nodeid.partition("::")[0]] += marks
    items.sort(key=lambda item: -slow[item.nodeid.partition("::")[0]])

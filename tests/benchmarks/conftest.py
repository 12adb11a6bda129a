"""Benchmarks print what they measured as JSON lines; they assert nothing about time."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# The helpers beside the benchmarks: pytest puts no folder of tests on the path.
sys.path.insert(0, str(Path(__file__).resolve().parent))


@pytest.fixture
def record() -> Iterator[list[dict[str, Any]]]:
    """Collects measurements; `SIGN_ETL_BENCHMARKS` names a file to append them to."""
    rows: list[dict[str, Any]] = []
    yield rows
    lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in rows)
    sys.stdout.write(lines)
    target = os.environ.get("SIGN_ETL_BENCHMARKS")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(lines)

"""`sign-etl --help`: the time until people see something."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

RUNS = 15


def test_help(record: list[dict[str, Any]]) -> None:
    def timed(*command: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=True)
        return time.perf_counter() - began

    # Side by side, so that a busy machine slows both.
    pairs = [(timed("-m", "sign_etl", "--help"), timed("-c", "pass")) for _ in range(RUNS)]
    record.append(
        {
            "benchmark": "help",
            "help_s": statistics.median(pair[0] for pair in pairs),
            "bare_python_s": statistics.median(pair[1] for pair in pairs),
        }
    )

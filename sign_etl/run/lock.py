"""`build.lock`: what was found for each requested clip, dead ones too, and with which tools."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import sign_etl
from sign_etl.run.journal import Result
from sign_etl.schema.outcome import Outcome
from sign_etl.schema.records import LockHead, LockLine, PoseSetRecord, dump

PACKAGES = ("av", "mediapipe", "numpy", "onnxruntime", "pyarrow")
"""Libraries whose version may move bytes."""
CPU_FLAGS = ("avx", "avx2", "avx512f", "avx512_bf16", "avx512_vnni", "fma", "sse4_2", "asimd")


def lock_head(
    plan: str,
    pipeline: dict[str, Any],
    stages: dict[str, str],
    poses: dict[str, PoseSetRecord],
) -> LockHead:
    """The first line: what decided about the bytes, and on what kind of processor."""
    return LockHead(
        schema="sign-etl/lock/1",
        sign_etl=sign_etl.__version__,
        plan=plan,
        pipeline=pipeline,
        stages=stages,
        poses=poses,
        packages={name: found for name in PACKAGES if (found := _version(name))},
        cpu_flags=_cpu_flags(),
    )


def lock_line(row: Mapping[str, Any], result: Result | None) -> dict[str, Any]:
    """The line of one clip; what is unknown is left out.

    Args:
        row: `key`, `source_id` and `url` of the plan.
        result: what became of it, None where it was not reached.
    """
    line: dict[str, Any] = {**row, "outcome": Outcome.PENDING}
    if result is not None:
        line |= {
            "outcome": result.outcome,
            "sha256": result.source,
            "size_bytes": result.size_bytes,
            **result.facts,
        }
        if result.reject is not None:
            line |= result.reject.to_json()
    record = dump(LockLine(**line))
    return {name: value for name, value in record.items() if value not in (None, {}, "")}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_flags() -> tuple[str, ...]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return (platform.machine(),)
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    present = set(found.group(1).split()) if found else set()
    return (platform.machine(), *(flag for flag in CPU_FLAGS if flag in present))

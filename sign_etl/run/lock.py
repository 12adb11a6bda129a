"""`build.lock`: what was found for each requested clip, dead ones too, and with which tools."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import sign_etl
from sign_etl.core.canonical import digest
from sign_etl.reader.lock_diff import HeadDifference, diff_heads
from sign_etl.run.journal import Result
from sign_etl.schema.outcome import Outcome, Reject, StageName
from sign_etl.schema.records import FeatureSetRecord, LockHead, PoseSetRecord

PACKAGES = ("av", "mediapipe", "numpy", "onnxruntime", "pyarrow")
"""Libraries whose version may move bytes."""
CPU_FLAGS = ("avx", "avx2", "avx512f", "avx512_bf16", "avx512_vnni", "fma", "sse4_2", "asimd")
FEATURE_PACKAGES = ("pillow", "timm", "torch", "transformers")
"""Likewise, of builds with features."""
BINDING = ("dataset", "recipe", "recipe_version", "plan", "pipeline", "stages", "poses", "features")
"""Parts of the head that must be the same before a lock can be built again."""


NO_FEATURES: Mapping[str, FeatureSetRecord] = MappingProxyType({})
_FACTS = ("fps", "duration_s", "video", "poses", "features")


def lock_head(
    plan: str,
    pipeline: dict[str, Any],
    stages: dict[str, str],
    poses: dict[str, PoseSetRecord],
    *,
    recipe: tuple[str, str] = ("", ""),
    dataset: str = "",
    licence: str = "",
    features: Mapping[str, FeatureSetRecord] = NO_FEATURES,
) -> LockHead:
    """The first line: what decided about the bytes, and on what kind of processor."""
    packages = (*PACKAGES, *(FEATURE_PACKAGES if features else ()))
    return LockHead(
        schema="sign-etl/lock/1",
        sign_etl=sign_etl.__version__,
        dataset=dataset,
        recipe=recipe[0],
        recipe_version=recipe[1],
        licence=licence,
        plan=plan,
        pipeline=pipeline,
        pipeline_digest=digest(pipeline),
        stages=stages,
        poses=poses,
        features=dict(features),
        packages={name: found for name in packages if (found := _version(name))},
        cpu_flags=_cpu_flags(),
    )


def lock_line(row: Mapping[str, Any], result: Result | None) -> dict[str, Any]:
    """The line of one clip, a `LockLine` without what is unknown.

    Args:
        row: `key`, `source_id` and `url` of the plan.
        result: what became of it, None where it was not reached.
    """
    line: dict[str, Any] = {**row, "outcome": Outcome.PENDING.value}
    if result is not None:
        line |= {
            "outcome": result.outcome.value,
            "sha256": result.source,
            "size_bytes": result.size_bytes,
            "flags": list(result.flags),
            "notes": dict(result.notes),
            **result.facts,
        }
        if result.reject is not None:
            line |= result.reject.to_json()
    return {name: value for name, value in line.items() if value not in (None, {}, [], "")}


def result_from(line: Mapping[str, Any]) -> Result:
    """The result that a line of a lock tells of; it names no entries of a store.

    Args:
        line: of a clip that was rejected.
    """
    facts = {name: line[name] for name in _FACTS if name in line}
    return Result(
        key=line["key"],
        reject=Reject.from_json(
            {"stage": StageName.FETCH, "detail": "", **line}  # both may be left out of a line
        ),
        source=line.get("sha256"),
        size_bytes=line.get("size_bytes"),
        flags=tuple(line.get("flags", ())),
        facts=facts,
        notes=dict(line.get("notes", {})),
    )


def drift(locked: LockHead, present: LockHead) -> tuple[list[HeadDifference], list[HeadDifference]]:
    """What stands between a lock and an installation.

    Returns:
        What forbids to build it again, and what only may move bytes: versions of libraries, the
        kind of processor.
    """
    forbidding, moving = [], []
    for difference in diff_heads(locked, present):
        top = difference.name.partition(".")[0]
        if top in BINDING:
            forbidding.append(difference)
        elif top in ("packages", "cpu_flags"):
            moving.append(difference)
    return forbidding, moving


def drift_lines(differences: list[HeadDifference]) -> Iterator[str]:
    """Differences in words: `stages.normalise: 1 in the lock, 2 here`."""
    for difference in differences:
        yield f"{difference.name}: {_shown(difference.first)} in the lock, " + (
            f"{_shown(difference.second)} here"
        )


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
        return value[:12]
    if isinstance(value, list | tuple):
        return " ".join(map(str, value)) or "none"
    return str(value)


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

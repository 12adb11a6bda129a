"""`doctor --pipeline`: whether a build can run here, before hours are spent on it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from sign_etl.app.plan import PlanSummary, plan
from sign_etl.app.prepare import IngestRequest, feature_setup, resolve
from sign_etl.core.errors import SignEtlError
from sign_etl.core.places import default_store, weights_folder
from sign_etl.core.store import open_store
from sign_etl.pose import weights
from sign_etl.pose.base import BACKENDS
from sign_etl.schema.pipeline import Pipeline
from sign_etl.schema.replies import CheckPart

State = Literal["ok", "absent", "bad"]
IN_STORE = ("fetch", "normalise", "pose", "features")
"""Stages whose outputs lie in the store; shards lie in the build folder."""


def part(group: str, name: str, state: State, detail: str, hint: str | None = None) -> CheckPart:
    """A line of the report; what is fine needs no hint."""
    hint = hint if state != "ok" else None
    return CheckPart(group=group, name=name, state=state, detail=detail, hint=hint)


def preflight(request: IngestRequest) -> Iterator[CheckPart]:
    """Check pipeline, annotations, access, model files, GPUs, disks and write access.

    Nothing but annotation files is fetched. Every check is made, whatever the others say.
    """
    try:
        resolved = resolve(request)
    except SignEtlError as error:
        yield part("build", "pipeline", "bad", error.message, error.hint)
        return
    pipeline = resolved.pipeline
    yield part("build", "pipeline", "ok", f"{pipeline.name}, data set {resolved.recipe.name}")
    yield from _backends(pipeline)
    summary: PlanSummary | None = None
    try:
        summary = plan(request)
    except SignEtlError as error:
        yield part("build", "plan", "bad", error.message, error.hint)
    else:
        detail = f"{summary.clips:,} clips, {summary.sources:,} sources, shards: {summary.shards}"
        yield part("build", "plan", "ok", detail)
    out = request.out or Path("builds") / pipeline.name
    store = open_store(request.store or default_store()).root
    needs = _needs(summary, same_disk=_disk(out) == _disk(store))
    for name, folder, hint in (
        ("out", out, "give another folder with --out"),
        ("store", store, "give another folder with --store, or set SIGN_ETL_CACHE"),
    ):
        yield _room(name, folder, needs[name], hint)


def _backends(pipeline: Pipeline) -> Iterator[CheckPart]:
    for name, raw in pipeline.pose.items():
        try:
            backend = BACKENDS.get(name)
            weights.ensure(backend, backend.options(raw), weights_folder())
        except SignEtlError as error:
            yield part("build", f"pose {name}", "bad", error.message, error.hint)
        else:
            yield part("build", f"pose {name}", "ok", f"libraries and weights of {backend.version}")
    for name, raw in pipeline.features.items():
        try:
            made = feature_setup(name, raw, weights=True)
        except SignEtlError as error:
            yield part("build", f"features {name}", "bad", error.message, error.hint)
        else:
            detail = f"{made.backend} {made.version}, {made.size:,} numbers a frame"
            yield part("build", f"features {name}", "ok", detail)
    wanted = pipeline.pools.pose.gpus
    if wanted and pipeline.pose:
        found = shutil.which("nvidia-smi") is not None
        yield part(
            "build",
            "pools",
            "ok" if found else "absent",
            f"each pose worker wants {wanted:g} GPU" + ("" if found else ", this machine has none"),
            "fine where the Ray cluster has them; else set `pools.pose.gpus: 0`",
        )


def _needs(summary: PlanSummary | None, *, same_disk: bool) -> dict[str, int]:
    """Estimated bytes by place; on one disk each of the two must hold both."""
    if summary is None:
        return {"out": 0, "store": 0}
    sizes = summary.disk_bytes
    store = sum(size for stage, size in sizes.items() if stage in IN_STORE)
    out = sum(sizes.values()) - store
    return {"out": store + out, "store": store + out} if same_disk else {"out": out, "store": store}


def _room(name: str, folder: Path, needed_bytes: int, hint: str) -> CheckPart:
    existing = _existing(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=existing) as file:
            file.write(b"sign-etl")
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        return part("build", name, "bad", f"{folder} cannot be written: {reason}", hint)
    free_bytes = shutil.disk_usage(existing).free
    detail = f"{folder}: {free_bytes / 1e9:.1f} GB free, about {needed_bytes / 1e9:.1f} GB needed"
    return part("build", name, "ok" if free_bytes > needed_bytes else "bad", detail, hint)


def _disk(folder: Path) -> int:
    return os.stat(_existing(folder)).st_dev


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.is_dir())

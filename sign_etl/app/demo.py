"""`demo`: the whole way on this machine, with signers that we draw and whose joints we know."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sign_etl.app.ingest import IngestRequest, ingest
from sign_etl.app.prepare import pose_setup
from sign_etl.app.show import show
from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.core.places import weights_folder
from sign_etl.pose.base import BACKENDS
from sign_etl.reader import open_build
from sign_etl.recipes.demo import true_keypoints
from sign_etl.run.progress import Progress
from sign_etl.schema.layouts import layout

ESTIMATOR = "blazepose"
TRUTH = "truth"
JOINTS = {
    "nose": ("nose",),
    "shoulders": ("left_shoulder", "right_shoulder"),
    "elbows": ("left_elbow", "right_elbow"),
    "wrists": ("left_wrist", "right_wrist"),
    "fingertips": tuple(
        f"{side}_hand_{finger}_tip"
        for side in ("left", "right")
        for finger in ("thumb", "index", "middle", "ring", "pinky")
    ),
}
"""Joints by which the estimator is judged; hips are estimated by both and drawn by neither."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo made.

    Attributes:
        build: the build folder.
        counts: clips by outcome.
        reasons: rejects by reason.
        shards: number of shards.
        size_bytes: of all shards.
        seconds: of the whole demo.
        sheet: picture of some clips with their skeletons.
        backend: the pose backend that ran.
        error_px: median distance between estimated and drawn joints in pixels, by kind of joint;
            None where the drawn joints themselves were taken.
        note: why not the real estimator, None where it ran.
    """

    build: Path
    counts: dict[str, int]
    reasons: dict[str, int]
    shards: int
    size_bytes: int
    seconds: float
    sheet: Path
    backend: str
    error_px: dict[str, float] | None
    note: str | None


def demo(
    out: Path,
    *,
    store: str | None = None,
    jobs: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> DemoResult:
    """Draw signers, build them as a data set, and compare the estimator with what was drawn.

    Without the estimator's model files, and without a network to fetch them, the drawn joints take
    the estimator's place; the note says so.

    Args:
        out: the build folder.
        store: URL of the store.
        jobs: worker slots.
        progress: see `ingest`.

    Raises:
        SignEtlError: as `ingest`.

    Example:
        >>> demo(Path("demo-build")).counts
        {'failed': 2, 'written': 24}
    """
    started = time.monotonic()
    note = _unavailable(progress)
    request = IngestRequest(pipeline="demo", out=out, store=store, jobs=jobs)
    if note is not None:
        request = replace(request, settings=(f"pose={{{TRUTH}: {{}}}}",))
    made = ingest(request, progress=progress)
    backend = TRUTH if note is not None else ESTIMATOR
    sheet = show(out, out=out.with_name(f"{out.name}.png"), clips=6, frames=6)
    error_px = None if note is not None else error(out)
    return DemoResult(
        build=made.build,
        counts=made.counts,
        reasons=made.reasons,
        shards=made.shards,
        size_bytes=made.size_bytes,
        seconds=time.monotonic() - started,
        sheet=sheet,
        backend=backend,
        error_px=error_px,
        note=note,
    )


def error(build: Path) -> dict[str, float]:
    """Median distance in pixels between estimated and drawn joints of a demo build.

    Returns:
        By kind of joint, see `JOINTS`; over all frames in which the joint was estimated.
    """
    points = layout("holistic-75")
    distances: dict[str, list[Any]] = {kind: [] for kind in JOINTS}
    with open_build(build) as opened:
        for sample in opened:
            size = np.array([sample.width, sample.height], np.float64)
            found = opened.keypoints(sample, ESTIMATOR)[..., :2].astype(np.float64) * size
            drawn = true_keypoints(sample)[..., :2].astype(np.float64) * size
            distance = np.linalg.norm(found - drawn, axis=-1)
            for kind, names in JOINTS.items():
                distances[kind].append(distance[:, [points.index(name) for name in names]].ravel())
    found_px = {kind: np.concatenate(values) for kind, values in distances.items()}
    return {
        kind: round(float(np.nanmedian(values)), 2)
        for kind, values in found_px.items()
        if np.isfinite(values).any()
    }


def _unavailable(progress: Callable[[Progress], None] | None) -> str | None:
    """Why the estimator cannot run here, None if it can; fetches its model files if it must."""
    try:
        pose_setup(ESTIMATOR, {}, weights=True)
    except MissingExtraError as error:
        return f"{error.message}; the drawn joints take its place"
    except AccessError:
        backend = BACKENDS.get(ESTIMATOR)
        if progress is not None:
            message = f"fetching the weights of {ESTIMATOR}, once"
            progress(Progress(0, {}, {}, (0, 0), 0.0, message=message))
        try:
            backend.fetch(backend.options({}), weights_folder())
            pose_setup(ESTIMATOR, {}, weights=True)
        except AccessError as error:
            return f"{error.message}; the drawn joints take its place"
    return None

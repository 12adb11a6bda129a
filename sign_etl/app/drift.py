"""How far keypoints of a lower precision are from those of fp32, on the first clips of a build.

Speed by lower precision is offered together with what it costs: the first clips of the plan are
estimated once more in fp32, from the same normalised videos, and compared with what the build
holds. The outcome lies beside the build's events and says so where it cannot be measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sign_etl.core.files import write_json
from sign_etl.core.store import Entry, Store
from sign_etl.pose.base import BACKENDS
from sign_etl.run.journal import Result
from sign_etl.run.plan import Plan
from sign_etl.schema.outcome import StageName
from sign_etl.schema.records import STATE_FOLDER
from sign_etl.stages.item import Item
from sign_etl.stages.pose import PoseStage
from sign_etl.stages.setup import PoseSetup, Setup

CLIPS = 5
FILE = "drift.json"
EXACT = "fp32"

Floats = NDArray[np.float32]


def drift(
    build: Path, setup: Setup, plan: Plan, results: Mapping[str, Result]
) -> dict[str, dict[str, Any]]:
    """Measure the drift of all backends that run in a lower precision, and keep it.

    Args:
        build: the build folder; `.sign-etl/drift.json` is written where there is such a backend.
        setup: of the build.
        plan: of the build; its first clips are taken.
        results: what became of the clips.

    Returns:
        By backend: `clips`, `points` compared, `px` and `score` (median, p95 and max of the
        distance), `one_sided` (share of points that only one of both has); or `not_measured` and
        why. Empty where everything is fp32.
    """
    found = {}
    for pose in setup.poses:
        options = exact(pose)
        if options is not None:
            found[pose.name] = _of_backend(setup, pose, options, plan, results)
    path = build / STATE_FOLDER / FILE
    known = json.loads(path.read_bytes()) if found and path.exists() else {}
    for name in found:
        # The store may be gone by now; what was measured once stays true.
        if "not_measured" in found[name] and "px" in known.get(name, {}):
            found[name] = known[name]
    if found and found != known:
        write_json(path, found)
    return found


def exact(pose: PoseSetup) -> dict[str, Any] | None:
    """The options of a backend with every precision set to fp32; None if they are already."""
    lower = {name for name, value in pose.options.items() if _is_lower(name, value)}
    return {**pose.options, **dict.fromkeys(lower, EXACT)} if lower else None


def kept(build: Path) -> dict[str, dict[str, Any]]:
    """What `drift` has measured for a build; empty where nothing was, or its state is gone."""
    try:
        found: dict[str, dict[str, Any]] = json.loads((build / STATE_FOLDER / FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def words(found: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The drift for people, one line a backend."""
    lines = []
    for name, one in found.items():
        if one.get("not_measured") is not None:
            lines.append(f"drift of `{name}` against fp32 is not measured: {one['not_measured']}")
            continue
        px = one["px"]
        lines.append(
            f"drift of `{name}` against fp32 on {one['clips']} clips: median {px['median']:.2f}, "
            f"p95 {px['p95']:.2f}, max {px['max']:.2f} px"
        )
    return tuple(lines)


def compared(
    low: Floats, high: Floats, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Distances between two estimates of one clip.

    Args:
        low: (T, K, C) keypoints, see `Estimator`.
        high: the same, exact.
        size: (W, H) of the clip in pixels.

    Returns:
        (N,) distance in pixels and (N,) difference of the score of the points that both have, and
        the number of points that only one has.
    """
    there = np.isfinite(low[..., 0]), np.isfinite(high[..., 0])
    both = there[0] & there[1]
    apart = low[both].astype(np.float64) - high[both]
    distance = np.hypot(apart[:, 0] * size[0], apart[:, 1] * size[1])
    return distance, np.abs(apart[:, -1]), int((there[0] != there[1]).sum())


def _is_lower(name: str, value: Any) -> bool:
    return (name == "precision" or name.endswith("_precision")) and value != EXACT


def _of_backend(
    setup: Setup,
    pose: PoseSetup,
    options: dict[str, Any],
    plan: Plan,
    results: Mapping[str, Result],
) -> dict[str, Any]:
    # As the backend itself would write them: another default may depend on the precision.
    chosen = BACKENDS.get(pose.name).options(options).model_dump(mode="json")
    stage = PoseStage(setup, replace(pose, options=chosen))
    store = setup.open_store()
    distances, scores, clips, one_sided = [], [], 0, 0
    try:
        for item in _first(store, pose.name, plan, results):
            # The result goes to the store like any other: the second time it is there.
            again = stage.look(item) or stage.run(item)
            if again.reject is not None:
                return {"not_measured": f"in fp32 it ended with {again.reject.reason.value}"}
            assert item.video is not None
            facts = item.video.facts["video"]
            low, high = (_keypoints(store, one.poses[pose.name]) for one in (item, again))
            distance, score, alone = compared(low, high, (facts["width"], facts["height"]))
            distances.append(distance)
            scores.append(score)
            one_sided += alone
            clips += 1
    finally:
        stage.close()
    points = sum(map(len, distances))
    if not points:
        return {"not_measured": "no clip has points to compare"}
    return {
        "clips": clips,
        "points": points,
        "px": _spread(np.concatenate(distances)),
        "score": _spread(np.concatenate(scores)),
        "one_sided": round(one_sided / (points + one_sided), 6),
        "precisions": {name: value for name, value in pose.options.items() if "precision" in name},
    }


def _first(store: Store, name: str, plan: Plan, results: Mapping[str, Result]) -> Iterator[Item]:
    """The first clips in plan order that have a normalised video and keypoints in the store."""
    count = 0
    for start in range(len(plan)):
        (clip,) = plan.clips(start, 1)
        result = results.get(clip.key)
        if result is None or result.video is None or name not in result.poses:
            continue
        video = store.get(StageName.NORMALISE.value, result.video)
        keypoints = store.get(f"{StageName.POSE.value}-{name}", result.poses[name])
        if video is None or keypoints is None or "video" not in video.blobs:
            continue
        yield Item(clip, video=video, poses={name: keypoints})
        count += 1
        if count == CLIPS:
            return


def _keypoints(store: Store, entry: Entry) -> Floats:
    array: Floats = np.load(store.path(entry.blobs["keypoints"]), allow_pickle=False)
    return array


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return {
        "median": round(float(np.median(values)), 4),
        "p95": round(float(np.quantile(values, 0.95)), 4),
        "max": round(float(values.max()), 4),
    }

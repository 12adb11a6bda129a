"""The drift of a lower precision is what it is, and is measured by the real stage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nets import whole_body, yolox
from tiny_run import make_clip, make_setup, plan_of

from sign_etl.app.drift import compared, drift, exact, words
from sign_etl.core.store import Entry
from sign_etl.pose.base import BACKENDS
from sign_etl.recipes.video_file import write_video
from sign_etl.run.journal import Result
from sign_etl.run.plan import Plan
from sign_etl.stages.item import Item
from sign_etl.stages.pose import PoseStage
from sign_etl.stages.setup import PoseSetup, Setup

FRAMES, HEIGHT, WIDTH = 4, 64, 96
SHIFT_PX = 3.0


def setup_of(tmp_path: Path) -> Setup:
    """A setup whose only backend claims to run in bf16."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("cv2")
    detector = yolox(
        tmp_path / "detector.onnx", side=64, width=0.125, depth=0.1, box=(16.0, 4.0, 48.0, 40.0)
    )
    pose = whole_body(tmp_path / "pose.onnx", size=(64, 64), width=0.125, depth=0.1)
    backend = BACKENDS.get("rtmpose")
    options = backend.options({"detector": str(detector), "pose": str(pose)})
    chosen = PoseSetup(
        name="rtmpose",
        version=backend.version,
        layout=backend.layout(options),
        options=options.model_dump(mode="json") | {"precision": "bf16"},
        weights={},
        annotation_bound=False,
    )
    return make_setup(tmp_path, poses=(chosen,))


def stored(setup: Setup, tmp_path: Path) -> tuple[Plan, dict[str, Result], np.ndarray]:
    """One clip whose stored keypoints are those of fp32, `SHIFT_PX` to the right."""
    store = setup.open_store()
    plan = plan_of([make_clip("a"), make_clip("b")])
    (clip,) = plan.clips(0, 1)
    picture = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    write_video(tmp_path / "clip.mp4", [picture] * FRAMES, fps=25)
    facts = {"frames": FRAMES, "width": WIDTH, "height": HEIGHT, "fps": 25.0}
    video = store.put(
        "normalise",
        "1" * 64,
        facts={"video": facts | {"crop": [0, 0, WIDTH, HEIGHT]}},
        files={"video": tmp_path / "clip.mp4"},
    )
    pose = setup.poses[0]
    stage = PoseStage(setup, replace(pose, options=exact(pose)))
    try:
        item = stage.run(Item(clip, video=video))
    finally:
        stage.close()
    assert item.reject is None
    right = np.load(store.path(item.poses["rtmpose"].blobs["keypoints"]))
    shifted = right.copy()
    shifted[..., 0] += SHIFT_PX / WIDTH
    np.save(tmp_path / "low.npy", shifted)
    entry: Entry = store.put(
        "pose-rtmpose", "2" * 64, facts={}, files={"keypoints": tmp_path / "low.npy"}
    )
    assert entry.blobs
    result = Result(clip.key, video="1" * 64, poses={"rtmpose": "2" * 64})
    return plan, {clip.key: result}, right


def test_it_is_measured_against_the_real_stage(tmp_path: Path) -> None:
    setup = setup_of(tmp_path)
    plan, results, right = stored(setup, tmp_path)
    found = drift(tmp_path / "build", setup, plan, results)
    one = found["rtmpose"]
    assert one["clips"] == 1
    assert one["points"] == np.isfinite(right[..., 0]).sum() > 0
    assert one["px"] == pytest.approx({"median": SHIFT_PX, "p95": SHIFT_PX, "max": SHIFT_PX}, 1e-3)
    assert one["score"] == {"median": 0.0, "p95": 0.0, "max": 0.0}
    assert one["one_sided"] == 0
    assert one["precisions"] == {"precision": "bf16", "det_precision": "fp32"}
    path = tmp_path / "build" / ".sign-etl" / "drift.json"
    assert json.loads(path.read_text()) == found
    assert words(found) == (
        "drift of `rtmpose` against fp32 on 1 clips: median 3.00, p95 3.00, max 3.00 px",
    )
    assert drift(tmp_path / "build", setup, plan, {}) == found, "what was measured once stays"


def test_what_cannot_be_measured_says_so(tmp_path: Path) -> None:
    setup = setup_of(tmp_path)
    found = drift(tmp_path / "build", setup, plan_of([make_clip("a")]), {})
    assert found == {"rtmpose": {"not_measured": "no clip has points to compare"}}
    assert words(found)[0].endswith("is not measured: no clip has points to compare")


def test_fp32_has_no_drift(tmp_path: Path) -> None:
    setup = setup_of(tmp_path)
    (pose,) = setup.poses
    plain = replace(setup, poses=(replace(pose, options=exact(pose)),))
    assert drift(tmp_path / "build", plain, plan_of([make_clip("a")]), {}) == {}
    assert not (tmp_path / "build").exists()


def test_points_that_one_side_lacks_are_counted_apart() -> None:
    low = np.array([[[0.5, 0.5, 0.9], [np.nan, np.nan, 0.0], [0.1, 0.2, 0.5]]], np.float32)
    high = np.array([[[0.5, 0.6, 0.8], [0.3, 0.3, 0.4], [np.nan, np.nan, 0.0]]], np.float32)
    distance, score, alone = compared(low, high, (100, 50))
    assert distance == pytest.approx([5.0], rel=1e-5)
    assert score == pytest.approx([0.1], rel=1e-5)
    assert alone == 2

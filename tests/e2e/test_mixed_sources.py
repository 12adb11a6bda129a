"""One build of videos and of keypoints: each clip passes its own stages only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tiny_run import TinyRun, make_clip, make_pipeline, make_setup, plan_of, write_videos

from sign_etl.reader import open_build
from sign_etl.recipes.fixture_keypoints import waving
from sign_etl.schema.clip import Source
from sign_etl.schema.keypoint_set import IMPORTED, KeypointSet
from sign_etl.shard.verify import verify


def test_videos_and_keypoints_in_one_build(tmp_path: Path) -> None:
    media = write_videos(tmp_path / "media", ["a.mp4", "b.mp4"])
    np.save(media / "c.npy", waving(10, 42, seed=0))
    keypoints = Source("c", names=("c.npy",), keypoints="npy")
    clips = [
        make_clip("a", label="x"),
        make_clip("b", label="y"),
        make_clip("c", source="c", media=keypoints, label="z", declared_fps=25.0),
    ]
    pipeline = make_pipeline()
    setup = replace(make_setup(tmp_path, pipeline, media=media), imported=KeypointSet("hands-42"))
    run = TinyRun(plan_of(clips, pipeline), setup, tmp_path / "build")
    run.run(jobs=2)
    manifest = run.publish()
    assert manifest.counts == {"written": 3}
    assert set(manifest.poses) == {IMPORTED}
    with open_build(run.build) as build:
        members = {sample.label: set(sample.members) for sample in build}
    assert members == {
        "x": {"json", "mp4"},
        "y": {"json", "mp4"},
        "z": {"json", f"{IMPORTED}.npy"},
    }
    assert verify(run.build).ok

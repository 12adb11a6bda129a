"""Pose backends through `sign-etl ingest`: awkward clips, and a second backend for a build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from marker_nets import DOG, OTHER, SIGNER, marker_detector, marker_pose
from marker_scenes import Person, Script, picture, walker
from nets import whole_body
from process import sign_etl
from weights import blazepose_weights

from sign_etl.reader import open_build
from sign_etl.recipes.video_file import write_video

pytest.importorskip("onnxruntime")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

NEAR_PX = 2.5
"""Of the pictures as they were drawn, 320 wide: what two rounds of H.264 and a resize cost."""


def two_people(t: int) -> list[Person]:
    return [Person(SIGNER, 50 + t, 60, 80, 140), Person(OTHER, 230, 110 - t, 60, 100)]


def cut(t: int) -> list[Person]:
    return [Person(SIGNER, 40 + t, 70) if t < 13 else Person(OTHER, 200 - t, 60, 80, 120)]


def larger(script: Script, scale: float) -> Script:
    return lambda t: [
        Person(each.patch, *(scale * length for length in (each.x, each.y, *size(each))))
        for each in script(t)
    ]


def size(person: Person) -> tuple[float, float]:
    return person.width, person.height


SCENES: dict[str, tuple[Script, int, tuple[int, int], int]] = {
    "alone": (walker(), 20, (320, 240), 25),
    "cut": (cut, 26, (320, 240), 25),
    "fast": (walker(step=0.4), 96, (320, 240), 120),
    "huge": (larger(walker(), 12), 4, (3840, 2160), 25),
    "nobody": (lambda t: [Person(DOG, 20 + 4 * t, 60)], 12, (320, 240), 25),
    "odd": (walker(), 12, (322, 246), 25),
    "one": (walker(), 1, (320, 240), 25),
    "two": (two_people, 20, (320, 240), 25),
}
"""By name: who is there, frames, size, frame rate."""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    for name, (script, frames, (width, height), fps) in SCENES.items():
        pictures = (picture(script(number), width, height) for number in range(frames))
        write_video(folder / "media" / f"{name}.mp4", pictures, fps=fps)
    detector = marker_detector(folder / "detector.onnx")
    net = marker_pose(folder / "pose.onnx")
    sign_etl(
        *("ingest", "folder", "--media", folder / "media", "--out", folder / "build"),
        *("--store", folder / "store", "--jobs", 2, "--set", "policy.max_failed=0"),
        *("--set", f"pose={{rtmpose: {{detector: {detector}, pose: {net}}}}}"),
        *("--set", "normalise.short_side=240", "--set", "normalise.min_duration_s=0.01"),
        env={"SIGN_ETL_CACHE": str(folder / "cache")},
    )
    return folder / "build"


def rows(build: Path) -> dict[str, dict[str, Any]]:
    return {
        row["source_id"].removesuffix(".mp4"): row
        for row in pq.read_table(build / "ledger.parquet").to_pylist()
    }


def test_each_scene_has_its_outcome(build: Path) -> None:
    found = rows(build)
    assert set(found) == set(SCENES)
    assert {name for name, row in found.items() if row["outcome"] == "written"} == (
        set(SCENES) - {"nobody"}
    )
    nobody = found["nobody"]
    assert (nobody["outcome"], nobody["stage"], nobody["reason"]) == (
        *("excluded", "quality"),
        "no-person",
    )
    assert (nobody["detail"], nobody["retryable"]) == ("in no frame", False)


@pytest.mark.parametrize("name", sorted(set(SCENES) - {"nobody"}))
def test_points_are_where_they_were_drawn(build: Path, name: str) -> None:
    script, frames, (width, height), fps = SCENES[name]
    with open_build(build) as opened:
        key = rows(build)[name]["key"]
        sample = opened.sample(key)
        found = np.asarray(opened.keypoints(sample, "rtmpose"), np.float64)
        source_s = np.array(opened.record(sample)["video"]["source_us"]) / 1e6
    assert sample.fps == 25
    assert len(found) == sample.frames == max(1, round(frames * 25 / fps))
    wanted = []
    for number in np.rint(source_s * fps).astype(int):
        person = script(number)[0]  # in `two`, the larger one
        wanted.append(person.middles()[np.arange(found.shape[1]) % 6])
    away = (found[..., :2] * (width, height) - np.array(wanted)) * 320 / width
    assert np.isfinite(found).all()
    assert np.linalg.norm(away, axis=-1).max() < NEAR_PX


@pytest.mark.weights
@pytest.mark.shared_data
def test_a_second_backend_computes_nothing_else(shared_data: Path, tmp_path: Path) -> None:
    clips = shared_data / "svk-clips"
    table = tmp_path / "clips.csv"
    lines = ["file,label,start,end"]
    lines += [f"{word}-front.mp4,{word},0.8,1.2" for word in ("ano", "banan", "brat")]
    table.write_text("\n".join(lines), encoding="utf-8")
    net = whole_body(tmp_path / "pose.onnx", size=(64, 64), width=0.25, depth=0.2)
    second = f"{{detector: {shared_data / 'weights' / 'yolox_nano.onnx'}, pose: {net}}}"
    pipeline = tmp_path / "both.yaml"

    def ingest(poses: str, *more: str) -> dict[str, float]:
        pipeline.write_text(
            "schema: sign-etl/pipeline/1\nname: both\ndataset: {recipe: folder}\n"
            f"normalise: {{short_side: 256}}\npose: {poses}\n",
            encoding="utf-8",
        )
        sign_etl(
            *("ingest", pipeline, "--media", clips, "--annotations", table, "--jobs", 1),
            *("--out", tmp_path / "build", "--store", tmp_path / "store", *more),
            env={
                "SIGN_ETL_CACHE": str(tmp_path / "cache"),
                "SIGN_ETL_WEIGHTS": blazepose_weights(),
            },
        )
        actions = (tmp_path / "store" / "actions").rglob("*.json")
        return {path.name: path.stat().st_mtime_ns for path in actions}

    first = ingest("{blazepose: {}}")
    both = ingest(f"{{blazepose: {{}}, rtmpose: {second}}}", "--update")
    assert {name: both[name] for name in first} == first, "something was made anew"
    sign_etl("verify", tmp_path / "build")
    with open_build(tmp_path / "build") as build:
        assert len(build) == 3
        # What such a net gives is no probability, and no damage.
        assert max(build.keypoints(sample, "rtmpose")[..., 2].max() for sample in build) > 1
        for sample in build:
            assert sample.backends == ("blazepose", "rtmpose")
            holistic, whole = (build.keypoints(sample, name) for name in sample.backends)
            assert holistic.shape == (sample.frames, 75, 4)
            assert whole.shape == (sample.frames, 133, 3)
    actions = tmp_path / "store" / "actions"
    kinds = [
        path.relative_to(actions).parts[0]
        for path in actions.rglob("*.json")
        if path.name not in first
    ]
    assert kinds == ["pose-rtmpose"] * 3

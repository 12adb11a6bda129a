"""`sign-etl demo`: what a newcomer sees in the first minute."""

from __future__ import annotations

import json
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from process import sign_etl
from weights import blazepose_weights

from sign_etl.reader import open_build
from sign_etl.schema.layouts import layout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CLIPS = 26
NOWHERE = "http://127.0.0.1:9"
NO_NETWORK = {
    "HTTPS_PROXY": NOWHERE,
    "https_proxy": NOWHERE,
    "ALL_PROXY": NOWHERE,
    "NO_PROXY": "",
    "no_proxy": "",
    "PIP_NO_INDEX": "1",
    "PIP_FIND_LINKS": "",
    "PIP_CONFIG_FILE": "/dev/null",
}
"""Every way out is closed."""


@dataclass(frozen=True)
class Made:
    """A demo build with what the command said."""

    build: Path
    reply: dict[str, Any]
    stderr: str


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn clips are shared by both demos."""
    return tmp_path_factory.mktemp("cache")


def demo(out: Path, cache: Path, **env: str) -> Made:
    done = sign_etl("demo", "--out", out, "--json", env={"SIGN_ETL_CACHE": str(cache), **env})
    document = json.loads(done.stdout)
    assert document["schema"] == "sign-etl/cli/demo/1"
    return Made(out, document["data"], done.stderr)


@pytest.fixture(scope="module")
def made(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """With the real BlazePose."""
    out = tmp_path_factory.mktemp("demo") / "build"
    return demo(out, cache, SIGN_ETL_WEIGHTS=blazepose_weights())


@pytest.fixture(scope="module")
def unplugged(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Without weights and without a network."""
    folder = tmp_path_factory.mktemp("unplugged")
    weights = folder / "weights"
    weights.mkdir()
    return demo(folder / "build", cache, SIGN_ETL_WEIGHTS=str(weights), **NO_NETWORK)


def rejects(build: Path) -> dict[str, tuple[str, str]]:
    rows = pq.read_table(build / "ledger.parquet").to_pylist()
    assert len(rows) == CLIPS
    return {
        row["annotation_id"]: (row["stage"], row["reason"])
        for row in rows
        if row["outcome"] != "written"
    }


def check(found: Made) -> None:
    """What holds whoever found the joints."""
    assert found.reply["counts"] == {"failed": 2, "written": CLIPS - 2}
    assert found.reply["reasons"] == {"not-media": 1, "partial": 1}
    [page], [cut] = (
        [id_ for id_ in rejects(found.build) if id_.endswith(end)] for end in ("page", "truncated")
    )
    assert rejects(found.build) == {
        page: ("fetch", "not-media"),
        cut: ("normalise", "partial"),
    }
    sign_etl("verify", found.build)
    sheet = Path(found.reply["sheet"])
    data = sheet.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width > 500
    assert height > 300
    labels = json.loads((found.build / "labels.json").read_text())["labels"]
    assert len(labels) == 6
    with open_build(found.build) as build:
        splits = Counter(sample.split for sample in build)
        assert splits == {"train": 12, "val": 6, "test": 6}
        kind = layout("holistic-75")
        for sample in build:
            keypoints = build.keypoints(sample, found.reply["backend"]).astype(float)
            for joint in ("shoulder", "elbow", "wrist"):
                left, right = (
                    np.nanmean(keypoints[:, kind.index(f"{side}_{joint}"), 0])
                    for side in ("left", "right")
                )
                assert left > right, (sample.key, joint)


@pytest.mark.weights
def test_the_estimator_finds_the_drawn_joints(made: Made) -> None:
    check(made)
    assert made.reply["backend"] == "blazepose"
    assert made.reply["note"] is None
    errors = made.reply["error_px"]
    assert set(errors) == {"nose", "shoulders", "elbows", "wrists", "fingertips"}
    assert all(0 < error < 8 for error in errors.values()), errors


@pytest.mark.weights
def test_hands_are_found_and_belong_to_their_arms(made: Made) -> None:
    kind = layout("holistic-75")
    found = []
    with open_build(made.build) as build:
        for sample in build:
            keypoints = build.keypoints(sample, "blazepose").astype(float)
            wrists = {}
            for side in ("left", "right"):
                hand = keypoints[:, kind.parts[f"{side}_hand"][0]]
                body = keypoints[:, kind.index(f"{side}_wrist")]
                seen = hand[:, -1] > 0
                found.append(seen.mean())
                wrists[side] = np.linalg.norm(hand[seen, :2] - body[seen, :2], axis=1)
            near = np.concatenate(list(wrists.values()))
            assert np.median(near) < 0.1, sample.key
    assert np.mean(found) > 0.8


def test_without_weights_and_network_it_runs_and_says_so(unplugged: Made) -> None:
    check(unplugged)
    assert unplugged.reply["backend"] == "truth"
    assert unplugged.reply["error_px"] is None
    assert "weights of `blazepose`" in unplugged.reply["note"]
    assert unplugged.reply["note"].endswith("the drawn joints take its place")
    assert f"warning: {unplugged.reply['note']}" in unplugged.stderr


def test_the_drawn_joints_stand_in_the_manifest_as_such(unplugged: Made) -> None:
    manifest = json.loads((unplugged.build / "manifest.json").read_text())
    assert manifest["language"] == "zxx"
    assert manifest["poses"]["truth"]["weights"] == {}
    with open_build(unplugged.build) as build:
        videos = {sample.key: sample.frames for sample in build}
    assert len(videos) == CLIPS - 2
    assert set(videos.values()) <= set(range(40, 51))

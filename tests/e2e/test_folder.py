"""`sign-etl ingest folder` on real clips with the real BlazePose: any runner, the same bytes."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import audited
import numpy as np
import pyarrow.parquet as pq
import pytest
from process import environment, sign_etl, tree
from weights import blazepose_weights

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared_data,
    pytest.mark.weights,
    pytest.mark.timeout(1800),
]

WORDS = ("ano", "banan", "brat")
START_S, END_S = 0.8, 1.6
"""A short span of each clip, in which the signer's hands are up."""


@dataclass(frozen=True)
class World:
    """Six clips and a first build of them."""

    media: Path
    table: Path
    build: Path
    store: Path
    env: dict[str, str]

    def arguments(self, out: Path, store: Path, *more: object) -> list[Any]:
        return [
            *("ingest", "folder", "--media", self.media, "--annotations", self.table),
            *("--out", out, "--store", store, "--set", "normalise.short_side=256"),
            *("--set", "pack.shard_clips=2", *more),
        ]


@pytest.fixture(scope="module")
def world(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("folder")
    table = folder / "clips.csv"
    with (shared_data / "svk-clips" / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].split("-")[0] in WORDS]
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "view", "start", "end", "split"])
        for row in rows:
            split = "test" if row["label"].lower().startswith("b") else "train"
            writer.writerow([row["file"], row["label"], row["view"], START_S, END_S, split])
    made = World(
        shared_data / "svk-clips",
        table,
        folder / "build",
        folder / "store",
        {"SIGN_ETL_CACHE": str(folder / "cache"), "SIGN_ETL_WEIGHTS": blazepose_weights()},
    )
    sign_etl(*made.arguments(made.build, made.store), env=made.env)
    return made


def index(build: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(build / "index.parquet").to_pylist()
    return rows


def started_by(arguments: list[Any], env: dict[str, str]) -> list[str]:
    """Run a command to exit 0; the programs that it started."""
    done = subprocess.run(
        [sys.executable, audited.__file__, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**environment(), **env},
        timeout=1100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    programs: list[str] = json.loads(done.stderr.splitlines()[-1])
    return programs


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Size and time of change of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_clip_is_built_with_a_body_and_hands(world: World) -> None:
    rows = index(world.build)
    assert len(rows) == 2 * len(WORDS)
    assert {row["label"].lower() for row in rows} == set(WORDS)
    for row in rows:
        quality = dict(row["quality"])
        assert quality["body"] >= 0.95, row["source_id"]
        assert row["frames"] == round((END_S - START_S) * 25)
        assert dict(row["extra"])["view"] in ("front", "side")
    front = [dict(row["quality"]) for row in rows if "front" in row["source_id"]]
    assert sum(quality["hand"] for quality in front) / len(front) >= 0.5
    sign_etl("verify", world.build, env=world.env)


def test_webdataset_reads_it_without_our_code(world: World) -> None:
    webdataset = pytest.importorskip("webdataset")
    tars = sorted(map(str, world.build.glob("*/*.tar")))
    samples = list(webdataset.WebDataset(tars, shardshuffle=False).decode("torchrgb8"))
    described = {row["key"]: row for row in index(world.build)}
    assert len(samples) == len(described)
    for sample in samples:
        row = described.pop(sample["__key__"])
        keypoints = sample["blazepose.npy"]
        assert keypoints.shape == (row["frames"], 75, 4)
        assert keypoints.dtype == np.float16
        assert sample["json"]["label"] == row["label"]
        unseen = keypoints[..., -1] == 0
        assert np.isnan(keypoints[unseen][:, :3]).all()
        assert np.isfinite(keypoints[~unseen]).all()
        # Shoulders as the signer has them: the left one is on the right of a front view.
        if "front" in row["source_id"]:
            left, right = (np.nanmean(keypoints[:, point, 0].astype(float)) for point in (11, 12))
            assert left > right
    assert not described


def test_members_are_where_the_index_says(world: World) -> None:
    for row in index(world.build):
        data = (world.build / row["shard"]).read_bytes()
        members = {member["name"]: member for member in row["members"]}
        assert set(members) == {"json", "mp4", "blazepose.npy"}
        cut = {
            name: data[member["offset"] : member["offset"] + member["size_bytes"]]
            for name, member in members.items()
        }
        assert json.loads(cut["json"])["key"] == row["key"]
        assert cut["mp4"][4:8] == b"ftyp"
        loaded = np.load(io.BytesIO(cut["blazepose.npy"]), allow_pickle=False)
        assert len(loaded) == row["frames"]


def test_one_worker_gives_the_same_bytes(world: World, tmp_path: Path) -> None:
    arguments = world.arguments(tmp_path / "build", tmp_path / "store", "--jobs", 1)
    sign_etl(*arguments, env=world.env)
    assert tree(tmp_path / "build") == tree(world.build)


@pytest.mark.ray
def test_ray_gives_the_same_bytes(world: World, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    arguments = world.arguments(tmp_path / "build", tmp_path / "store", "--runner", "ray")
    sign_etl(*arguments, env=world.env)
    assert tree(tmp_path / "build") == tree(world.build)
    objects = {path: size for path, (size, _) in snapshot(tmp_path / "store" / "objects").items()}
    assert objects == {path: size for path, (size, _) in snapshot(world.store / "objects").items()}


def test_a_second_run_does_nothing(world: World) -> None:
    before = tree(world.build), snapshot(world.store)
    journal = world.build / ".sign-etl" / "journal.jsonl"
    lines = journal.read_bytes()
    assert started_by(world.arguments(world.build, world.store), world.env) == []
    assert (tree(world.build), snapshot(world.store)) == before
    assert journal.read_bytes() == lines


def test_another_build_of_the_same_clips_decodes_nothing(world: World, tmp_path: Path) -> None:
    before = snapshot(world.store)
    out = tmp_path / "build"
    choices = ("--set", "pack.dtype=float32", "--set", "pack.keep_video=false", "--limit", 4)
    assert started_by(world.arguments(out, world.store, *choices), world.env) == []
    assert snapshot(world.store) == before
    half = {row["key"]: row for row in index(world.build)}
    for row in index(out):
        assert [member["name"] for member in row["members"]] == ["blazepose.npy", "json"]
        other = half[row["key"]]
        assert (row["frames"], row["label_id"]) == (other["frames"], other["label_id"])
        assert row["quality"] == other["quality"]
    assert len(index(out)) == 4
    # What is not in the store is decoded, and that would have shown.
    fresh = world.arguments(
        tmp_path / "fresh", tmp_path / "store", "--set", "pose={}", "--limit", 1
    )
    [program] = started_by(fresh, world.env)
    assert "sign_etl.core.guard_child" in program


def test_another_pipeline_needs_update(world: World, tmp_path: Path) -> None:
    out, store = tmp_path / "build", world.store
    change = ("--set", "pack.keep_video=false")
    sign_etl(*world.arguments(out, store), env=world.env)
    before = tree(out)
    refused = sign_etl(*world.arguments(out, store, *change), expect=2, env=world.env)
    assert "holds a build of another pipeline" in refused.stderr
    assert "--update" in refused.stderr
    assert tree(out) == before
    sign_etl(*world.arguments(out, store, *change, "--update"), env=world.env)
    assert {member["name"] for row in index(out) for member in row["members"]} == {
        "json",
        "blazepose.npy",
    }
    sign_etl("verify", out, env=world.env)
    sign_etl(*world.arguments(out, store, "--update"), env=world.env)
    assert tree(out) == before


def test_a_removed_shard_and_damaged_bytes_are_mended(world: World, tmp_path: Path) -> None:
    out, store = tmp_path / "build", tmp_path / "store"
    words = ("--set", "pose={}", "--set", "normalise.short_side=64")
    sign_etl(*world.arguments(out, store, *words), env=world.env)
    before = tree(out)
    next(iter(sorted(out.glob("*/*.tar")))).unlink()
    for number, path in enumerate(sorted(store.glob("objects/*/*"))):
        if number % 2:
            path.write_bytes(bytes(path.stat().st_size))
        else:
            path.unlink()
    sign_etl("verify", out, expect=1, env=world.env)
    sign_etl(*world.arguments(out, store, *words), env=world.env)
    assert tree(out) == before

"""Keypoints that others extracted, from file to verified build: every format, both runners."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset as wds

from sign_etl.app.ingest import IngestRequest, IngestResult, ingest
from sign_etl.app.show import show
from sign_etl.keypoints import importing
from sign_etl.reader import open_build
from sign_etl.recipes.base import RECIPES
from sign_etl.recipes.fixture_keypoints import waving
from sign_etl.schema.keypoint_set import IMPORTED
from sign_etl.shard.verify import verify

RECIPES_OF_KEYPOINTS = ("gislr", "keypoints", "spoter-csv", "unisign")


def build(
    folder: Path, name: str, raw: dict[str, Any], *, out: str = "build", **more: Any
) -> IngestResult:
    """Build `name` with the options `raw` below `folder`, with a store of its own."""
    flags = {key: Path(raw.pop(key)) for key in ("media", "annotations") if key in raw}
    settings = tuple(f"dataset.{key}={value}" for key, value in raw.items())
    return ingest(
        IngestRequest(
            name,
            out=folder / out,
            store=str(folder / f"{out}-store"),
            settings=(*settings, *more.pop("settings", ())),
            **flags,
            **more,
        )
    )


def digests(folder: Path) -> dict[str, str]:
    files = [*folder.glob("*/*.tar"), folder / "index.parquet", folder / "ledger.parquet"]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


@pytest.mark.parametrize("name", RECIPES_OF_KEYPOINTS)
def test_a_fixture_becomes_a_build_that_verifies(name: str, tmp_path: Path) -> None:
    raw = dict(RECIPES.get(name).fixture(tmp_path / "fixture"))
    result = build(tmp_path, name, raw, jobs=1)
    assert result.counts.keys() == {"written"}
    assert verify(result.build).ok
    with open_build(result.build) as opened:
        assert opened.backends == (IMPORTED,)
        for sample in opened:
            assert set(sample.members) == {"json", f"{IMPORTED}.npy"}
            record = opened.record(sample)
            keypoints = opened.keypoints(sample)
            assert keypoints.shape == tuple(record["poses"][IMPORTED]["shape"])
            assert "luma" not in record["quality"]
            assert np.isfinite(keypoints[..., -1]).all()
        tars = [str(path) for path in opened.shard_paths()]
        assert sum(1 for _ in wds.WebDataset(tars, shardshuffle=False)) == len(opened)
    assert show(result.build, out=tmp_path / "sheet.png").stat().st_size > 1000
    again = build(tmp_path, name, dict(RECIPES.get(name).fixture(tmp_path / "fixture")), jobs=1)
    assert again.counts == result.counts


@pytest.fixture
def stacked(tmp_path: Path) -> Path:
    """A data set in one array: 3 words x 4 takes, one clip empty."""
    clips = np.stack([waving(10, 42, seed=seed).reshape(10, 84) for seed in range(12)])
    clips[5] = 0
    words = np.repeat(["hello", "ναι", "no"], 4)
    np.savez(tmp_path / "all.npz", X=clips, y=words, seq=np.tile(np.arange(4), 3))
    return tmp_path / "all.npz"


STACKED = {
    "layout": "hands-42",
    "x": "X",
    "label": "y",
    "take": "seq",
    "val_takes": "2",
    "test_takes": "3",
    "fps": 30,
}


def test_one_array_is_split_by_take_and_each_reject_is_told(stacked: Path, tmp_path: Path) -> None:
    result = build(tmp_path, "keypoints", {"media": stacked, **STACKED}, jobs=2)
    assert result.counts == {"written": 11, "excluded": 1}
    assert result.reasons == {"no-person": 1}
    assert verify(result.build).ok
    with open_build(result.build) as opened:
        assert opened.splits == {"train": 5, "val": 3, "test": 3}
        assert opened.labels == ("hello", "no", "ναι")
        for sample in opened:
            number = int(sample.source_id.rpartition("/")[2])
            np.testing.assert_array_equal(
                opened.keypoints(sample)[..., :2],
                waving(10, 42, seed=number).astype(np.float16),
            )
            assert (sample.fps, sample.extra["take"]) == (30, str(number % 4))


def test_jobs_do_not_move_a_byte(stacked: Path, tmp_path: Path) -> None:
    raw = {"media": stacked, **STACKED}
    one = build(tmp_path, "keypoints", dict(raw), out="one", jobs=1)
    two = build(tmp_path, "keypoints", dict(raw), out="two", jobs=3)
    assert digests(one.build) == digests(two.build)


@pytest.mark.ray
def test_ray_gives_the_same_bytes(stacked: Path, tmp_path: Path) -> None:
    raw = {"media": stacked, **STACKED}
    local = build(tmp_path, "keypoints", dict(raw), out="local", jobs=1)
    cluster = build(tmp_path, "keypoints", dict(raw), out="ray", jobs=2, runner="ray")
    assert digests(local.build) == digests(cluster.build)


def test_files_that_are_not_what_they_say(tmp_path: Path) -> None:
    media = tmp_path / "media"
    for label in ("good", "short", "text", "layout", "page"):
        (media / label).mkdir(parents=True)
    np.save(media / "good" / "a.npy", waving(10, 42, seed=0))
    np.save(media / "layout" / "a.npy", waving(10, 133, seed=0))
    (media / "short" / "a.npy").write_bytes((media / "good" / "a.npy").read_bytes()[:200])
    (media / "text" / "a.npy").write_text("nose,neck", encoding="utf-8")
    (media / "page" / "a.npy").write_text("<html>", encoding="utf-8")
    result = build(
        tmp_path,
        "keypoints",
        {"media": media, "layout": "hands-42"},
        settings=("policy.max_failed=1.0",),
        jobs=1,
    )
    with open_build(result.build) as opened:
        ends = {
            row["label"]: (row["stage"], row["reason"], row["detail"])
            for row in opened.ledger.to_pylist()
        }
    assert ends == {
        "good": (None, None, None),
        "short": ("import", "corrupt", "no readable npy"),
        "text": ("fetch", "not-media", "text"),
        "page": ("fetch", "not-media", "html"),
        "layout": ("import", "unsupported-format", "an array of 10 x 133 x 2, hands-42 wanted"),
    }
    assert verify(result.build).ok


def test_progress_tells_the_import_and_no_video(stacked: Path, tmp_path: Path) -> None:
    seen = []
    request = IngestRequest(
        "keypoints",
        out=tmp_path / "build",
        store=str(tmp_path / "store"),
        media=stacked,
        settings=tuple(f"dataset.{key}={value}" for key, value in STACKED.items()),
        jobs=1,
    )
    ingest(request, progress=seen.append)
    stages = seen[-1].stages
    assert list(stages) == ["fetch", "import", "quality"]
    assert [(stage.done, stage.rejected) for stage in stages.values()] == [
        (12, 0),
        (12, 0),
        (11, 1),
    ]
    seen.clear()
    ingest(request, progress=seen.append)
    assert seen[-1].stages["import"].done == 12
    manifest = json.loads((tmp_path / "build" / "manifest.json").read_bytes())
    assert manifest["poses"][IMPORTED]["layout"] == "hands-42"
    assert manifest["poses"][IMPORTED]["options"] == {"fps": 30.0}
    assert manifest["stages"]["import"] == importing.VERSION


def test_the_real_takes_of_one_signer(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "keypoints" / "fosshack_21x30.npz"
    if not source.is_file():
        pytest.skip("no real keypoints")
    result = build(tmp_path, "fosshack", {"media": source})
    # Two takes are zeros throughout: nobody was found in them.
    assert result.counts == {"written": 628, "excluded": 2}
    assert verify(result.build).ok
    with np.load(source, allow_pickle=False) as arrays, open_build(result.build) as opened:
        clips, words = arrays["X"], arrays["y"]
        assert opened.splits == {"train": 418, "val": 105, "test": 105}
        assert len(opened.labels) == 21
        for sample in opened:
            number = int(sample.source_id.rpartition("/")[2])
            assert sample.label == words[number]
            expected = clips[number].reshape(30, 42, 3)
            found = expected.any(axis=-1)
            keypoints = opened.keypoints(sample)
            np.testing.assert_array_equal(keypoints[..., 3], found)
            np.testing.assert_array_equal(keypoints[found][:, :3], expected[found])

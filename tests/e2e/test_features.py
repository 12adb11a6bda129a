"""Features of frozen networks: added to a finished build, checked, and learned from."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forge import change_member
from process import tree
from tiny_build import reseal
from tiny_run import TinyRun, make_clip, make_pipeline, make_setup, plan_of, write_videos
from trouble_server import TroubleServer

from sign_etl.app.prepare import feature_setup
from sign_etl.core.errors import DiskError
from sign_etl.core.store import Blob
from sign_etl.export.base import Selection
from sign_etl.export.rights import Rights
from sign_etl.export.shards import write_shards
from sign_etl.reader import open_build
from sign_etl.reader.features import features
from sign_etl.run.revoke import revoke
from sign_etl.run.rows import Row, StageWorker, row_from_text
from sign_etl.run.rulings import Rulings, Tombstones
from sign_etl.schema.clip import Source
from sign_etl.schema.outcome import Reason, StageName
from sign_etl.shard.tar import member_names
from sign_etl.shard.verify import verify
from sign_etl.stages.features import FeatureStage
from sign_etl.stages.fetch import FetchStage
from sign_etl.stages.item import Item, from_json, passed, to_json
from sign_etl.stages.normalise import NormaliseStage
from sign_etl.stages.setup import Setup

pytestmark = pytest.mark.timeout(600)

PIXELS = {"pixels": {"side": 4, "stride": 2}}


def actions(store: Path) -> dict[str, int]:
    """When the store's entries were written, by path."""
    root = store / "actions"
    return {str(path.relative_to(root)): path.stat().st_mtime_ns for path in root.rglob("*.json")}


def with_features(run: TinyRun, features: dict[str, Any], **settings: Any) -> TinyRun:
    """The same clips, build and store, with features."""
    pipeline = make_pipeline(features=features, **settings)
    sets = tuple(feature_setup(name, raw, weights=True) for name, raw in features.items())
    setup = replace(
        run.setup, pipeline=pipeline.model_dump(mode="json", by_alias=True), features=sets
    )
    return TinyRun(run.plan, setup, run.build)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """A finished build of three clips, without features."""
    folder = tmp_path_factory.mktemp("features")
    media = write_videos(folder / "media", ["a.mp4", "b.mp4", "c.mp4"], frames=8)
    pipeline = make_pipeline()
    facts = {"a": ("yes", "train"), "b": ("no", "train"), "c": ("yes", "val")}
    clips = [make_clip(name, label=label, split=split) for name, (label, split) in facts.items()]
    setup = make_setup(folder, pipeline, media=media)
    run = TinyRun(plan_of(clips, pipeline), setup, folder / "build")
    run.run()
    run.publish()
    return run


@pytest.fixture(scope="module")
def made(plain: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """The same with features."""
    added = with_features(plain.copy(tmp_path_factory.mktemp("made") / "copy"), PIXELS)
    added.run()
    added.publish()
    return added


@pytest.fixture
def run(plain: TinyRun, tmp_path: Path) -> TinyRun:
    """A copy of it."""
    return plain.copy(tmp_path / "copy")


def test_a_build_without_features_says_nothing_of_them(plain: TinyRun) -> None:
    manifest = json.loads((plain.build / "manifest.json").read_bytes())
    head = json.loads((plain.build / "build.lock").read_text(encoding="utf-8").splitlines()[0])
    with open_build(plain.build) as build:
        records = [build.record(sample) for sample in build]
    for value in (manifest, manifest["pipeline"], head, *records):
        assert "features" not in value
    assert b"features" not in (plain.build / ".sign-etl" / "journal.jsonl").read_bytes()


def test_they_are_added_to_a_finished_build_and_nothing_else_is_made(run: TinyRun) -> None:
    before = actions(run.store.root)
    added = with_features(run, PIXELS)
    added.run()
    manifest = added.publish()
    after = actions(run.store.root)
    assert {path: after[path] for path in before} == before
    new = sorted(after.keys() - before.keys())
    assert {path.split("/")[0] for path in new} == {"features-pixels"}
    assert len(new) == 3
    result = verify(run.build)
    assert result.problems == ()
    assert manifest.features["pixels"].size == 16
    assert manifest.stages["features:pixels"] == "1"
    with open_build(run.build) as build:
        for sample in build:
            assert sample.features == ("pixels",)
            assert sample.backends == ()
            array = features(build, sample, "pixels")
            told = build.record(sample)["features"]["pixels"]
            assert (list(array.shape), array.dtype.name) == (told["shape"], told["dtype"])
            assert array.shape == (-(-sample.frames // 2), 16)
            assert told["provider"] == "cpu"
    # The same once more: nothing is left to do, and no byte moves.
    files = tree(run.build)
    again = with_features(run, PIXELS)
    again.run()
    again.publish()
    assert tree(run.build) == files
    assert actions(run.store.root) == after
    # Without them it is the old build again.
    run.run()
    run.publish()
    with open_build(run.build) as build:
        assert all(sample.features == () for sample in build)


DAMAGES: dict[str, tuple[Any, str]] = {
    "shape": (lambda array: array[:, :3], "pixels.feat.npy has shape"),
    "dtype": (lambda array: array.astype(np.float32), "pixels.feat.npy is float32, the record"),
    "infinite": (lambda array: array + np.float16(np.inf), "has numbers that are not finite"),
}


def test_sources_that_were_released_are_not_fetched_again(plain: TinyRun, tmp_path: Path) -> None:
    quick = {"rate_per_s": 1000, "burst": 1000, "allow_private_hosts": ("127.0.0.1",)}
    pipeline = make_pipeline(fetch=quick)
    assert plain.setup.media is not None
    with TroubleServer(Path(plain.setup.media)) as server:
        clip = make_clip("a", media=Source("a", server.url("ok/a.mp4")))
        setup = make_setup(tmp_path, pipeline)
        run = TinyRun(plan_of([clip], pipeline), setup, tmp_path / "build")
        run.run()
        asked = len(server.requests("/ok/a.mp4"))
        assert asked
        with_features(run, PIXELS, fetch=quick).run()
        assert len(server.requests("/ok/a.mp4")) == asked
    [result] = run.journal.latest().values()
    assert result.reject is None
    assert set(result.features) == {"pixels"}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_verify_sees_what_is_wrong_with_them(made: TinyRun, tmp_path: Path, damage: str) -> None:
    change, told = DAMAGES[damage]

    def forged(data: bytes) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, change(np.load(io.BytesIO(data))), allow_pickle=False)
        return buffer.getvalue()

    build = tmp_path / "build"
    shutil.copytree(made.build, build)
    with open_build(build) as opened:
        key = next(iter(opened)).key
    change_member(build, key, "pixels.feat.npy", forged)
    reseal(build)
    [problem] = verify(build).problems
    assert told in problem


def test_an_export_without_videos_leaves_them_out_too(made: TinyRun, tmp_path: Path) -> None:
    rights = Rights("none stated", video=False, why="nobody knows")
    with open_build(made.build) as build:
        splits = tuple(dict.fromkeys(sample.split for sample in build))
        selection = Selection(build, splits, None, None, video=False, rights=rights)
        shards = list(write_shards(selection, tmp_path))
        whole = list(write_shards(replace(selection, video=True), tmp_path / "whole"))
    names = [name for shard in shards for name in member_names(tmp_path / shard.path)]
    assert [name.partition(".")[2] for name in names] == ["json"] * 3
    names = [name for shard in whole for name in member_names(tmp_path / "whole" / shard.path)]
    assert [name.partition(".")[2] for name in names] == ["json", "mp4", "pixels.feat.npy"] * 3


def test_what_is_revoked_takes_its_features_along(made: TinyRun, tmp_path: Path) -> None:
    run = made.copy(tmp_path / "copy")
    results = run.journal.latest()
    gone, *kept = (row["key"] for row in run.plan.table.select(["key"]).to_pylist())
    blobs = {key: results[key].facts["features"]["pixels"] for key in (gone, *kept)}
    revoke(run.plan, run.setup, run.build, run.journal, keys=[gone])
    run.publish()
    files = tree(run.build)
    assert verify(run.build).problems == ()
    assert not run.store.path(Blob(blobs[gone], 0)).exists()
    assert all(run.store.path(Blob(blobs[key], 0)).exists() for key in kept)
    # What was cut out of the shard is what would have been packed without it.
    run.run(rulings=Rulings(Tombstones.load(run.build)))
    run.publish()
    assert tree(run.build) == files


def items(run: TinyRun) -> list[Item]:
    """The clips of a finished run, as they were before the features."""
    fetch, normalise = FetchStage(run.setup), NormaliseStage(run.setup)
    clips = run.plan.clips(0, len(run.plan))
    found = [normalise.look(Item(clip, fetch.look(clip.source))) for clip in clips]
    assert None not in found
    return [item for item in found if item is not None]


def test_whoever_computes_them_the_bytes_are_the_same(run: TinyRun, tmp_path: Path) -> None:
    """In a batch, one by one, in the workers of a cluster: rows travel as text."""
    added = with_features(run, PIXELS)
    todo = items(run)
    made: list[dict[str, str]] = []
    for number in range(3):
        own = replace(added.setup, store=f"{tmp_path}/store-{number}")
        shutil.copytree(run.setup.store, own.store)
        made.append({item.clip.key: digest for item, digest in computed(own, todo, number)})
    assert made[0] == made[1] == made[2]
    assert len(set(made[0].values())) == 3


def computed(setup: Setup, todo: list[Item], way: int) -> Iterator[tuple[Item, str]]:
    if way == 2:
        worker = StageWorker(asdict(setup), ("features:pixels",))
        texts = worker.advance([Row(item).to_text() for item in todo])
        rows = [row_from_text(text) for text in texts]
        found = [row.item for row in rows if isinstance(row, Row)]
        for own in worker._stages:
            own.close()
    else:
        stage = FeatureStage(setup, setup.features[0])
        found = stage.run_many(todo) if way else [stage.run(item) for item in todo[::-1]]
        stage.close()
    for item in found:
        assert item.reject is None, item.note
        assert passed(item)[-1] == "features:pixels"
        assert from_json(json.loads(json.dumps(to_json(item)))) == item
        yield item, item.features["pixels"].blobs["features"].sha256


def test_a_clip_that_cannot_be_looked_at_is_a_reject(run: TinyRun) -> None:
    added = with_features(run, PIXELS)
    good, bad = items(run)[:2]
    assert bad.video is not None
    facts = {**bad.video.facts, "video": {**bad.video.facts["video"], "frames": 99}}
    bad = replace(bad, video=replace(bad.video, facts=facts))
    stage = FeatureStage(added.setup, added.setup.features[0])
    one, other = stage.run_many([good, bad])
    stage.close()
    assert one.reject is None
    assert other.reject is not None
    assert (other.reject.stage, other.reject.reason) == (StageName.FEATURES, Reason.CRASHED)
    assert other.reject.detail == "pixels: ValueError"
    assert stage.look(bad) is None, "a crash is not remembered as a fact"


def test_no_clip_is_blamed_for_what_somebody_deletes(run: TinyRun) -> None:
    added = with_features(run, PIXELS)
    one, other = items(run)[:2]
    assert one.video is not None
    run.store.drop(one.video.blobs["video"])
    stage = FeatureStage(added.setup, added.setup.features[0])
    for batch in ([one], [other, one]):
        with pytest.raises(DiskError, match="deleted meanwhile"):
            stage.run_many(batch)
    assert stage.run(other).reject is None
    stage.close()


def test_signvlm_learns_from_them(plain: TinyRun, tmp_path: Path) -> None:
    for library in ("accelerate", "transformers"):
        pytest.importorskip(library)
    import yaml
    from tiny_clip import write_tiny_clip

    from sign_etl.core.content import load_program
    from sign_etl.tasks.setup import load_recipe

    clip = str(write_tiny_clip(tmp_path / "clip", ["a"]))
    run = with_features(
        plain.copy(tmp_path / "copy"),
        {"tower": {"backend": "clip", "model": clip, "tokens": "cls", "layers": 2}},
    )
    run.run()
    manifest = run.publish()
    assert verify(run.build).problems == ()
    told = manifest.features["tower"]
    assert (told.backend, told.size, told.options["model"]) == ("clip", 2 * 32, "clip")
    assert sorted(told.weights) == ["config.json", "model.safetensors"]
    # A folder of another name with the same files is the same network.
    moved = with_features(
        run,
        {
            "tower": {
                "backend": "clip",
                "model": str(shutil.copytree(clip, tmp_path / "moved")),
                "tokens": "cls",
                "layers": 2,
            }
        },
    )
    stage = FeatureStage(moved.setup, moved.setup.features[0])
    assert all(stage.look(item) is not None for item in items(plain.copy(tmp_path / "third")))
    recipe = tmp_path / "tiny.yaml"
    values = {
        "schema": "sign-etl/training/1",
        "name": "tiny",
        "task": {"name": "islr"},
        "model": {"name": "signvlm", "clip": clip, "input": "cls", "layers": 2, "frames": 4},
        "data": {
            "view": {
                "name": "feat",
                "features": "tower",
                "sampler": {"name": "uniform", "frames": 4, "stride": 2},
            },
        },
        "epochs": 1,
        "log_steps": 1,
        "trackers": [],
    }
    recipe.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    train, evaluate = load_program("train"), load_program("evaluate")
    train.train(load_recipe(recipe), [str(run.build)], tmp_path / "run")
    assert evaluate.evaluate(tmp_path / "run", [str(run.build)], "val")["top1"] in (0.0, 1.0)

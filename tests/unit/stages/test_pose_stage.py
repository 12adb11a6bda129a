"""`pose` and `quality` as stages, on two clips of the demo with the renderer's own joints."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from poison import DEADLY, ENDLESS
from tiny_run import make_pipeline, make_setup, truth_setup

from sign_etl.core.errors import DiskError
from sign_etl.core.store import Store
from sign_etl.pose.base import PoseInput
from sign_etl.recipes.base import RECIPES
from sign_etl.recipes.demo import true_keypoints
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason, StageName
from sign_etl.stages.fetch import FetchStage
from sign_etl.stages.item import Item, SourceRef, through
from sign_etl.stages.normalise import NormaliseStage
from sign_etl.stages.pose import PoseStage, prior
from sign_etl.stages.quality import QualityStage
from sign_etl.stages.setup import Setup, clip_stages, versions

PIPELINE = {"pose": {"truth": {}}, "normalise": {"short_side": 64}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def setup(folder: Path) -> Setup:
    pipeline = make_pipeline(**PIPELINE)
    media = folder / "index" / "media"
    return make_setup(folder, pipeline, media=media, poses=(truth_setup(),), recipe="demo")


@pytest.fixture(scope="module")
def items(folder: Path, setup: Setup) -> list[Item]:
    """One signer in two motions, normalised."""
    recipe = RECIPES.get("demo")
    options = recipe.options({"motions": ["circle", "wave"], "signers": 1, "broken": False})

    def no_network(*_: Any, **__: Any) -> None:
        raise AssertionError("the demo downloads nothing")

    recipe.fetch_index(folder / "index", options, no_network)
    fetch, normalise = FetchStage(setup), NormaliseStage(setup)
    made = []
    for clip in recipe.clips(folder / "index", options, "demo"):
        source = fetch.run(clip.source, threading.Event())
        assert isinstance(source, SourceRef)
        made.append(normalise.run(Item(clip, source)))
    normalise.close()
    fetch.close()
    return made


@pytest.fixture(scope="module")
def stage(setup: Setup) -> Iterator[PoseStage]:
    made = PoseStage(setup, setup.poses[0])
    yield made
    made.close()


def keypoints(setup: Setup, item: Item, name: str = "truth") -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.load(
        Store(setup.store).path(item.poses[name].blobs["keypoints"]), allow_pickle=False
    )
    return found


def test_keypoints_of_a_clip(stage: PoseStage, setup: Setup, items: list[Item]) -> None:
    for item in items:
        assert item.video is not None
        made = stage.run(item)
        assert made.reject is None, made.note
        assert stage.look(item) == made
        found = keypoints(setup, made)
        frames = item.video.facts["video"]["frames"]
        kind = layout("holistic-75")
        assert (found.shape, found.dtype) == ((frames, kind.size, kind.channels), np.float32)

        asked = PoseInput(Path("-"), frames, 64, 64, 25.0, item.clip.annotation_id, "demo")
        np.testing.assert_array_equal(found, true_keypoints(asked))
        # A signer who faces the camera has the left hand on the right of the picture.
        left, right = (
            np.nanmean(found[:, list(kind.parts[f"{side}_hand"]), 0]) for side in ("left", "right")
        )
        assert left > right


def test_equal_pictures_of_two_annotations_are_two_results(
    stage: PoseStage, items: list[Item]
) -> None:
    """`truth` asks who signs what, so the video alone does not decide."""
    first, second = items
    stage.run(first)
    swapped = replace(first, clip=second.clip)
    assert stage.look(swapped) != stage.look(first)


def test_what_decides_about_keypoints(setup: Setup, stage: PoseStage, items: list[Item]) -> None:
    stage.run(items[0])
    for change in (
        {"version": "2"},
        {"options": {"face": True}},
        {"weights": {"model.task": "ab" * 32}},
    ):
        other = PoseStage(setup, truth_setup(**change))
        assert other.look(items[0]) is None
    # Where the file of the model is called something else, it is the same model.
    one, two = (
        PoseStage(setup, truth_setup(weights={name: "cd" * 32})) for name in ("a.task", "b.task")
    )
    made = one.run(items[0])
    one.close()
    assert two.look(items[0]) == made


def test_bytes_that_are_lost_are_estimated_again(
    stage: PoseStage, setup: Setup, items: list[Item]
) -> None:
    made = stage.run(items[1])
    Store(setup.store).drop(made.poses["truth"].blobs["keypoints"])
    assert stage.look(items[1]) is None
    assert stage.run(items[1]) == made
    assert stage.look(items[1]) == made


def test_keypoints_that_somebody_deletes_stop_the_run(
    stage: PoseStage, setup: Setup, items: list[Item]
) -> None:
    """The store may be deleted at any time, also between two stages of a clip."""
    made = stage.run(items[1])
    Store(setup.store).drop(made.poses["truth"].blobs["keypoints"])
    with pytest.raises(DiskError, match="deleted meanwhile"):
        QualityStage(setup).run(made)


def test_a_clip_that_the_backend_cannot_take_is_a_reject(
    stage: PoseStage, setup: Setup, items: list[Item]
) -> None:
    unknown = replace(items[0], clip=replace(items[0].clip, annotation_id="nobody"))
    ended = stage.run(unknown)
    assert ended.reject is not None
    assert (ended.reject.stage, ended.reject.reason) == (StageName.POSE, Reason.CRASHED)
    assert ended.reject.detail == "truth: ValueError"
    assert "nobody" in ended.note  # for the log, not for the ledger
    assert stage.look(unknown) is None, "a crash is not remembered as a fact"
    # The child lives, or a new one does.
    assert stage.run(items[0]).reject is None


def named(item: Item, annotation_id: str) -> Item:
    return replace(item, clip=replace(item.clip, annotation_id=annotation_id))


def batching(setup: Setup, size: int) -> Setup:
    pipeline = make_pipeline(**PIPELINE, pools={"pose": {"batch": size}})
    return replace(setup, pipeline=pipeline.model_dump(mode="json", by_alias=True))


def test_a_batch_is_its_clips_one_by_one(setup: Setup, items: list[Item]) -> None:
    """Whatever the neighbours, with an own store for each way."""
    made = []
    for number, groups in enumerate(([items], [[item] for item in items], [items[::-1]])):
        own = replace(batching(setup, 2), store=f"{setup.store}-{number}")
        for item in items:
            assert item.video is not None
            blob = item.video.blobs["video"]
            target = Store(own.store).path(blob)
            target.parent.mkdir(parents=True)
            shutil.copy(Store(setup.store).path(blob), target)
        stage = PoseStage(own, own.poses[0])
        found = [one for group in groups for one in stage.run_many(group)]
        stage.close()
        made.append(sorted(found, key=lambda item: item.clip.key))
        shutil.rmtree(own.store)
    assert made[0] == made[1] == made[2]
    assert [item.reject for item in made[0]] == [None] * len(items)


def test_facts_of_the_estimator_are_kept_and_times_are_not(
    stage: PoseStage, items: list[Item]
) -> None:
    facts = stage.run(items[0]).poses["truth"].facts
    assert facts["estimator"] == {}
    assert "ms" not in facts


@pytest.mark.parametrize(
    ("kind", "reason", "detail"),
    [(DEADLY, Reason.CRASHED, "truth: SIGSEGV"), (ENDLESS, Reason.HUNG, "truth: over 120 s")],
    ids=["crash", "hang"],
)
def test_only_the_culprit_of_a_batch_is_rejected(
    setup: Setup,
    stage: PoseStage,
    items: list[Item],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    reason: Reason,
    detail: str,
) -> None:
    monkeypatch.setattr("sign_etl.stages.pose.TARGET", "poison:estimate")
    monkeypatch.setattr("sign_etl.stages.pose.BASE_S", 120.0)
    monkeypatch.setattr("sign_etl.stages.pose.PER_FRAME_S", 0.0)
    first, last = items
    batch = [first, named(first, kind), last]
    poisoned = PoseStage(batching(setup, 3), setup.poses[0])
    made = poisoned.run_many(batch)
    poisoned.close()
    assert [item.reject and item.reject.reason for item in made] == [None, reason, None]
    assert made[1].reject is not None
    assert made[1].reject.detail == detail
    assert [made[0], made[2]] == [stage.run(first), stage.run(last)]


def test_a_box_decides_only_for_backends_that_look_at_it(setup: Setup, items: list[Item]) -> None:
    boxed = replace(items[0], clip=replace(items[0].clip, bbox=(10.0, 0.0, 50.0, 64.0)))
    blind = PoseStage(setup, truth_setup())
    made = blind.run(items[0])
    seen = blind.look(boxed)
    blind.close()
    assert seen is not None
    assert seen.poses == made.poses
    stage = PoseStage(setup, truth_setup(uses_bbox=True))
    # Without a box, asking for one changes nothing that is cached.
    assert stage.look(items[0]) == made
    assert stage.look(boxed) is None
    assert stage.run(boxed).poses["truth"] != made.poses["truth"]
    assert stage.look(replace(boxed, clip=replace(boxed.clip, bbox=(11, 0, 50, 64)))) is None
    stage.close()


@pytest.mark.parametrize(
    ("bbox", "crop", "shares"),
    [
        ((64, 48, 320, 480), (0, 0, 640, 480), [0.1, 0.1, 0.5, 1.0]),
        ((100, 100, 300, 300), (100, 50, 300, 450), [0.0, 0.125, 1.0, 0.625]),
        ((-20, -20, 700, 500), (0, 0, 640, 480), [0.0, 0.0, 1.0, 1.0]),
        ((700, 0, 800, 100), (0, 0, 640, 480), None),
        ((300, 0, 300, 100), (0, 0, 640, 480), None),
        ((float("nan"), 0, 300, 100), (0, 0, 640, 480), None),
    ],
    ids=["scaled", "cropped", "clamped", "outside", "empty", "broken"],
)
def test_a_box_in_the_normalised_picture(
    bbox: tuple[float, ...], crop: tuple[int, ...], shares: list[float] | None
) -> None:
    assert prior(bbox, crop) == shares


def test_what_the_estimator_says_about_people_is_measured(setup: Setup, items: list[Item]) -> None:
    pose = PoseStage(setup, setup.poses[0])
    made = pose.run(items[0])
    pose.close()
    entry = made.poses["truth"]
    told = {"persons": 2, "ambiguous": 0.9, "provider": "x"}
    facts = {**entry.facts, "estimator": told}
    crowded = replace(made, poses={"truth": replace(entry, facts=facts, fingerprint="ab" * 32)})
    for policy, reason in (("flag", None), ("reject", Reason.AMBIGUOUS_PERSON)):
        pipeline = make_pipeline(**PIPELINE, quality={"ambiguous_person": policy})
        choices = pipeline.model_dump(mode="json", by_alias=True)
        judged = QualityStage(replace(setup, pipeline=choices)).run(crowded)
        assert judged.quality is not None
        measures = judged.quality.facts["measures"]
        assert (measures["persons"], measures["ambiguous"]) == (2.0, 0.9)
        assert "provider" not in measures
        assert (judged.reject.reason if judged.reject else None) is reason
    alone = QualityStage(setup).run(made)
    assert alone.quality is not None
    assert not {"persons", "ambiguous"} & alone.quality.facts["measures"].keys()


def test_a_whole_way_and_its_measures(setup: Setup, items: list[Item]) -> None:
    stages = clip_stages(setup)
    assert [one.name for one in stages] == ["normalise", "pose:truth", "quality"]
    assert list(versions(setup)) == ["fetch", "normalise", "pose:truth", "quality", "pack"]
    bare = Item(items[0].clip, items[0].source)
    made = through(stages, bare)
    assert made is not None
    assert made.reject is None
    assert made.quality is not None
    measures = made.quality.facts["measures"]
    assert measures["body"] == measures["hands"] == 1.0
    assert measures["cut_off"] == 0.0
    assert 0 < measures["jitter"] < 0.1
    assert measures["luma"] > 30
    assert all(value == round(value, 6) for value in measures.values())
    assert through(stages, bare, work=False) == made
    for one in stages:
        one.close()


def test_thresholds_judge_anew_what_is_measured_once(
    setup: Setup, stage: PoseStage, items: list[Item], tmp_path: Path
) -> None:
    posed = stage.run(items[0])
    QualityStage(setup).run(posed)
    strict = make_pipeline(**PIPELINE, quality={"max_jitter": 0.0001})
    judged = QualityStage(replace(setup, pipeline=strict.model_dump(mode="json", by_alias=True)))
    ended = judged.look(posed)
    assert ended is not None, "measured again"
    assert ended.reject is not None
    assert ended.reject.reason is Reason.UNSTEADY
    lax = QualityStage(setup).look(posed)
    assert lax is not None
    assert lax.reject is None
    assert lax.quality == ended.quality


def test_without_a_backend_the_picture_alone_is_measured(setup: Setup, items: list[Item]) -> None:
    bare = replace(setup, pipeline=make_pipeline().model_dump(mode="json", by_alias=True), poses=())
    made = QualityStage(bare).run(items[0])
    assert made.quality is not None
    assert set(made.quality.facts["measures"]) == {"luma", "frozen_share"}

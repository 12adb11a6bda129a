"""The views `crop` and `feat`: two members of a sample, and features of an earlier stage."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_build import write_pose_build
from tiny_build import FRAMES, encode, write_tiny_build

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import VIEWS, SampleError, SampleFacts, SampleRng
from sign_etl.stream.crop_view import CropView, cut_square
from sign_etl.stream.feat_view import FeatView
from sign_etl.stream.index import Index, open_index
from sign_etl.stream.loader import Stream
from sign_etl.stream.plan import Batching

ROWS = {"pose": {"layout": "hands-42"}, "size": 16, "share": 0.5}


def rng(visit: int = 0) -> SampleRng:
    return SampleRng(0, visit, "a", "crop")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return open_index([write_tiny_build(tmp_path_factory.mktemp("b") / "build", clips=4)])


def view(use: Any = "train", **options: Any) -> CropView:
    return CropView.for_recipe({**ROWS, **options}, augment=[], noise=0, use=use)


def test_batches_hold_all_arrays(index: Index) -> None:
    made = pickle.loads(pickle.dumps(view()))
    stream = Stream(index, {"crop": made}, Batching(samples=4, micro_batches=1))
    with stream.loader() as loader:
        [batch] = [batch for step in loader.epoch(0) for batch in step]
    shapes = {name: tuple(each.shape) for name, each in batch.views.items()}
    crops = shapes["crop"][1]
    assert FRAMES // 2 <= crops <= FRAMES
    assert shapes == {
        "pose": (4, FRAMES, 42, 4),
        "crop": (4, crops, 2, 16, 16, 3),
        "crop_joints": (4, crops, 2, 21, 3),
        "crop_place": (4, crops),
    }
    assert set(batch.masks) == set(shapes)
    assert batch.views["crop"].any()
    joints = batch.views["crop_joints"]
    assert joints[..., :2].min() >= 0
    assert joints[..., :2].max() <= 1
    places = batch.views["crop_place"][batch.masks["crop"]]
    assert (places == places.round()).all()
    assert places.max() < FRAMES


def test_the_placeholder_has_the_shapes_of_a_sample(index: Index) -> None:
    made = view()
    empty = made.placeholder(index)
    stream = Stream(index, {"crop": made}, Batching(samples=4, micro_batches=1))
    with stream.loader() as loader:
        [batch] = [batch for step in loader.epoch(0) for batch in step]
    assert {n: each.shape[1:] for n, each in empty.items()} == {
        n: tuple(each.shape[2:]) for n, each in batch.views.items()
    }


def keypoint_bytes(hands: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, hands.astype(np.float32))
    return buffer.getvalue()


def test_a_crop_shows_the_hand_and_says_where_its_joints_are(index: Index) -> None:
    """A bright square where the left hand is; the right hand was never found."""
    width, height = 160, 120
    pictures = []
    for number in range(6):
        picture = np.zeros((height, width, 3), np.uint8)
        picture[40:60, 20 + 8 * number : 40 + 8 * number] = 255
        pictures.append(picture)
    keypoints = np.zeros((6, 75, 4), np.float32)
    keypoints[..., :3] = np.nan
    corners = np.linspace(0, 1, 21)
    for number in range(6):
        keypoints[number, 33:54, 0] = (20 + 8 * number + 20 * corners) / width
        keypoints[number, 33:54, 1] = (40 + 20 * corners) / height
        keypoints[number, 33:54, 2:] = (0, 0.9)
    made = view("evaluate", share=1.0)
    made.members(index)
    facts = SampleFacts(0, "a", 0, 6, 25.0, width, height)
    found = made.read((encode(pictures), keypoint_bytes(keypoints)), facts, rng())
    assert found["crop_place"].tolist() == [0, 1, 2, 3, 4, 5]
    assert not found["crop"][:, 1].any()
    assert not found["crop_joints"][:, 1].any()
    # 20 pixels times 1.2, in a crop of 16: the square fills it from 1/12 to 11/12.
    joints = found["crop_joints"][:, 0]
    np.testing.assert_allclose(joints[:, 0, :2], 1 / 12, atol=0.03)
    np.testing.assert_allclose(joints[:, -1, :2], 11 / 12, atol=0.03)
    assert found["crop"][:, 0, 4:12, 4:12].min() > 200
    assert found["pose"].shape == (6, 42, 4)
    with pytest.raises(SampleError) as caught:
        made.read((encode(pictures[:5]), keypoint_bytes(keypoints)), facts, rng())
    assert caught.value.error == "schema"


def test_a_square_may_leave_the_picture() -> None:
    picture = np.full((10, 10, 3), 255, np.uint8)
    cut = cut_square(picture, np.array([-5.0, -5.0]), 10, 10)
    assert (cut[6:, 6:] == 255).all()
    assert not cut[:4].any()
    assert not cut_square(picture, np.array([50.0, 50.0]), 10, 10).any()


def test_frames_must_stay_with_their_pictures() -> None:
    for step in ({"name": "speed"}, {"name": "mirror"}):
        with pytest.raises(ConfigError, match="parts keypoints from their pictures"):
            view(pose={"layout": "hands-42", "transforms": [step]})
    with pytest.raises(ConfigError, match="share"):
        view(share=0)


def test_a_sampler_moves_both(index: Index) -> None:
    made = view(sampler={"name": "random-subset", "frames": 5})
    assert made.lengths(index).tolist() == [5] * len(index)
    stream = Stream(index, {"crop": made}, Batching(samples=4, micro_batches=1))
    with stream.loader() as loader:
        [batch] = [batch for step in loader.epoch(0) for batch in step]
    assert batch.views["pose"].shape[1] == 5
    assert batch.views["crop_place"].max() < 5


def features(folder: Path) -> Index:
    """A build whose arrays stand in for features: (T, D) float16 under another name."""
    opened = open_index([write_pose_build(folder / "p", [6, 9])])
    [name] = [name for name in opened.members if name.endswith(".npy")]
    return replace(opened, members={"clip-b16.npy": opened.members[name]})


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_features_are_read_as_they_are(tmp_path: Path) -> None:
    opened = features(tmp_path)
    maker: Any = VIEWS.get("feat")
    made = maker.for_recipe({"features": "clip-b16"}, augment=[], noise=0, use="train")
    assert made.members(opened) == ("clip-b16.npy",)
    assert made.lengths(opened).tolist() == [6, 9]
    wanted = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float16)
    facts = SampleFacts(0, "a", 0, 6, 25.0, 0, 0)
    assert np.array_equal(made.read(saved(wanted), facts, rng()), wanted)
    rule = {"name": "linspace", "frames": 3}
    some = maker.for_recipe(
        {"features": "clip-b16", "sampler": rule}, augment=[], noise=0, use="select"
    )
    assert np.array_equal(some.read(saved(wanted), facts, rng()), wanted[[0, 2, 5]])
    assert some.policy() == {"view": "feat", "features": "clip-b16", "sampler": rule}


def test_what_are_no_features(tmp_path: Path) -> None:
    opened, made = features(tmp_path), FeatView("clip-b16")
    facts = SampleFacts(0, "a", 0, 6, 25.0, 0, 0)
    for data, trouble in (
        (b"x", "decode"),
        (saved(np.zeros((6, 2, 2), np.float16)), "schema"),
        (saved(np.zeros((7, 2), np.float16)), "schema"),
        (saved(np.zeros((6, 2), np.int32)), "schema"),
    ):
        with pytest.raises(SampleError) as caught:
            made.read(data, facts, rng())
        assert caught.value.error == trouble
    with pytest.raises(ConfigError, match="no features `clip-b61`") as told:
        FeatView("clip-b61").members(opened)
    assert "clip-b16" in (told.value.hint or "")
    with pytest.raises(ConfigError, match="cannot be augmented"):
        FeatView.for_recipe({"features": "x"}, augment=[{"name": "flip"}], noise=0, use="train")

"""The signer cut out: one square a clip, by hand, over the edge, and without any keypoints."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_build import FRAMES, HEIGHT, WIDTH, write_tiny_build

from sign_etl.core.errors import ConfigError
from sign_etl.stream.base import SampleError, SampleFacts
from sign_etl.stream.clip_view import ClipView
from sign_etl.stream.dataset import SampleDataset
from sign_etl.stream.index import Index, open_index
from sign_etl.stream.signer_crop import SignerCrop, Square, cut, square_about


def keypoints(*points: tuple[float, float, float]) -> Any:
    """One frame each: (T, 1, 3)."""
    return np.array(points, np.float16)[:, None]


NAN = float("nan")
SEEN = (
    # 0.25 to 0.75 of 200, 0.25 to 0.5 of 100: 100 x 25 about (100, 37.5), and 10 more on each side.
    ([(0.25, 0.25, 0.9), (0.75, 0.5, 0.5)], 0.1, Square(40, -22, 120)),
    # Not sure, outside, not estimated: these do not count.
    ([(0.25, 0.25, 0.9), (0.75, 0.5, 0.5), (0.9, 0.9, 0.2)], 0.0, Square(50, -12, 100)),
    ([(0.25, 0.25, 0.9), (0.75, 0.5, 0.5), (0.5, 1.5, 0.9)], 0.0, Square(50, -12, 100)),
    ([(0.25, 0.25, 0.9), (0.75, 0.5, 0.5), (NAN, NAN, 0.0)], 0.0, Square(50, -12, 100)),
    # Nothing at all: the whole picture, 200 x 100, about its middle.
    ([(NAN, NAN, 0.0), (NAN, 0.5, 0.9)], 0.5, Square(0, -50, 200)),
    # A single point: the smallest square about (100, 50).
    ([(0.5, 0.5, 1.0)], 0.5, Square(92, 42, 16)),
)


@pytest.mark.parametrize(("points", "margin", "wanted"), SEEN, ids=range(len(SEEN)))
def test_the_square_holds_what_was_seen(points: Any, margin: float, wanted: Square) -> None:
    given = keypoints(*points)
    found = square_about(given, 200, 100, margin=margin, score=0.3)
    assert found == wanted
    # The order of frames is of no account, and so the picture cannot shake.
    assert square_about(given[::-1], 200, 100, margin=margin, score=0.3) == wanted


def test_beyond_the_edges_it_is_black() -> None:
    picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) + 1
    found = cut(picture, Square(4, -1, 4))
    assert found.shape == (4, 4, 3)
    assert not found[0].any()
    assert not found[:, 2:].any()
    assert np.array_equal(found[1:, :2], picture[:3, 4:])
    assert not cut(picture, Square(50, 50, 3)).any()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return open_index([write_tiny_build(tmp_path_factory.mktemp("signer") / "b", clips=2)])


def view(use: Any = "evaluate", **options: Any) -> ClipView:
    rule = {"name": "circle", "frames": 3, "stride": 2}
    return ClipView.for_recipe(
        {"sampler": rule, "size": 32, **options}, augment=[], noise=0, use=use
    )


@pytest.mark.parametrize("resize", ["short-side", "letterbox", "stretch"])
def test_the_model_sees_the_signer(index: Index, resize: str) -> None:
    """Of a square source all policies make the same: the square, as it is."""
    plain = SampleDataset(index, {"clip": view(resize="stretch")})[0]["clip"]
    found = SampleDataset(index, {"clip": view(resize=resize, signer={"margin": 0.0})})[0]["clip"]
    assert found.shape == plain.shape == (3, 32, 32, 3)
    same = view(resize="stretch", signer={"margin": 0.0})
    assert np.array_equal(found, SampleDataset(index, {"clip": same})[0]["clip"])
    # Eyes at 0.19 and hips at 0.88 of 120, which are most of the height: more than the plain
    # picture stretched, of which the blue is 96 everywhere.
    assert not np.array_equal(found, plain)
    assert (found[..., 2] > 60).mean() > 0.9
    assert view(resize=resize, signer=True).policy()["signer"] == {
        "backend": None,
        "margin": 0.15,
        "score": 0.3,
    }
    assert view(resize=resize).policy()["signer"] is None


def test_training_and_evaluation_have_the_same_square(index: Index) -> None:
    asked = view(signer=True)
    assert asked.members(index) == (("mp4", "blazepose.npy"),)
    pickle.loads(pickle.dumps(asked))
    # 12 frames of which 3 are taken in steps of 2: a window in the middle, or a drawn one.
    several = view(signer=True, views=2, crops=3)
    several.members(index)
    assert SampleDataset(index, {"clip": several})[0]["clip"].shape == (18, 32, 32, 3)
    assert SampleDataset(index, {"clip": view("train", signer=True)})[0]["clip"].shape[0] == 3


def test_what_cannot_be(index: Index) -> None:
    with pytest.raises(ConfigError, match="no keypoints of `rtmpose`"):
        view(signer={"backend": "rtmpose"}).members(index)
    with pytest.raises(ConfigError, match="`margin` is from 0 to 2"):
        SignerCrop(margin=-1)
    with pytest.raises(ConfigError, match="`signer` of the view"):
        view(signer={"boxes": 1})
    crop = SignerCrop()
    crop.members(index)
    facts = SampleFacts(0, "k", 0, FRAMES, 25.0, WIDTH, HEIGHT)
    for array in (np.zeros((FRAMES, 75, 3), np.float16), np.zeros((FRAMES + 1, 75, 4), np.float16)):
        file = io.BytesIO()
        np.save(file, array)
        with pytest.raises(SampleError, match="schema"):
            crop.square(file.getvalue(), facts, WIDTH, HEIGHT)
    with pytest.raises(SampleError, match="decode"):
        crop.square(b"no", facts, WIDTH, HEIGHT)


def test_a_build_without_keypoints_is_refused(tmp_path: Path) -> None:
    bare = open_index([write_tiny_build(tmp_path / "b", clips=2, backends=())])
    with pytest.raises(ConfigError, match="no keypoints to cut the signer out by"):
        view(signer=True).members(bare)

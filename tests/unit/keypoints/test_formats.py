"""Formats of keypoints: what the files in circulation do comes out in one convention."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keypoint_files import read, refused

from sign_etl.keypoints.base import FORMATS, Refused, standard
from sign_etl.recipes.fixture_keypoints import waving
from sign_etl.schema.keypoint_set import FORMAT_LAYOUTS
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason


def test_every_format_is_announced_with_its_layout() -> None:
    assert set(FORMAT_LAYOUTS) == set(FORMATS.names())
    for name, kind in FORMAT_LAYOUTS.items():
        assert FORMATS.get(name).name == name
        assert FORMATS.get(name).title
        assert kind is None or layout(kind)


class TestStandard:
    KIND = layout("hands-42")

    def test_points_without_place_are_nan_with_score_0(self) -> None:
        places = waving(3, 42, seed=0)
        places[1, 5] = np.nan
        places[2, 6, 1] = np.inf
        keypoints, flags = standard(places, None, self.KIND)
        assert keypoints.shape == (3, 42, 4)
        assert flags == {"no-depth"}
        missing = np.isnan(keypoints[..., 0])
        assert missing.sum() == 2
        assert np.isnan(keypoints[missing][:, :3]).all()
        np.testing.assert_array_equal(keypoints[..., 3], ~missing)

    def test_scores(self) -> None:
        places = np.concatenate([waving(1, 42, seed=0), np.zeros((1, 42, 1))], axis=-1)
        score = np.full((1, 42), 0.5)
        score[0, :5] = (0, -1, np.nan, 1.08, 1)
        keypoints, flags = standard(places, score, self.KIND)
        assert flags == {"score-clipped"}
        np.testing.assert_array_equal(keypoints[0, :6, 3], np.float32([0, 0, 0, 1, 1, 0.5]))
        assert np.isnan(keypoints[0, :3, :3]).all()

    def test_depth_is_dropped_where_the_layout_has_none(self) -> None:
        places = np.ones((2, 54, 3))
        keypoints, flags = standard(places, None, layout("spoter-54"))
        assert keypoints.shape == (2, 54, 3)
        assert not flags

    def test_another_number_of_points_is_refused(self) -> None:
        with pytest.raises(Refused, match="21x2, hands-42 wanted"):
            standard(np.ones((2, 21, 2)), None, self.KIND)


class TestArrays:
    def test_a_part_of_a_stack(self, tmp_path: Path) -> None:
        stack = np.stack([waving(5, 42, seed=seed) for seed in range(3)])
        np.savez_compressed(tmp_path / "all.npz", X=stack.reshape(3, 5, 84), y=["a", "b", "c"])
        np.save(tmp_path / "all.npy", stack)
        for name, part in (("npz", "X/1"), ("npy", "1")):
            found = read(name, tmp_path / f"all.{name}", part, layout="hands-42")
            np.testing.assert_array_equal(found.keypoints[..., :2], stack[1])

    def test_a_whole_file_with_scores_in_pixels(self, tmp_path: Path) -> None:
        places = np.concatenate([waving(4, 54, seed=1) * 400, np.full((4, 54, 1), 0.5)], axis=-1)
        np.savez(tmp_path / "a.npz", only=places)
        found = read("npz", tmp_path / "a.npz", layout="spoter-54", width=800, height=400)
        assert (found.units, found.width, found.height) == ("pixel", 800, 400)
        np.testing.assert_allclose(found.keypoints[..., 0], places[..., 0] / 800, rtol=1e-6)
        np.testing.assert_allclose(found.keypoints[..., 1], places[..., 1] / 400, rtol=1e-6)
        assert (found.keypoints[..., 2] == 0.5).all()
        refusal = refused("npz", tmp_path / "a.npz", layout="spoter-54")
        assert refusal.reason is Reason.UNSUPPORTED_FORMAT
        assert "pixels" in refusal.detail

    def test_zeros_are_not_estimated(self, tmp_path: Path) -> None:
        places = np.concatenate([waving(2, 42, seed=0), np.zeros((2, 42, 1))], axis=-1)
        places[0, :21] = 0
        np.save(tmp_path / "a.npy", places.astype(np.float16))
        found = read("npy", tmp_path / "a.npy", layout="hands-42").keypoints
        assert np.isnan(found[0, :21, :3]).all()
        assert (found[0, :21, 3] == 0).all()
        assert (found[..., 3].sum(axis=1) == (21, 42)).all()

    def test_what_does_not_fit(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", X=np.zeros((3, 5, 63)), y=["a", "b", "c"])
        wanted = {"layout": "hands-42"}
        assert "5 x 63" in refused("npz", tmp_path / "a.npz", "X/0", **wanted).detail
        assert "no array `Z`" in refused("npz", tmp_path / "a.npz", "Z/0", **wanted).detail
        assert "no part 7" in refused("npz", tmp_path / "a.npz", "X/7", **wanted).detail
        assert "no array" in refused("npz", tmp_path / "a.npz", **wanted).detail
        assert refused("npz", tmp_path / "a.npz", "y", **wanted).detail

    def test_pickled_objects_are_not_loaded(self, tmp_path: Path) -> None:
        np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
        np.savez(tmp_path / "a.npz", X=np.array([{"a": 1}], dtype=object))
        for name in ("npy", "npz"):
            with pytest.raises(ValueError, match=r"allow_pickle|Python objects"):
                read(name, tmp_path / f"a.{name}", layout="hands-42")

    def test_a_replaced_file_is_read_again(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", X=waving(2, 42, seed=0))
        assert len(read("npz", tmp_path / "a.npz", layout="hands-42").keypoints) == 2
        np.savez(tmp_path / "a.npz", X=waving(30, 42, seed=0))
        assert len(read("npz", tmp_path / "a.npz", layout="hands-42").keypoints) == 30


def unisign(path: Path, places: Any, scores: Any, **more: Any) -> Path:
    value = {
        "keypoints": [frame[None] for frame in places],
        "scores": [frame[None] for frame in scores],
    }
    path.write_bytes(pickle.dumps(value | more))
    return path


class TestUniSign:
    PLACES = waving(6, 133, seed=2)
    SCORES = np.full((6, 133), 0.9)

    def test_shares_of_the_picture(self, tmp_path: Path) -> None:
        scores = self.SCORES.copy()
        scores[2, 91] = 1.08
        path = unisign(tmp_path / "a.pkl", self.PLACES, scores, w_h=[204, 170])
        found = read("unisign", path)
        assert (found.units, found.width, found.height) == ("unit", 204, 170)
        assert found.flags == {"score-clipped"}
        np.testing.assert_array_equal(found.keypoints[..., :2], self.PLACES)
        assert found.keypoints[2, 91, 2] == 1

    @pytest.mark.parametrize("stated", [(720, 850), (850, 720)])
    def test_pixels_with_width_and_height_in_either_order(
        self, tmp_path: Path, stated: tuple[int, int]
    ) -> None:
        # As in the Italian fork: 720 x 850, x up to 759 and y up to 903, `w_h` turned.
        places = self.PLACES.copy()
        places[:, 17:23, 1] = 903 / 850
        places[:, 9, 0] = 759 / 720
        path = unisign(tmp_path / "a.pkl", places * (720, 850), self.SCORES, w_h=list(stated))
        found = read("unisign", path)
        assert (found.width, found.height) == (720, 850)
        assert found.flags == ({"size-swapped"} if stated == (850, 720) else set())
        np.testing.assert_allclose(found.keypoints[..., :2], places, atol=1e-6)

    def test_feet_below_a_wide_picture_do_not_turn_it(self, tmp_path: Path) -> None:
        places = self.PLACES.copy()
        places[:, 17:23, 1] = 1.26
        path = unisign(tmp_path / "a.pkl", places * (1280, 720), self.SCORES, w_h=[1280, 720])
        assert (read("unisign", path).width, read("unisign", path).flags) == (1280, frozenset())

    def test_a_size_of_ours_goes_before_theirs(self, tmp_path: Path) -> None:
        path = unisign(tmp_path / "a.pkl", self.PLACES * 500, self.SCORES, w_h=[1, 1])
        found = read("unisign", path, width=500, height=500)
        np.testing.assert_allclose(found.keypoints[..., :2], self.PLACES, atol=1e-6)
        path = unisign(tmp_path / "b.pkl", self.PLACES * 500, self.SCORES)
        assert "pixels" in refused("unisign", path).detail

    def test_first_person_empty_frames_and_span(self, tmp_path: Path) -> None:
        frames: list[Any] = [np.stack([frame, frame + 1]) for frame in self.PLACES]
        scores: list[Any] = [np.stack([frame, frame]) for frame in self.SCORES]
        frames[3], scores[3] = np.zeros((0, 133, 2)), np.zeros((0, 133))
        value = {"keypoints": frames, "scores": scores, "start": 2, "end": 5}
        (tmp_path / "a.pkl").write_bytes(gzip.compress(pickle.dumps(value)))
        found = read("unisign", tmp_path / "a.pkl")
        assert found.flags == {"several-people"}
        assert found.keypoints.shape == (3, 133, 3)
        np.testing.assert_array_equal(found.keypoints[0, :, :2], self.PLACES[2])
        assert np.isnan(found.keypoints[1, :, :2]).all()

    def test_what_is_no_pose(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pkl"
        path.write_bytes(pickle.dumps({"keypoints": []}))
        assert "scores" in refused("unisign", path).detail
        unisign(path, waving(2, 17, seed=0), np.ones((2, 17)))
        assert "17x2" in refused("unisign", path).detail
        unisign(path, self.PLACES, self.SCORES[:4])
        assert refused("unisign", path).reason is Reason.CORRUPT


def test_openhands(tmp_path: Path) -> None:
    places = np.concatenate([waving(4, 75, seed=0), np.full((4, 75, 1), 0.1)], axis=-1)
    scores = np.ones((4, 75))
    scores[:, :33] = 0.7
    places[1, 33:54], scores[1, 33:54] = 0, 0
    value = {"keypoints": places.astype(np.float64), "confidences": scores}
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value, 4))
    found = read("openhands", tmp_path / "a.pkl").keypoints
    assert found.shape == (4, 75, 4)
    assert np.isnan(found[1, 33:54, :3]).all()
    np.testing.assert_allclose(found[0, :, :3], places[0], rtol=1e-6)
    np.testing.assert_allclose(found[:, :33, 3], 0.7, rtol=1e-6)
    value["confidences"] = scores[:2]
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(value))
    assert refused("openhands", tmp_path / "a.pkl").reason is Reason.CORRUPT

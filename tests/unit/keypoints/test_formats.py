"""Formats of keypoints: what the files in circulation do comes out in one convention."""

from __future__ import annotations

import csv
import gzip
import io
import json
import pickle
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sign_etl.keypoints import ranges
from sign_etl.keypoints.base import FORMATS, Imported, Refused, standard
from sign_etl.recipes.fixture_keypoints import waving
from sign_etl.schema.keypoint_set import FORMAT_LAYOUTS, KeypointSet
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason
from sign_etl.schema.spoter import column_names


def read(name: str, path: Path, part: str | None = None, **wanted: Any) -> Imported:
    kind = wanted.pop("layout", None) or FORMAT_LAYOUTS[name]
    return FORMATS.get(name).read(path, part, KeypointSet(str(kind), **wanted))


def refused(name: str, path: Path, part: str | None = None, **wanted: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        read(name, path, part, **wanted)
    return caught.value


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


class TestSpoter:
    POINTS = layout("spoter-54").points

    def write(
        self, path: Path, rows: list[Any], *, spelling: int = 0, neck: bool = True, **more: Any
    ) -> Path:
        points = [point for point in self.POINTS if neck or point != "neck"]
        names = [
            column_names(point)[min(spelling, len(column_names(point)) - 1)] for point in points
        ]
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow([*(f"{name}_{axis}" for name in names for axis in "XY"), "labels", *more])
        for places in rows:
            cells = [
                str([round(float(value), 4) for value in places[:, self.POINTS.index(point), axis]])
                for point in points
                for axis in range(2)
            ]
            writer.writerow([*cells, 0, *more.values()])
        path.write_text(file.getvalue(), encoding="utf-8")
        return path

    def test_names_of_columns(self) -> None:
        assert column_names("right_eye") == ("rightEye",)
        assert column_names("left_hand_index_dip") == ("indexDIP_left", "indexDIP_0")
        assert column_names("right_hand_pinky_tip") == ("littleTip_right", "littleTip_1")
        assert column_names("right_hand_thumb_mcp") == ("thumbMP_right", "thumbMP_1")
        assert column_names("left_hand_wrist") == ("wrist_left", "wrist_0")
        every = [name for point in self.POINTS for name in column_names(point)]
        assert len(set(every)) == 12 + 2 * 42

    @pytest.mark.parametrize("spelling", [0, 1])
    def test_a_row(self, tmp_path: Path, spelling: int) -> None:
        rows = [waving(3 + number, 54, seed=number) for number in range(3)]
        rows[1][0, 20] = 0
        path = self.write(tmp_path / "a.csv", rows, spelling=spelling, fps=30, video_width=640)
        found = read("spoter-csv", path, "3")
        assert (found.fps, found.width, found.height) == (30, 640, None)
        assert not found.flags
        assert np.isnan(found.keypoints[0, 20, :2]).all()
        known = found.keypoints[..., 2] == 1
        assert known.sum() == 4 * 54 - 1
        np.testing.assert_allclose(found.keypoints[known][:, :2], rows[1][known], atol=1e-4)

    def test_a_missing_neck_is_between_the_shoulders(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.csv", [waving(3, 54, seed=0)], neck=False)
        found = read("spoter-csv", path, "2")
        assert found.flags == {"neck-synthesised"}
        middle = found.keypoints[:, [6, 7], :2].mean(axis=1)
        np.testing.assert_allclose(found.keypoints[:, 1, :2], middle, atol=1e-6)

    def test_cells_are_data(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.csv", [waving(2, 54, seed=0)])
        text = path.read_text(encoding="utf-8")
        first = text.splitlines()[1].split('"')[1]
        for cell in ("__import__('os').getcwd()", "[1, 'a']", "{}", "[1", "[" * 50_000, "[true]"):
            path.write_text(text.replace(first, cell.replace('"', '""'), 1), encoding="utf-8")
            assert refused("spoter-csv", path, "2").reason is Reason.CORRUPT
        path.write_text(text.replace(first, "[0.5, 0.5, 0.5]", 1), encoding="utf-8")
        assert "different numbers" in refused("spoter-csv", path, "2").detail
        assert "no row 9" in refused("spoter-csv", path, "9").detail

    def test_a_missing_joint_is_named(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.csv", [waving(2, 54, seed=0)])
        path.write_text(path.read_text().replace("leftElbow_Y", "x"), encoding="utf-8")
        assert refused("spoter-csv", path, "2").detail == "no column leftElbow_Y"


class TestGislr:
    def test_points_are_placed_by_type_and_index(self, tmp_path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from sign_etl.recipes.gislr import _write_sequence

        _write_sequence(tmp_path / "a.parquet", frames=4, first=20, seed=0)
        found = read("gislr", tmp_path / "a.parquet")
        assert found.keypoints.shape == (4, 543, 4)
        assert np.isnan(found.keypoints[:, 501:522, :3]).all()
        assert (found.keypoints[:, :33, 3] == 1).all()
        table = pq.read_table(tmp_path / "a.parquet")
        row = next(
            row
            for row in table.to_pylist()
            if (row["frame"], row["type"], row["landmark_index"]) == (21, "pose", 15)
        )
        wrist = layout("mediapipe-543").index("left_wrist")
        np.testing.assert_allclose(found.keypoints[1, wrist, :2], (row["x"], row["y"]), rtol=1e-6)

        shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
        pq.write_table(shuffled, tmp_path / "b.parquet")
        again = read("gislr", tmp_path / "b.parquet").keypoints
        np.testing.assert_array_equal(again, found.keypoints)

        gap = table.filter(pa.compute.not_equal(table["frame"], 22))
        pq.write_table(gap, tmp_path / "c.parquet")
        assert read("gislr", tmp_path / "c.parquet").flags == {"time-gap"}

        wrong = table.set_column(3, "landmark_index", pa.array([600] * len(table), pa.int16()))
        pq.write_table(wrong, tmp_path / "d.parquet")
        assert "beyond" in refused("gislr", tmp_path / "d.parquet").detail
        pq.write_table(table.drop(["x"]), tmp_path / "e.parquet")
        assert "no columns" in refused("gislr", tmp_path / "e.parquet").detail


class TestMediapipeJson:
    def hand(self, seed: int) -> list[dict[str, float]]:
        return [
            {"x": float(x), "y": float(y), "z": 0.0}
            for x, y in waving(1, 21, seed=seed)[0].tolist()
        ]

    def test_clips_of_one_document(self, tmp_path: Path) -> None:
        document = {
            'odd "key" \\ {[,': [{"hand 1": self.hand(0)}],
            "b": [{"hand 1": self.hand(1), "hand 2": self.hand(2)}, {}, {"hand 2": self.hand(3)}],
            "empty": [],
        }
        path = tmp_path / "a.json"
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        found = read("mediapipe-json", path, "b")
        assert found.flags == {"hands-unordered"}
        present = found.keypoints[..., 3].reshape(3, 2, 21).all(axis=-1)
        np.testing.assert_array_equal(present, [[True, True], [False, False], [False, True]])
        expected = [point["x"] for point in self.hand(3)]
        np.testing.assert_allclose(found.keypoints[2, 21:, 0], expected, rtol=1e-6)
        assert len(read("mediapipe-json", path, 'odd "key" \\ {[,').keypoints) == 1
        assert len(read("mediapipe-json", path, "empty").keypoints) == 0
        assert "no such clip" in refused("mediapipe-json", path, "c").detail

    @pytest.mark.parametrize("chunk", [1, 2, 7, 64])
    def test_borders_of_chunks_do_not_matter(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int
    ) -> None:
        monkeypatch.setattr(ranges, "CHUNK", chunk)
        path = tmp_path / "a.json"
        value = {'\\"x\\': ['a\\\\"', {"b": "]}"}], "y": [[1, [2]], "\\"], "": {}}
        path.write_text(json.dumps(value), encoding="utf-8")
        assert {key: ranges.read_member(path, key) for key in value} == value
        table = tmp_path / "a.csv"
        table.write_text('\ufeffa,b\r\n"1\n2",x\n\n"say ""hi""\n",y', encoding="utf-8")
        assert ranges.read_row(table, 2) == ("a,b\r", '"1\n2",x')
        assert ranges.read_row(table, 4)[1] == '"say ""hi""\n",y'

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"a": [1', "{1: 2}", "x"])
    def test_what_is_no_document(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.json").write_text(text, encoding="utf-8")
        assert refused("mediapipe-json", tmp_path / "a.json", "a")


class TestPoseFile:
    """The bytes are written here by hand, after the format's specification."""

    def header(
        self, version: float, parts: list[tuple[str, list[str]]], size: tuple[int, int]
    ) -> bytes:
        def text(word: str) -> bytes:
            return struct.pack("<H", len(word)) + word.encode()

        data = struct.pack("<fHHHH", version, *size, 0, len(parts))
        for name, points in parts:
            data += text(name) + text("XYZC") + struct.pack("<HHH", len(points), 0, 0)
            data += b"".join(map(text, points))
        return data

    def write(
        self,
        path: Path,
        parts: list[tuple[str, list[str]]],
        places: Any,
        score: Any,
        version: float = 0.2,
    ) -> Path:
        frames, people = places.shape[:2]
        body = struct.pack("<fIH", 30.0, frames, people)
        if version < 0.15:
            body = struct.pack("<HHH", 30, frames, people)
        data = self.header(version, parts, (640, 480)) + body
        path.write_bytes(data + places.astype("<f4").tobytes() + score.astype("<f4").tobytes())
        return path

    def holistic(self) -> list[tuple[str, list[str]]]:
        points = layout("holistic-75").points
        # MediaPipe says INDEX_FINGER_MCP, RING_FINGER_TIP, but PINKY_TIP.
        hand = [
            re.sub("^(INDEX|MIDDLE|RING)_", r"\1_FINGER_", point.removeprefix("left_hand_").upper())
            for point in points[33:54]
        ]
        return [
            ("POSE_LANDMARKS", [point.upper() for point in points[:33]]),
            ("FACE_LANDMARKS", [str(number) for number in range(468)]),
            ("LEFT_HAND_LANDMARKS", hand),
            ("RIGHT_HAND_LANDMARKS", hand),
            ("POSE_WORLD_LANDMARKS", [point.upper() for point in points[:33]]),
        ]

    @pytest.mark.parametrize("version", [0.1, 0.2])
    def test_holistic(self, tmp_path: Path, version: float) -> None:
        pytest.importorskip("pose_format")
        count = 33 + 468 + 42 + 33
        unit = np.concatenate([waving(5, count, seed=0), np.full((5, count, 1), -0.2)], axis=-1)
        score = np.full((5, 1, count), 0.8)
        score[2, 0, 501:522] = 0
        places = (unit * (640, 480, 1))[:, None]
        path = self.write(tmp_path / "a.pose", self.holistic(), places, score, version)
        found = read("pose", path)
        assert (found.fps, found.width, found.height, found.flags) == (30, 640, 480, frozenset())
        wanted = np.concatenate([unit[:, :33], unit[:, 501:543]], axis=1)
        wanted[2, 33:54] = np.nan
        np.testing.assert_allclose(found.keypoints[..., :3], wanted, atol=1e-6)
        face = read("pose", path, layout="mediapipe-543").keypoints
        np.testing.assert_allclose(face[:, 33:501, :3], unit[:, 33:501], atol=1e-6)
        hands = read("pose", path, layout="hands-42").keypoints
        np.testing.assert_array_equal(hands, found.keypoints[:, 33:])

    def test_reduced_files_by_name(self, tmp_path: Path) -> None:
        pytest.importorskip("pose_format")
        parts = [
            ("POSE_LANDMARKS", ["LEFT_SHOULDER", "RIGHT_WRIST"]),
            ("FACE_LANDMARKS", ["61", "7"]),
        ]
        unit = np.concatenate([waving(2, 4, seed=0), np.zeros((2, 4, 1))], axis=-1)
        places = np.stack([unit * (640, 480, 1)] * 2, axis=1)
        path = self.write(tmp_path / "a.pose", parts, places, np.ones((2, 2, 4)))
        found = read("pose", path, layout="mediapipe-543")
        assert found.flags == {"several-people"}
        known = np.flatnonzero(found.keypoints[0, :, 3])
        np.testing.assert_array_equal(known, [11, 16, 33 + 7, 33 + 61])
        np.testing.assert_allclose(found.keypoints[:, 33 + 61, :2], unit[:, 2, :2], atol=1e-6)
        assert "no points" in refused("pose", path, layout="hands-42").detail

    def test_wholebody_by_place(self, tmp_path: Path) -> None:
        pytest.importorskip("pose_format")
        kind = layout("coco-wholebody-133")
        hand = [f"hand_{number}" for number in range(21)]
        parts = [
            ("BODY", list(kind.points[:23])),
            ("FACE", [f"face-{number}" for number in range(68)]),
            ("LEFT_HAND", hand),
            ("RIGHT_HAND", hand),
        ]
        unit = np.concatenate([waving(2, 133, seed=0), np.zeros((2, 133, 1))], axis=-1)
        path = self.write(
            tmp_path / "a.pose", parts, (unit * (640, 480, 1))[:, None], np.ones((2, 1, 133))
        )
        found = read("pose", path, layout="coco-wholebody-133")
        np.testing.assert_allclose(found.keypoints[..., :2], unit[..., :2], atol=1e-6)
        parts[1] = ("FACE", ["a", "b"])
        places = unit[:, None, :67]
        path = self.write(tmp_path / "b.pose", parts, places, np.ones((2, 1, 67)))
        assert "face of 2" in refused("pose", path, layout="coco-wholebody-133").detail

"""Formats of keypoints that are tables, documents and pose-format files."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keypoint_files import read, refused

from sign_etl.keypoints import ranges
from sign_etl.recipes.fixture_keypoints import waving
from sign_etl.recipes.gislr import write_sequence
from sign_etl.schema.layouts import layout
from sign_etl.schema.outcome import Reason
from sign_etl.schema.spoter import column_names


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

        write_sequence(tmp_path / "a.parquet", frames=4, first=20, seed=0)
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

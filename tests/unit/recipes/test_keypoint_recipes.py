"""Recipes of keypoints: what their tables and label files say, and what they refuse."""

from __future__ import annotations

import gzip
import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sign_etl.core.errors import AnnotationError, ConfigError, UsageError
from sign_etl.recipes.base import RECIPES
from sign_etl.recipes.keypoint_columns import numbers
from sign_etl.schema.clip import Clip

KEYPOINTS = RECIPES.get("keypoints")
UNISIGN = RECIPES.get("unisign")
SPOTER = RECIPES.get("spoter-csv")
GISLR = RECIPES.get("gislr")


def clips(recipe: Any, root: Path, **options: Any) -> list[Clip]:
    return list(recipe.clips(root, recipe.options(options), "mine"))


class TestKeypoints:
    def stack(self, root: Path, **arrays: Any) -> Path:
        np.savez(root / "all.npz", **({"X": np.zeros((4, 2, 84))} | arrays))
        return root / "all.npz"

    def test_clips_of_one_array(self, tmp_path: Path) -> None:
        path = self.stack(tmp_path, y=["a", "b", "a", "b"], seq=[0, 1, 2, 3], who=[b"x"] * 4)
        found = clips(
            KEYPOINTS, tmp_path, media=path, x="X", label="y", take="seq", signer="who",
            val_takes="1", test_takes="2-3", layout="hands-42",
        )  # fmt: skip
        assert [clip.split for clip in found] == ["train", "val", "test", "test"]
        assert [clip.label for clip in found] == ["a", "b", "a", "b"]
        assert {clip.signer for clip in found} == {"x"}
        assert [clip.source.part for clip in found] == ["X/0", "X/1", "X/2", "X/3"]
        assert found[2].key.startswith("mine-a-2-")
        assert found[2].extra == {"take": "2"}
        assert KEYPOINTS.media(tmp_path, KEYPOINTS.options({"media": path})) == tmp_path

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"x": "Z"}, "no array `Z`"),
            ({"x": "X", "label": "short"}, "4 clips are there"),
            ({"x": "X", "label": "odd"}, "no labels"),
        ],
    )
    def test_arrays_that_do_not_fit(self, tmp_path: Path, options: Any, says: str) -> None:
        path = self.stack(tmp_path, short=["a"], odd=np.zeros(4))
        with pytest.raises(AnnotationError, match=says):
            clips(KEYPOINTS, tmp_path, media=path, layout="hands-42", **options)

    def test_pickled_labels_are_refused(self, tmp_path: Path) -> None:
        path = self.stack(tmp_path, y=np.array(["a", {}, 1, None], dtype=object))
        with pytest.raises(AnnotationError, match="no readable"):
            clips(KEYPOINTS, tmp_path, media=path, x="X", label="y")
        path.write_bytes(b"PK\x03\x04 broken")
        with pytest.raises(AnnotationError, match="no readable"):
            clips(KEYPOINTS, tmp_path, media=path, x="X")

    def test_a_split_by_takes_needs_takes(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="array of takes"):
            clips(KEYPOINTS, tmp_path, media=self.stack(tmp_path), x="X", val_takes="1")

    def test_a_folder_tells_split_and_label(self, tmp_path: Path) -> None:
        for file in ("train/hello/a.pose", "test/hello/b.pose", "c.pose", "notes.txt"):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes(b"")
        found = {clip.source.id: clip for clip in clips(KEYPOINTS, tmp_path, media=tmp_path)}
        assert sorted(found) == ["c.pose", "test/hello/b.pose", "train/hello/a.pose"]
        assert (found["test/hello/b.pose"].split, found["test/hello/b.pose"].label) == (
            "test",
            "hello",
        )
        assert all(clip.source.keypoints == "pose" for clip in found.values())
        assert KEYPOINTS.keypoints(KEYPOINTS.options({"media": tmp_path})).layout == "holistic-75"

    def test_a_format_that_is_not_told(self, tmp_path: Path) -> None:
        (tmp_path / "a.pkl").write_bytes(b"")
        with pytest.raises(UsageError, match="does not tell its format") as caught:
            clips(KEYPOINTS, tmp_path, media=tmp_path)
        assert "`unisign` or `openhands`" in str(caught.value.hint)
        found = clips(KEYPOINTS, tmp_path, media=tmp_path, format="openhands")
        assert [clip.source.keypoints for clip in found] == ["openhands"]
        with pytest.raises(UsageError, match="no file of keypoints"):
            clips(KEYPOINTS, tmp_path, media=tmp_path, format="npy")
        with pytest.raises(UsageError, match="needs files"):
            clips(KEYPOINTS, tmp_path)

    def test_a_layout_that_is_not_told(self, tmp_path: Path) -> None:
        (tmp_path / "a.npy").write_bytes(b"")
        with pytest.raises(UsageError, match="does not tell which points"):
            KEYPOINTS.keypoints(KEYPOINTS.options({"media": tmp_path}))
        with pytest.raises(ConfigError, match="unknown keypoint layout"):
            KEYPOINTS.keypoints(KEYPOINTS.options({"media": tmp_path, "layout": "hands-41"}))
        (tmp_path / "b.pose").write_bytes(b"")
        with pytest.raises(UsageError, match="several formats"):
            KEYPOINTS.keypoints(KEYPOINTS.options({"media": tmp_path, "layout": "hands-42"}))

    def test_numbers(self) -> None:
        assert numbers("20-24, 3") == {3, 20, 21, 22, 23, 24}
        assert numbers("") == frozenset()
        with pytest.raises(ConfigError, match="no list of numbers"):
            numbers("1-2-3")


ENTRY = {"name": "65097", "gloss": "", "text": "art", "video_path": "65097.mp4"}


class TestUniSign:
    def write(self, root: Path, name: str, value: Any) -> None:
        text = name.endswith(".json")
        data = json.dumps(value).encode() if text else gzip.compress(pickle.dumps(value))
        (root / name).write_bytes(data)

    def test_gzipped_pickles(self, tmp_path: Path) -> None:
        glosses = ENTRY | {"name": "b", "gloss": ["NEWS", "DAY"], "video_path": "x/b.mp4"}
        self.write(tmp_path, "labels-2000.train", {"65097": ENTRY})
        self.write(tmp_path, "labels-2000.dev", {"b": glosses})
        train, val = clips(UNISIGN, tmp_path, media=tmp_path, label="text", language="ase")
        assert (train.split, train.label, train.gloss, train.text) == ("train", "art", None, "art")
        assert train.key.startswith("mine-art-65097-")
        assert train.source.names[:2] == ("pose_format/train/65097.pkl", "pose_format/65097.pkl")
        assert (val.split, val.gloss, val.source.id) == ("val", "NEWS DAY", "x/b.pkl")
        assert "pose_format/dev/x/b.pkl" in val.source.names
        assert "pose_format/val/x/b.pkl" in val.source.names

    def test_json_lists(self, tmp_path: Path) -> None:
        entry = {"video": "12_10_2023/0.mp4", "pose": "12_10_2023/0.pkl", "text": "Buonasera"}
        self.write(tmp_path, "LIS_Labels_test.json", [entry])
        (found,) = clips(UNISIGN, tmp_path, media=tmp_path)
        assert (found.annotation_id, found.split) == ("12_10_2023/0", "test")
        assert (found.label, found.text) == (None, "Buonasera")
        self.write(tmp_path, "CSL_News_Labels.json", [entry | {"pose": "b.pkl"}])
        assert [clip.split for clip in clips(UNISIGN, tmp_path, media=tmp_path)] == ["test", ""]

    def test_hostile_and_odd_labels(self, tmp_path: Path) -> None:
        self.write(tmp_path, "labels.train", os.getcwd)
        with pytest.raises(AnnotationError, match=r"labels\.train: the pickle holds .*getcwd"):
            clips(UNISIGN, tmp_path, media=tmp_path)
        self.write(tmp_path, "labels.train", {"a": ENTRY | {"video_path": "../a.mp4"}})
        with pytest.raises(AnnotationError, match="entry 0 names no file"):
            clips(UNISIGN, tmp_path, media=tmp_path)
        self.write(tmp_path, "labels.train", "x")
        with pytest.raises(AnnotationError, match="neither a mapping nor a list"):
            clips(UNISIGN, tmp_path, media=tmp_path)

    def test_a_name_in_two_files(self, tmp_path: Path) -> None:
        for phase in ("train", "test"):
            self.write(tmp_path, f"labels.{phase}", {"a": ENTRY})
        with pytest.raises(AnnotationError, match=r"`65097` stands in labels\.train too"):
            clips(UNISIGN, tmp_path, media=tmp_path)

    def test_no_label_file(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no label file"):
            clips(UNISIGN, tmp_path, media=tmp_path)
        with pytest.raises(UsageError, match="needs its files"):
            clips(UNISIGN, tmp_path)


class TestSpoter:
    def write(self, root: Path, name: str, text: str) -> None:
        (root / name).write_text(text, encoding="utf-8")

    def test_labels_splits_and_rows(self, tmp_path: Path) -> None:
        self.write(tmp_path, "WLASL100_train_25fps.csv", 'nose_X,labels\n"[0.1]",1\n"[0.2]",2.0\n')
        self.write(
            tmp_path,
            "mine.csv",
            'nose_X,labels,split,video_id,label_name\n"[0.1]",1,test,07069,drink\n',
        )
        found = clips(SPOTER, tmp_path, media=tmp_path, first_label=1)
        assert [(clip.split, clip.label, clip.source.part) for clip in found] == [
            ("train", "0", "2"),
            ("train", "1", "3"),
            ("test", "drink", "2"),
        ]
        assert found[2].extra == {"video_id": "07069"}
        assert found[2].key.startswith("mine-drink-07069-")
        self.write(tmp_path, "id_to_label.json", '{"0": "book", "1": "drink"}')
        words = clips(SPOTER, tmp_path, media=tmp_path / "WLASL100_train_25fps.csv", first_label=1)
        assert [clip.label for clip in words] == ["book", "drink"]

    @pytest.mark.parametrize("label", ["0", "x", ""])
    def test_labels_that_are_none(self, tmp_path: Path, label: str) -> None:
        self.write(tmp_path, "train.csv", f'nose_X,labels\n"[0.1]",{label}\n')
        with pytest.raises(AnnotationError, match=r"train\.csv: row 2"):
            clips(SPOTER, tmp_path, media=tmp_path, first_label=1)

    def test_no_table(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no table"):
            clips(SPOTER, tmp_path, media=tmp_path)
        self.write(tmp_path, "a.csv", 'nose_X\n"[0.1]"\n')
        with pytest.raises(AnnotationError, match="no column `labels`"):
            clips(SPOTER, tmp_path, media=tmp_path)


class TestGislr:
    ROW = "train_landmark_files/26734/1000035562.parquet,26734,1000035562,blow\n"

    def write(self, root: Path, rows: str) -> None:
        text = f"path,participant_id,sequence_id,sign\n{rows}"
        (root / "train.csv").write_text(text, encoding="utf-8")

    def test_a_sequence(self, tmp_path: Path) -> None:
        self.write(tmp_path, self.ROW)
        (found,) = clips(GISLR, tmp_path, media=tmp_path)
        assert (found.annotation_id, found.label, found.signer) == ("1000035562", "blow", "26734")
        assert found.source.keypoints == "gislr"
        assert found.key.startswith("mine-blow-1000035562-")

    def test_numbers_of_the_signs(self, tmp_path: Path) -> None:
        self.write(tmp_path, self.ROW)
        options = GISLR.options({"media": tmp_path})
        assert GISLR.labels(tmp_path, options) is None
        path = tmp_path / "sign_to_prediction_index_map.json"
        path.write_text('{"wait": 1, "blow": 0}', encoding="utf-8")
        assert GISLR.labels(tmp_path, options) == ["blow", "wait"]
        path.write_text('{"wait": 2, "blow": 0}', encoding="utf-8")
        with pytest.raises(AnnotationError, match="number the signs from 0"):
            GISLR.labels(tmp_path, options)

    @pytest.mark.parametrize("row", [ROW + ROW, ",1,2,x\n", "../a.parquet,1,2,x\n", "a,1,2,\n"])
    def test_rows_that_are_wrong(self, tmp_path: Path, row: str) -> None:
        self.write(tmp_path, row)
        with pytest.raises(AnnotationError):
            clips(GISLR, tmp_path, media=tmp_path)

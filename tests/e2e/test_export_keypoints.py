"""Exports of keypoints read back: by the packages they are for, and by sign-etl's own recipes."""

from __future__ import annotations

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from exported import again, known, rounded, same_clips, twin
from tiny_build import signer_keypoints

from sign_etl.app.export import export
from sign_etl.reader import open_build
from sign_etl.schema.layouts import layout
from sign_etl.schema.unisign import WHOLEBODY


@pytest.mark.parametrize("source", ["tiny", "whole"])
def test_pose_format(source: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pose_format = pytest.importorskip("pose_format")
    build = request.getfixturevalue(source)
    export(build, "pose-format", tmp_path / "out")
    with open_build(build) as opened:
        kind = layout(opened.manifest.poses[opened.backends[0]].layout)
        parts = ("body", "face", "left_hand", "right_hand")
        order = [number for part in parts for number in kind.parts[part]]
        for sample in opened:
            path = tmp_path / "out" / "poses" / sample.split / f"{sample.key}.pose"
            pose = pose_format.Pose.read(path.read_bytes())
            size = pose.header.dimensions
            assert (size.width, size.height) == (sample.width, sample.height)
            assert pose.body.fps == sample.fps
            places = pose.body.data[:, 0].filled(np.nan)
            places[..., :2] /= (sample.width, sample.height)
            wanted = known(opened, sample, kind.name)[:, order]
            rounded(places, wanted[..., :-1])
            rounded(pose.body.confidence[:, 0], wanted[..., -1])
        back = again(
            tmp_path / "out",
            "keypoints",
            tmp_path / "again",
            media="poses",
            annotations="clips.csv",
            layout=kind.name,
            language="zxx",
        )
        with back:
            same_clips(opened, back, ("label", "gloss", "text", "split", "signer", "fps"))
            for sample in opened:
                found = back.keypoints(twin(back, sample.key))
                rounded(found, known(opened, sample, kind.name))


def test_pose_format_knows_the_files(tiny: Path, whole: Path, tmp_path: Path) -> None:
    """The library's own names: its tools for hands and for the body find their points."""
    pytest.importorskip("pose_format")
    from pose_format import Pose
    from pose_format.utils.generic import (
        detect_known_pose_format,
        hands_components,
        pose_normalization_info,
    )

    for build, name in ((tiny, "holistic"), (whole, "coco_wholebody_133")):
        export(build, "pose-format", tmp_path / name)
        pose = Pose.read(next((tmp_path / name).rglob("*.pose")).read_bytes())
        assert detect_known_pose_format(pose) == name
        assert pose_normalization_info(pose.header).p1 is not None
        hands, *_ = hands_components(pose.header)
        assert {component.name for component in pose.header.components} >= set(hands)


@pytest.mark.parametrize("source", ["tiny", "whole"])
def test_spoter(source: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pandas = pytest.importorskip("pandas")
    build = request.getfixturevalue(source)
    export(build, "spoter", tmp_path / "out")
    words = json.loads((tmp_path / "out" / "id_to_label.json").read_text(encoding="utf-8"))
    with open_build(build) as opened:
        assert [words[str(number)] for number in range(len(words))] == list(opened.labels)
        for split in opened.splits:
            path = tmp_path / "out" / f"{opened.manifest.name}_{split}.csv"
            table = pandas.read_csv(path, encoding="utf-8")
            assert len(table) == opened.splits[split]
            for row in table.to_dict("records"):
                sample = opened.sample(row["video_id"])
                assert (row["labels"], row["split"]) == (sample.label_id, split)
                wanted = np.nan_to_num(known(opened, sample, "spoter-54").astype(np.float32))
                joints = {"neck": 1, "rightEar": 4, "indexTip_left": 13, "thumbCMC_right": 53}
                for joint, point in joints.items():
                    for axis, letter in enumerate("XY"):
                        cell = json.loads(row[f"{joint}_{letter}"])
                        rounded(cell, wanted[:, point, axis])
        back = again(tmp_path / "out", "spoter-csv", tmp_path / "again", language="zxx")
        with back:
            for sample in opened:
                found = next(one for one in back if one.extra["video_id"] == sample.key)
                wanted = known(opened, sample, "spoter-54")
                assert (found.label, found.split, found.fps) == (
                    sample.label,
                    sample.split,
                    sample.fps,
                )
                rounded(back.keypoints(found)[..., :2], wanted[..., :2])


def test_uni_sign(whole: Path, tmp_path: Path) -> None:
    export(whole, "unisign", tmp_path / "out")
    with open_build(whole) as opened:
        for sample in opened:
            phase = {"val": "dev"}.get(sample.split, sample.split)
            labels = pickle.loads(gzip.decompress((tmp_path / f"out/labels.{phase}").read_bytes()))
            label = labels[sample.key]
            assert set(label) == {"name", "gloss", "text", "video_path"}
            assert (label["name"], label["text"]) == (sample.key, sample.text)
            assert " ".join(label["gloss"]) == sample.gloss
            # As its loader goes on: the video's name with another extension, the first person, x
            # and y as they are, and points that are not sure become zero.
            path = tmp_path / "out/pose_format" / phase / label["video_path"].replace("mp4", "pkl")
            pose = pickle.loads(path.read_bytes())
            points = np.array(pose["keypoints"])[:, 0]
            scores = np.array(pose["scores"])[:, 0]
            assert points.shape == (sample.frames, 133, 2)
            assert pose["w_h"] == [sample.width, sample.height]
            wanted = known(opened, sample, "coco-wholebody-133")
            sure = scores > 0.3
            assert sure.any()
            assert np.isfinite(points).all()
            rounded(points[sure], wanted[..., :2][sure])
            rounded(scores, wanted[..., -1])
            body = points[:, WHOLEBODY[:9]]
            assert body.shape == (sample.frames, 9, 2)
        size = opened.sample(sample.key)
        back = again(
            tmp_path / "out",
            "unisign",
            tmp_path / "again",
            language="zxx",
            fps=size.fps,
        )
        with back:
            for sample in opened:
                found = twin(back, sample.key)
                assert (found.split, found.text) == (sample.split, sample.text)
                assert (found.width, found.height) == (sample.width, sample.height)
                rounded(back.keypoints(found), known(opened, sample, "coco-wholebody-133"))


def test_uni_sign_says_which_points_it_cannot_have(tiny: Path, tmp_path: Path) -> None:
    reply = export(tiny, "unisign", tmp_path / "out", with_video=True)
    assert any("70 of its 133 points cannot be had" in note for note in reply.notes)
    assert len(list((tmp_path / "out/rgb_format").rglob("*.mp4"))) == reply.clips == 4
    data = next((tmp_path / "out/pose_format").rglob("*.pkl")).read_bytes()
    import pickletools

    loaded = {
        str(argument)
        for opcode, argument, _ in pickletools.genops(data)
        if opcode.name in ("SHORT_BINUNICODE", "GLOBAL")
    }
    assert loaded <= {
        *("keypoints", "scores", "w_h", "numpy._core.multiarray", "_reconstruct", "numpy"),
        *("ndarray", "dtype", "f4", "<", "numpy._core.numeric", "_frombuffer", "C"),
    }


def test_the_made_signer_has_gaps() -> None:
    """Else the round trips above would not show what becomes of points that are missing."""
    assert np.isnan(signer_keypoints(12)).any()

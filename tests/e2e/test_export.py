"""Exports read back: by the packages they are for, and by sign-etl's own recipes."""

from __future__ import annotations

import csv
import gzip
import json
import pickle
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pose_build import write_pose_build
from tiny_build import signer_keypoints, write_tiny_build

from sign_etl.app.export import export, rights
from sign_etl.app.ingest import IngestRequest, ingest
from sign_etl.export.build_card import build_card
from sign_etl.reader import Build, Sample, open_build
from sign_etl.schema.conversions import convert
from sign_etl.schema.layouts import layout
from sign_etl.schema.unisign import WHOLEBODY

CLIPS = 4


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holistic keypoints with videos; classes in several scripts."""
    return write_tiny_build(tmp_path_factory.mktemp("from") / "tiny", clips=CLIPS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO-WholeBody keypoints with gaps, beyond the picture, and sentences."""
    return write_pose_build(
        tmp_path_factory.mktemp("from") / "whole",
        [7, 9, 8, 6],
        splits=("train", "val"),
        classes=2,
        kind="coco-wholebody-133",
        name="whole",
    )


def again(folder: Path, recipe: str, out: Path, **options: Any) -> Build:
    """Ingest an export, each with a store of its own."""
    flags = {key: folder / options.pop(key, "") for key in ("media", "annotations")}
    settings = [f"dataset.{key}={value}" for key, value in options.items()]
    done = ingest(
        IngestRequest(
            recipe,
            out=out,
            store=str(out.with_name("store")),
            settings=(
                "pose={}",
                "normalise.fps=25",
                "quality.max_frozen=1",
                "policy.max_failed=1",
                *settings,
            ),
            jobs=1,
            media=flags["media"],
            annotations=flags["annotations"],
            media_kind="trimmed" if recipe in ("slovo",) else None,
        )
    )
    assert done.counts.keys() == {"written"}, done.reasons
    return open_build(done.build)


def rounded(one: Any, other: Any) -> None:
    """Equal within a step of float16."""
    np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
    np.testing.assert_allclose(
        np.asarray(one, np.float32), np.asarray(other, np.float32), rtol=2**-10, atol=2**-10
    )


def known(build: Build, sample: Sample, target: str) -> Any:
    """Keypoints of a sample in a layout."""
    name = build.backends[0]
    source = build.manifest.poses[name].layout
    found = build.keypoints(sample)
    return found if source == target else convert(found, source, target)


# ---- keypoints: the consumer's reader, and back into a build


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
    assert len(list((tmp_path / "out/rgb_format").rglob("*.mp4"))) == CLIPS
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


# ---- videos and lists


@pytest.mark.parametrize("name", ["videomae", "signvlm"])
def test_lists_of_videos(name: str, tiny: Path, tmp_path: Path) -> None:
    import av

    export(tiny, name, tmp_path / "out")
    separator, suffix = {"videomae": (" ", "csv"), "signvlm": ("\t", "txt")}[name]
    with open_build(tiny) as opened:
        for split in opened.splits:
            lines = (tmp_path / "out" / f"{split}.{suffix}").read_text("utf-8").splitlines()
            found = {}
            for line in lines:
                path, label = line.split(separator)
                found[Path(path).stem] = int(label)
                with av.open(str(tmp_path / "out" / path)) as video:
                    assert (
                        sum(1 for _ in video.decode(video=0))
                        == opened.sample(Path(path).stem).frames
                    )
            assert found == {one.key: one.label_id for one in opened if one.split == split}
        if name == "videomae":
            return
        options = {"names": "names.txt", "language": "zxx"}
        with again(tmp_path / "out", "list-file", tmp_path / "again", **options) as back:
            assert back.labels == opened.labels
            words = {Path(one.source_id).stem: (one.label, one.split) for one in back}
            assert words == {one.key: (one.label, one.split) for one in opened}


def test_slovo(tiny: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    export(tiny, "slovo", tmp_path / "out")
    table = pandas.read_csv(tmp_path / "out" / "annotations.csv", sep="\t")
    with open_build(tiny) as opened:
        for row in table.to_dict("records"):
            sample = opened.sample(row["attachment_id"])
            assert (row["text"], row["user_id"], row["length"]) == (
                sample.label,
                sample.signer,
                sample.frames,
            )
            assert row["train"] is (sample.split == "train")
            place = "train" if row["train"] else "test"
            assert (tmp_path / "out" / place / f"{sample.key}.mp4").stat().st_size > 500
        back = again(tmp_path / "out", "slovo", tmp_path / "again", annotations="annotations.csv")
        with back:
            for sample in opened:
                found = twin(back, sample.key)
                assert (found.label, found.signer, found.frames) == (
                    sample.label,
                    sample.signer,
                    sample.frames,
                )
                assert found.extra["split"] == sample.split


def test_ssvp(tiny: Path, tmp_path: Path) -> None:
    export(tiny, "ssvp", tmp_path / "out")
    with open_build(tiny) as opened:
        for split in opened.splits:
            path = tmp_path / "out" / "manifests" / f"{split}.tsv"
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
            assert len(rows) == opened.splits[split]
            for name, duration, caption in rows:
                sample = opened.sample(name)
                assert float(duration) == pytest.approx(sample.frames / sample.fps, abs=1e-3)
                assert caption == sample.gloss
                assert (tmp_path / "out/videos" / name[:5] / f"{name}.mp4").is_file()
        back = again(tmp_path / "out", "ssvp-tsv", tmp_path / "again", language="zxx")
        with back:
            said = {one.annotation_id: (one.text, one.split, one.frames) for one in back}
            assert said == {one.key: (one.gloss, one.split, one.frames) for one in opened}


def test_rerun(tiny: Path, tmp_path: Path) -> None:
    chunk = pytest.importorskip("rerun.chunk", reason="rerun-sdk is not installed")
    export(tiny, "rerun", tmp_path / "out", with_video=True)
    with open_build(tiny) as opened:
        for sample in opened:
            path = tmp_path / "out" / sample.split / f"{sample.key}.rrd"
            chunks = list(chunk.RrdReader(path).stream())
            found = {one.entity_path: one.to_record_batch() for one in chunks}
            assert "/clip/video" in found
            points = found["/clip/keypoints"].sort_by("frame").to_pydict()
            assert points["frame"] == list(range(sample.frames))
            wanted = opened.keypoints(sample)
            for number in range(sample.frames):
                there = np.flatnonzero(~np.isnan(wanted[number, :, 0]))
                assert points["Points2D:keypoint_ids"][number] == there.tolist()
                places = np.array(points["Points2D:positions"][number])
                rounded(places / (sample.width, sample.height), wanted[number, there, :2])


# ---- tables and descriptions


@pytest.mark.parametrize("source", ["tiny", "whole"])
def test_parquet(source: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    pandas = pytest.importorskip("pandas")
    import pyarrow.parquet as pq

    build = request.getfixturevalue(source)
    export(build, "parquet", tmp_path / "out")
    table = pandas.read_parquet(tmp_path / "out" / "data")
    path = next((tmp_path / "out" / "data").iterdir())
    about = json.loads(pq.read_schema(path).metadata[b"sign-etl"])
    with open_build(build) as opened:
        kind = layout(about["layout"])
        assert about["points"] == list(kind.points)
        assert len(about["channels"]) == kind.channels
        assert len(table) == len(opened)
        for row in table.itertuples():
            sample = opened.sample(row.key)
            found = np.stack(row.keypoints).reshape(row.frames, kind.size, kind.channels)
            np.testing.assert_array_equal(found, opened.keypoints(sample).astype(np.float32))
            assert (row.label, row.signer, row.split) == (
                sample.label,
                sample.signer,
                sample.split,
            )
            assert json.loads(row.extra) == sample.extra


def test_hugging_face(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    export(tiny, "hf", tmp_path / "out", with_video=True)
    found = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    with open_build(tiny) as opened:
        assert {name: len(part) for name, part in found.items()} == {
            "train": opened.splits["train"],
            "validation": opened.splits["val"],
        }
        for part in found.values():
            for row in part:
                sample = opened.sample(row["key"])
                keypoints = np.asarray(row["keypoints"], np.float32)
                keypoints = keypoints.reshape(row["frames"], 75, 4)
                np.testing.assert_array_equal(
                    keypoints, opened.keypoints(sample).astype(np.float32)
                )
                assert (row["label"], row["label_id"]) == (sample.label, sample.label_id)
                assert row["video"] == opened.read(sample, "mp4")
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard.load(tmp_path / "out" / "README.md")
    assert card.data.license == "cc0-1.0"
    assert card.data.language == ["zxx"]


def test_the_folder_of_a_build_with_its_card(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets")
    folder = shutil.copytree(tiny, tmp_path / "build")
    with open_build(folder) as opened:
        text = build_card(opened.manifest, opened.index, opened.labels, rights(opened.manifest))
        (folder / "README.md").write_text(text, encoding="utf-8")
        found = datasets.load_dataset(str(folder), streaming=True)
        for name, split in {"train": "train", "validation": "val"}.items():
            rows = {row["__key__"]: row for row in found[name].decode(False)}
            assert rows.keys() == {one.key for one in opened if one.split == split}
            for key, row in rows.items():
                assert row["json"]["label"] == opened.sample(key).label
                keypoints = np.asarray(row["blazepose.npy"])
                np.testing.assert_array_equal(keypoints, opened.keypoints(key))
        assert len(found) == 2


def test_croissant(tiny: Path, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    export(tiny, "croissant", tmp_path / "out")
    found = mlcroissant.Dataset(tmp_path / "out" / "croissant.json")
    issues = found.metadata.issues
    assert not issues.errors
    with open_build(tiny) as opened:
        shards = {one.path: one.sha256 for one in opened.manifest.shards}
        named = {one.id: one.sha256 for one in found.metadata.distribution}
        assert shards.items() <= named.items()
        rows = list(found.records("clips"))
        assert [row["clips/key"].decode() for row in rows] == [one.key for one in opened]
        assert [row["clips/label_id"] for row in rows] == [one.label_id for one in opened]
        assert [row["clips/label"].decode() for row in rows] == [one.label for one in opened]


# ---- shards


def test_tars_without_videos_are_the_build_but_for_them(tiny: Path, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    from sign_etl.export.base import EXPORTERS
    from sign_etl.export.rights import Rights
    from sign_etl.export.writing import export_build

    closed = Rights("none stated", False, "nobody said that they may")
    with open_build(tiny) as opened:
        export_build(opened, EXPORTERS.get("wids"), tmp_path / "poses", closed)
        whole = export_build(opened, EXPORTERS.get("wids"), tmp_path / "all", closed)
        assert whole.selection.video is False
        for shard in opened.manifest.shards:
            tars = [str(tmp_path / "poses" / shard.path)]
            for raw in webdataset.WebDataset(tars, shardshuffle=False):
                assert "mp4" not in raw
                assert raw["blazepose.npy"] == opened.read(raw["__key__"], "blazepose.npy")
                assert raw["json"] == opened.read(raw["__key__"], "json")


def test_wids(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wids = pytest.importorskip("wids")
    export(tiny, "wids", tmp_path / "out")
    (tmp_path / "cache").mkdir()
    with open_build(tiny) as opened:
        for split, count in opened.splits.items():
            data = wids.ShardListDataset(
                str(tmp_path / "out" / f"{split}.json"),
                cache_dir=str(tmp_path / "cache"),
                keep=True,
                transformations=[],
            )
            assert len(data) == count
            keys = [one.key for one in opened if one.split == split]
            for number in range(count):
                sample = data[number]
                assert sample["__key__"] == keys[number]
                npy = sample[".blazepose.npy"].read()
                assert npy == opened.read(keys[number], "blazepose.npy")


def test_energon_offsets(tiny: Path, tmp_path: Path) -> None:
    """An `.idx` says where a tar can be cut between samples: each piece is a tar of one sample."""
    import io
    import struct
    import tarfile

    import yaml

    export(tiny, "energon", tmp_path / "out")
    meta = tmp_path / "out" / ".nv-meta"
    counts = json.loads((meta / ".info.json").read_text())["shard_counts"]
    parts = yaml.safe_load((meta / "split.yaml").read_text())["split_parts"]
    with open_build(tiny) as opened:
        assert list(counts) == [one.path for one in opened.manifest.shards]
        assert parts == {
            split: [one.path for one in opened.manifest.shards if one.split == split]
            for split in opened.splits
        }
        for path, count in counts.items():
            data = (tmp_path / "out" / path).read_bytes()
            index = (tmp_path / "out" / f"{path}.idx").read_bytes()
            starts = struct.unpack(f"<{count + 1}Q", index)
            keys = []
            for begin, end in pairwise(starts):
                with tarfile.open(fileobj=io.BytesIO(data[begin:end])) as tar:
                    names = {name.partition(".")[0] for name in tar.getnames()}
                assert len(names) == 1
                keys += names
            assert keys == [one.key for one in opened if one.shard == path]
            assert not data[starts[-1] :].strip(b"\0")


def test_energon(tiny: Path, tmp_path: Path) -> None:
    energon = pytest.importorskip("megatron.energon", reason="megatron-energon is not installed")

    @energon.stateless
    def cook(sample: dict[str, Any]) -> dict[str, Any]:
        return {**energon.basic_sample_keys(sample), "keypoints": sample["blazepose.npy"]}

    class Plain(energon.DefaultTaskEncoder):  # type: ignore[misc]
        cookers = (energon.Cooker(cook),)

        def batch(self, samples: list[Any]) -> list[Any]:
            return samples

    export(tiny, "energon", tmp_path / "out")
    with open_build(tiny) as opened:
        for split in opened.splits:
            found = energon.get_val_dataset(
                str(tmp_path / "out"),
                split_part=split,
                batch_size=1,
                worker_config=energon.WorkerConfig(rank=0, world_size=1, num_workers=0),
                task_encoder=Plain(),
            )
            samples = [one for batch in energon.get_loader(found) for one in batch]
            assert sorted(one["__key__"] for one in samples) == sorted(
                one.key for one in opened if one.split == split
            )
            for one in samples:
                np.testing.assert_array_equal(one["keypoints"], opened.keypoints(one["__key__"]))


def twin(build: Build, annotation_id: str) -> Sample:
    """The sample of this annotation id."""
    return next(one for one in build if one.annotation_id == annotation_id)


def same_clips(one: Build, other: Build, fields: tuple[str, ...]) -> None:
    """Every clip of `one` stands in `other` under its key, with the same facts."""
    assert len(one) == len(other)
    for sample in one:
        found = twin(other, sample.key)
        for field in fields:
            assert getattr(found, field) == getattr(sample, field), field


def test_the_made_signer_has_gaps() -> None:
    """Else the round trips above would not show what becomes of points that are missing."""
    assert np.isnan(signer_keypoints(12)).any()

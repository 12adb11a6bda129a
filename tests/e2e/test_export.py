"""Exports as tables, descriptions and shards read back by the packages they are for."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sign_etl.app.export import export, rights
from sign_etl.export.build_card import build_card
from sign_etl.reader import open_build
from sign_etl.schema.layouts import layout


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
